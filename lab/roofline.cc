// jitattn roofline: shows each problem under this machine's limits, and which limit binds.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/laboratory.h"
#include "cli/text.h"
#include "lab/bench_flags.h"
#include "lab/bench_report.h"
#include "lab/bench_run.h"
#include "lab/commands.h"
#include "lab/measuring/bench_roofline.h"
#include "lab/roofline_chart.h"
#include "runtime/machine_flags.h"

namespace jitattn::lab {
namespace {

struct Flags {
  BenchFlags bench;
  bool json = false;
};

// Samples of each probe. Each roof is measured once, before the problems.
constexpr int kLooks = 20;
// Letters for the points on the chart. Further rows have no letter.
constexpr char kMarks[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr int kChartWidth = 68, kChartHeight = 18;

// Identifies the roof of a row.
using RoofKey = std::tuple<std::string_view, DType, Isa, int>;
RoofKey KeyOf(const BenchRow& row) {
  const DType dtype = row.problem().dtype();
  return {row.problem().operation().name, dtype, row.key.conditions.isa,
          row.key.conditions.threads};
}

std::string RoofTitle(const RoofKey& key) {
  const auto& [op, dtype, isa, threads] = key;
  return absl::StrFormat("%s %s, %s, %d %s", op, Name(dtype), Name(isa), threads,
                         threads == 1 ? "thread" : "threads");
}

struct Placed {
  BenchRow row;
  Demand demand;
  Binding binding;
  double fraction() const { return binding.seconds / row.result.seconds.min; }
};

std::string BoundText(const Binding& binding) {
  const std::string level(Name(binding.level));
  switch (binding.bound) {
    case Bound::kFma:
      return "FMA";
    case Bound::kOperands:
      return absl::StrCat(level, ": operands");
    case Bound::kAgain:
      return absl::StrCat(level, ": K and V again");
  }
  return "";
}

std::string RoofText(const Roof& roof) {
  std::vector<std::vector<std::string>> table = {{"LIMIT", ">RATE", "", ">RIDGE"}};
  table.push_back({"FMA", absl::StrFormat("%.1f", roof.fma * 1e-9), "GFLOP/s", ""});
  for (int i = 0; i < kLevels; ++i) {
    const auto level = static_cast<Level>(i);
    table.push_back({std::string(Name(level)), absl::StrFormat("%.1f", roof.bandwidth[i] * 1e-9),
                     "GB/s", absl::StrFormat("%.2f flop/byte", roof.Ridge(level))});
  }
  return cli::Table(table);
}

std::string RowsText(const std::vector<Placed>& rows) {
  std::vector<std::vector<std::string>> table = {{"", "PROBLEM", "CONFIG", ">FLOP/BYTE", ">GFLOP/S",
                                                  "BOUND BY", ">AT BEST", ">MEASURED",
                                                  ">FRACTION"}};
  for (size_t i = 0; i < rows.size(); ++i) {
    const Placed& placed = rows[i];
    const BenchRow& row = placed.row;
    table.push_back({i + 1 < sizeof kMarks ? std::string(1, kMarks[i]) : "",
                     ops::Describe(row.problem()), row.asked,
                     absl::StrFormat("%.2f", placed.demand.intensity()),
                     absl::StrFormat("%.1f", row.gflops()), BoundText(placed.binding),
                     cli::Seconds(placed.binding.seconds), cli::Seconds(row.result.seconds.min),
                     absl::StrFormat("%.3f", placed.fraction())});
  }
  return cli::Table(table);
}

void PrintText(const RoofKey& key, const Roof& roof, const std::vector<Placed>& rows) {
  std::vector<ChartPoint> points;
  for (size_t i = 0; i < rows.size() && i + 1 < sizeof kMarks; ++i) {
    points.push_back({kMarks[i], rows[i].demand.intensity(), rows[i].row.gflops() * 1e9});
  }
  std::printf("%s\n%s\n%s\n%s\n", cli::Bold(RoofTitle(key), stdout).c_str(), RoofText(roof).c_str(),
              RowsText(rows).c_str(),
              RooflineChart(roof, points, kChartWidth, kChartHeight).c_str());
}

cli::Json RoofJson(const RoofKey& key, const Roof& roof, const std::vector<Placed>& rows) {
  const auto& [op, dtype, isa, threads] = key;
  cli::Json json = {{"op", op},
                    {"dtype", Name(dtype)},
                    {"isa", Name(isa)},
                    {"threads", threads},
                    {"fma_gflops", cli::Number(roof.fma * 1e-9)},
                    {"levels", cli::Json::array()},
                    {"rows", cli::Json::array()}};
  for (int i = 0; i < kLevels; ++i) {
    json["levels"].push_back({{"level", Name(static_cast<Level>(i))},
                              {"gbytes_per_s", cli::Number(roof.bandwidth[i] * 1e-9)},
                              {"ridge", cli::Number(roof.Ridge(static_cast<Level>(i)))}});
  }
  for (const Placed& placed : rows) {
    cli::Json row = ToJson(placed.row);
    row["intensity"] = cli::Number(placed.demand.intensity());
    row["again_bytes"] = cli::Number(placed.demand.again_bytes);
    row["bound_by"] = BoundText(placed.binding);
    row["seconds_at_best"] = cli::Number(placed.binding.seconds);
    row["roof_fraction"] = cli::Number(placed.fraction());
    json["rows"].push_back(std::move(row));
  }
  return json;
}

absl::StatusOr<std::vector<BenchRow>> Measure(const BenchFlags& flags,
                                              const std::vector<BenchCase>& cases) {
  std::vector<BenchRow> all;
  for (const BenchCase& one : cases) {
    auto rows = MeasureCase(one, flags, Floors());
    if (!rows.ok()) return rows.status();
    for (BenchRow& row : *rows) {
      if (!row.result.wrong.empty()) {
        return absl::InternalError(absl::StrCat(row.name(), ": wrong result: ", row.result.wrong));
      }
      all.push_back(std::move(row));
    }
  }
  return all;
}

int RunRoofline(const Flags& flags) {
  const auto preset = flags.bench.Cases();
  if (!preset.ok()) return cli::Fail(preset.status());
  const auto machine = flags.bench.machine.Resolve();
  if (!machine.ok()) return cli::Fail(machine.status());
  const Cpu& cpu = machine->cpu;
  if (cpu.isa == Isa::kPortable) {
    return cli::Fail(
        absl::FailedPreconditionError("roofline: the portable path has no vectors to probe"));
  }
  const runtime::MachineWatch watch;
  const auto rows = Measure(flags.bench, preset->cases);
  if (!rows.ok()) return cli::Fail(rows.status());
  std::map<RoofKey, std::vector<Placed>> groups;
  for (const BenchRow& row : *rows) groups[KeyOf(row)].push_back({.row = row});

  cli::Json json = cli::JsonHead("roofline");
  json["roofs"] = cli::Json::array();
  for (auto& [key, placed] : groups) {
    const auto& [op, dtype, isa, threads] = key;
    const auto roof = MeasureRoof(placed.front().row.problem().operation().rate, dtype, isa,
                                  threads, cpu, kLooks);
    if (!roof.ok()) return cli::Fail(roof.status());
    for (Placed& one : placed) {
      one.demand =
          DemandOf(one.row.problem(), one.row.config, one.row.key.conditions.buffers, threads, cpu);
      one.binding = BindingOf(one.demand, *roof);
    }
    if (!flags.json) PrintText(key, *roof, placed);
    json["roofs"].push_back(RoofJson(key, *roof, placed));
  }
  if (!flags.json) return cli::kDone;
  json["machine"] = MachineOf(cpu, watch.Flags());
  cli::PrintJson(json);
  return cli::kDone;
}

}  // namespace

cli::Command AddRoofline(CLI::App* app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* roofline = cli::AddLaboratoryCommand(app, "roofline");
  flags->bench.AddTo(roofline);
  roofline->add_flag("--json", flags->json, "the answer as JSON (docs/bench.md)")->group("Output");
  return {roofline, [flags] { return RunRoofline(*flags); }};
}

}  // namespace jitattn::lab
