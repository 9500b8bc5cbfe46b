// jitattn bench: measures the speed of each problem, and its share of this machine's peak.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/interrupt.h"
#include "cli/laboratory.h"
#include "cli/problem_flags.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "lab/bench_beside.h"
#include "lab/bench_compare.h"
#include "lab/bench_flags.h"
#include "lab/bench_floors.h"
#include "lab/bench_report.h"
#include "lab/bench_run.h"
#include "lab/commands.h"
#include "runtime/machine_flags.h"

namespace jitattn::lab {
namespace {

struct Flags {
  BenchFlags bench;
  BesideFlags beside;
  std::string earlier;  // --vs
  bool json = false, csv = false, quiet = false;
};

struct Measured {
  std::vector<BenchRow> rows;
  std::vector<std::string> beware;
  bool interrupted = false;
};

absl::StatusOr<Measured> MeasureAll(const Flags& flags, const std::vector<BenchCase>& cases,
                                    const Floors& floors) {
  const runtime::MachineWatch watch;
  const cli::Interrupt interrupt;
  const bool progress = !flags.quiet && cli::IsTerminal(stderr);
  Measured measured;
  absl::Status failed;
  for (size_t i = 0; i < cases.size() && failed.ok() && !interrupt.stop(); ++i) {
    if (progress) cli::ShowPlace(i, cases.size(), cases[i].problem);
    auto rows = MeasureCase(cases[i], flags.bench, floors);
    if (!rows.ok()) failed = rows.status();
    if (rows.ok()) measured.rows.insert(measured.rows.end(), rows->begin(), rows->end());
  }
  if (progress) std::fputs("\r\033[K", stderr);
  if (!failed.ok()) return failed;
  FillCliffs(&measured.rows);
  measured.interrupted = interrupt.stop();
  measured.beware = watch.Flags();
  return measured;
}

void PrintText(const Cpu& cpu, const std::vector<BenchLine>& lines, const Measured& measured,
               const std::vector<std::string>& configs) {
  std::printf("%s\n%s", cli::Bold(cpu.brand, stdout).c_str(), RowsText(measured.rows).c_str());
  if (!lines.empty()) std::printf("\n%s", LinesText(lines, measured.rows, configs).c_str());
  if (!measured.beware.empty()) {
    std::printf("\nwarning: %s\n", absl::StrJoin(measured.beware, ", ").c_str());
  }
}

int Print(const Flags& flags, const BenchPreset& preset, const Floors& floors,
          const std::optional<EarlierRun>& earlier, const Measured& measured) {
  const Cpu& cpu = HostCpu();
  const std::vector<std::string> configs = flags.bench.Configs();
  std::vector<ComparedRow> compared;
  if (earlier) compared = CompareRuns(*earlier, measured.rows);
  if (flags.json) {
    cli::Json json = cli::JsonHead("bench");
    json["machine"] = MachineOf(cpu, measured.beware);
    json["preset"] = cli::OrNull(flags.bench.preset);
    json["floors"] = cli::OrNull(floors.kind());
    json["rows"] = cli::Json::array();
    for (const BenchRow& row : measured.rows) json["rows"].push_back(ToJson(row));
    json["lines"] = LinesJson(preset.lines, measured.rows, configs);
    if (earlier) json["vs"] = ComparisonJson(compared);
    json["interrupted"] = measured.interrupted;
    cli::PrintJson(json);
  } else if (flags.csv) {
    std::fputs(RowsCsv(measured.rows).c_str(), stdout);
  } else {
    PrintText(cpu, preset.lines, measured, configs);
    if (earlier) std::printf("\n%s", ComparisonText(compared).c_str());
  }
  for (const BenchRow& row : measured.rows) {
    if (row.result.wrong.empty()) continue;
    return cli::Fail(absl::InternalError(
        absl::StrFormat("%s, %s: wrong result: %s", row.name(), row.asked, row.result.wrong)));
  }
  return measured.interrupted ? cli::Interrupt::exit_code() : cli::kDone;
}

int RunBench(const Flags& flags) {
  if (flags.beside.neighbours) {
    return RunBeside(flags.beside, flags.bench, {.json = flags.json, .csv = flags.csv});
  }
  const auto preset = flags.bench.Cases();
  if (!preset.ok()) return cli::Fail(preset.status());
  std::optional<EarlierRun> earlier;
  if (!flags.earlier.empty()) {
    auto read = ReadEarlierRun(flags.earlier);
    if (!read.ok()) return cli::Fail(read.status());
    earlier = *std::move(read);
  }
  const auto floors = Floors::Parse(kFloorsJson, cache::HostFingerprint(HostCpu()));
  if (!floors.ok()) return cli::Fail(floors.status());
  const auto measured = MeasureAll(flags, preset->cases, *floors);
  if (!measured.ok()) return cli::Fail(measured.status());
  return Print(flags, *preset, *floors, earlier, *measured);
}

}  // namespace

cli::Command AddBench(CLI::App* app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* bench = cli::AddLaboratoryCommand(app, "bench");
  flags->bench.AddTo(bench);
  flags->beside.AddTo(bench);
  constexpr const char* kGroup = "Output";
  bench
      ->add_option("--vs", flags->earlier,
                   "an earlier run's --json: print the differences beyond noise")
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE")
      ->group(kGroup);
  bench->add_flag("--quiet", flags->quiet, "no progress")->group(kGroup);
  CLI::Option* json = bench->add_flag("--json", flags->json, "the rows as JSON (docs/bench.md)");
  json->group(kGroup);
  bench->add_flag("--csv", flags->csv, "the rows as CSV, with the same keys")
      ->excludes(json)
      ->group(kGroup);
  return {bench, [flags] { return RunBench(*flags); }};
}

}  // namespace jitattn::lab
