// jitattn_peers: this library and others on the same problems, in turn, each at its best number of
// threads. Flags are those of `jitattn bench`.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/peers/contest.h"
#include "cli/bench_flags.h"
#include "cli/bench_report.h"
#include "cli/json.h"
#include "cli/text.h"
#include "runtime/machine_flags.h"

namespace jitattn::bench {
namespace {

void PrintText(const std::vector<Contest>& contests) {
  std::vector<std::vector<std::string>> table = {{"PROBLEM", "BY", ">THREADS", ">MIN", ">MEDIAN",
                                                  ">SPEED", "", ">FRACTION", ">OURS IS FASTER BY",
                                                  "95 %"}};
  for (const Contest& contest : contests) {
    std::string problem = jit::Describe(contest.problem);
    for (const Entry& entry : contest.entries) {
      if (!entry.why_not.empty()) {
        table.push_back({problem, entry.name, "", "", "", "", "", "", "", entry.why_not});
      } else {
        const bool attention = jit::OpOf(contest.problem) == jit::Op::kAttention;
        table.push_back(
            {problem, entry.name, absl::StrCat(entry.threads), cli::Seconds(entry.seconds.min),
             cli::Seconds(entry.seconds.median),
             absl::StrFormat("%.1f", cli::Rate(contest.problem, entry.seconds.min)),
             attention ? "GFLOP/s" : "GB/s",
             entry.fraction > 0 ? absl::StrFormat("%.3f", entry.fraction) : "",
             absl::StrFormat("%.2f ×", entry.ours_faster.value),
             entry.seconds.samples < runtime::kMinRounds
                 ? absl::StrFormat("only %d rounds", entry.seconds.samples)
                 : absl::StrFormat("%.2f … %.2f", entry.ours_faster.low, entry.ours_faster.high)});
      }
      problem.clear();  // once a contest
    }
  }
  std::fputs(cli::Table(table).c_str(), stdout);
}

cli::Json ToJson(const std::vector<Contest>& contests) {
  cli::Json json = cli::JsonHead("peers");
  json["rows"] = cli::Json::array();
  for (const Contest& contest : contests) {
    for (const Entry& entry : contest.entries) {
      cli::Json row = {{"problem", cli::ToJson(contest.problem)},
                       {"by", entry.name},
                       {"why_not", cli::OrNull(entry.why_not)}};
      if (entry.why_not.empty()) {
        row["threads"] = entry.threads;
        row["seconds_min"] = cli::Number(entry.seconds.min);
        row["seconds_median"] = cli::Number(entry.seconds.median);
        row["fraction"] = cli::Number(entry.fraction);
        row["ours_faster"] = cli::Number(entry.ours_faster.value);
        row["ours_faster_low"] = cli::Number(entry.ours_faster.low);
        row["ours_faster_high"] = cli::Number(entry.ours_faster.high);
      }
      json["rows"].push_back(std::move(row));
    }
  }
  return json;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "jitattn_peers: %s\n", std::string(status.message()).c_str());
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("This library and others on the same problems, in turn.", "jitattn_peers");
  cli::BenchFlags flags;
  flags.AddTo(&app);
  bool as_json = false;
  app.add_flag("--json", as_json, "the rows as JSON");
  CLI11_PARSE(app, argc, argv);

  // The budget; fewer threads are tried too.
  if (!flags.threads.empty()) {
    flags.machine.threads = *std::max_element(flags.threads.begin(), flags.threads.end());
    flags.threads.clear();
  }
  const auto preset = flags.Cases();
  if (!preset.ok()) return Fail(preset.status());
  const auto cpu = flags.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
  const runtime::MachineWatch watch;
  std::vector<Contest> contests;
  for (const cli::BenchCase& one : preset->cases) {
    if (one.isa != cpu->isa) continue;  // peers take what the CPU has
    const bool known = std::any_of(contests.begin(), contests.end(),
                                   [&](const Contest& old) { return old.problem == one.problem; });
    if (known) continue;  // thread counts are ours to choose here
    auto contest = Hold(one.problem, flags.Configs(), flags.machine, flags.turns, flags.seed);
    if (!contest.ok()) return Fail(contest.status());
    contests.push_back(*std::move(contest));
  }
  if (as_json) {
    cli::Json json = ToJson(contests);
    json["machine"] = cli::MachineOf(*cpu, watch.Flags());
    cli::PrintJson(json);
  } else {
    PrintText(contests);
    for (const std::string& flag : watch.Flags()) std::printf("beware: %s\n", flag.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace jitattn::bench

int main(int argc, char** argv) { return jitattn::bench::Main(argc, argv); }
