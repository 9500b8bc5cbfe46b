// jitattn roofline: where each problem stands under this machine's limits, and which of them binds.

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
#include "cli/bench_flags.h"
#include "cli/bench_report.h"
#include "cli/bench_run.h"
#include "cli/command.h"
#include "cli/roofline_chart.h"
#include "cli/text.h"
#include "runtime/bench_roofline.h"
#include "runtime/machine_flags.h"

namespace jitattn::cli {
namespace {

using runtime::Bound;
using runtime::Level;

struct Flags {
  BenchFlags bench;
  bool json = false;
};

// Samples of each probe: the roofs are measured once each, before the problems.
constexpr int kLooks = 20;
// Letters for points on the chart; rows beyond have none.
constexpr char kMarks[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr int kChartWidth = 68, kChartHeight = 18;

// Whose roof a row stands under.
using RoofKey = std::tuple<std::string_view, DType, Isa, int>;
RoofKey KeyOf(const BenchRow& row) {
  const DType dtype = row.problem().dtype();
  return {row.problem().operation().name, dtype, row.key.isa, row.key.threads};
}

std::string RoofTitle(const RoofKey& key) {
  const auto& [op, dtype, isa, threads] = key;
  return absl::StrFormat("%s %s, %s, %d %s", op, Name(dtype), Name(isa), threads,
                         threads == 1 ? "thread" : "threads");
}

struct Placed {
  BenchRow row;
  runtime::Demand demand;
  runtime::Binding binding;
  double fraction() const { return binding.seconds / row.result.seconds.min; }
};

std::string BoundText(const runtime::Binding& binding) {
  const std::string level(runtime::Name(binding.level));
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

std::string RoofText(const runtime::Roof& roof) {
  std::vector<std::vector<std::string>> table = {{"LIMIT", ">RATE", "", ">RIDGE"}};
  table.push_back({"FMA", absl::StrFormat("%.1f", roof.fma * 1e-9), "GFLOP/s", ""});
  for (int i = 0; i < runtime::kLevels; ++i) {
    const auto level = static_cast<Level>(i);
    table.push_back({std::string(runtime::Name(level)),
                     absl::StrFormat("%.1f", roof.bandwidth[i] * 1e-9), "GB/s",
                     absl::StrFormat("%.2f flop/byte", roof.Ridge(level))});
  }
  return Table(table);
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
                     Seconds(placed.binding.seconds), Seconds(row.result.seconds.min),
                     absl::StrFormat("%.3f", placed.fraction())});
  }
  return Table(table);
}

void PrintText(const RoofKey& key, const runtime::Roof& roof, const std::vector<Placed>& rows) {
  std::vector<ChartPoint> points;
  for (size_t i = 0; i < rows.size() && i + 1 < sizeof kMarks; ++i) {
    points.push_back({kMarks[i], rows[i].demand.intensity(), rows[i].row.gflops() * 1e9});
  }
  std::printf("%s\n%s\n%s\n%s\n", Bold(RoofTitle(key), stdout).c_str(), RoofText(roof).c_str(),
              RowsText(rows).c_str(),
              RooflineChart(roof, points, kChartWidth, kChartHeight).c_str());
}

Json RoofJson(const RoofKey& key, const runtime::Roof& roof, const std::vector<Placed>& rows) {
  const auto& [op, dtype, isa, threads] = key;
  Json json = {{"op", op},
               {"dtype", Name(dtype)},
               {"isa", Name(isa)},
               {"threads", threads},
               {"fma_gflops", Number(roof.fma * 1e-9)},
               {"levels", Json::array()},
               {"rows", Json::array()}};
  for (int i = 0; i < runtime::kLevels; ++i) {
    json["levels"].push_back({{"level", runtime::Name(static_cast<Level>(i))},
                              {"gbytes_per_s", Number(roof.bandwidth[i] * 1e-9)},
                              {"ridge", Number(roof.Ridge(static_cast<Level>(i)))}});
  }
  for (const Placed& placed : rows) {
    Json row = ToJson(placed.row);
    row["intensity"] = Number(placed.demand.intensity());
    row["again_bytes"] = Number(placed.demand.again_bytes);
    row["bound_by"] = BoundText(placed.binding);
    row["seconds_at_best"] = Number(placed.binding.seconds);
    row["roof_fraction"] = Number(placed.fraction());
    json["rows"].push_back(std::move(row));
  }
  return json;
}

absl::StatusOr<std::vector<BenchRow>> Measure(const BenchFlags& flags,
                                              const std::vector<BenchCase>& cases) {
  const runtime::BenchOptions options = {.turns = flags.turns,
                                         .buffers = flags.machine.Buffers(),
                                         .layout = flags.Layout(),
                                         .seed = flags.seed};
  std::vector<BenchRow> all;
  for (const BenchCase& one : cases) {
    auto rows = MeasureCase(one, flags.Configs(), flags.machine, options, Floors());
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
  if (!preset.ok()) return Fail(preset.status());
  const auto cpu = flags.bench.machine.Cpu();
  if (!cpu.ok()) return Fail(cpu.status());
  if (cpu->isa == Isa::kPortable) {
    return Fail(
        absl::FailedPreconditionError("roofline: the portable path has no vectors to probe"));
  }
  const runtime::MachineWatch watch;
  const auto rows = Measure(flags.bench, preset->cases);
  if (!rows.ok()) return Fail(rows.status());
  std::map<RoofKey, std::vector<Placed>> groups;
  for (const BenchRow& row : *rows) groups[KeyOf(row)].push_back({.row = row});

  Json json = JsonHead("roofline");
  json["roofs"] = Json::array();
  for (auto& [key, placed] : groups) {
    const auto& [op, dtype, isa, threads] = key;
    const auto roof = runtime::MeasureRoof(placed.front().row.problem().operation().rate, dtype,
                                           isa, threads, *cpu, kLooks);
    if (!roof.ok()) return Fail(roof.status());
    for (Placed& one : placed) {
      one.demand =
          runtime::DemandOf(one.row.problem(), one.row.config, one.row.key.buffers, threads, *cpu);
      one.binding = runtime::BindingOf(one.demand, *roof);
    }
    if (!flags.json) PrintText(key, *roof, placed);
    json["roofs"].push_back(RoofJson(key, *roof, placed));
  }
  if (!flags.json) return kDone;
  json["machine"] = MachineOf(*cpu, watch.Flags());
  PrintJson(json);
  return kDone;
}

}  // namespace

Command AddRoofline(CLI::App* app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* roofline =
      app->add_subcommand("roofline", "Which limit of this machine binds each problem");
  flags->bench.AddTo(roofline);
  roofline->add_flag("--json", flags->json, "the answer as JSON (docs/bench.md)")->group("Output");
  return {roofline, [flags] { return RunRoofline(*flags); }};
}

}  // namespace jitattn::cli
