// Measuring the cases of `jitattn bench`.

#include "lab/bench_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/plan_flags.h"
#include "ops/operation.h"

namespace jitattn::lab {
namespace {

// Returns the fields that differ from the default configuration; "" if none does.
std::string DiffersFromDefault(const ops::Config& config, const ops::Problem& problem,
                               const Cpu& cpu, int threads) {
  const ops::Config usual = ops::DefaultConfig(problem, cpu, threads);
  const bool other = &config.algorithm() != &usual.algorithm();
  std::string text = other ? absl::StrCat("algorithm=", std::string(config.algorithm().name)) : "";
  for (const ops::Field& field : config.algorithm().fields) {
    const int value = field.get(config);
    if (!other && value == field.get(usual)) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", std::string(field.name), "=",
                    ops::ValueText(field, value));
  }
  return text;
}

}  // namespace

void FillSpeedups(std::vector<BenchRow>* rows) {
  for (BenchRow& row : *rows) {
    for (const BenchRow& single : *rows) {
      const bool both_timed = row.result.seconds.min > 0 && single.result.seconds.min > 0;
      if (row.key.conditions.threads > 1 && single.key.conditions.threads == 1 &&
          row.asked == single.asked && both_timed) {
        row.speedup = single.result.seconds.min / row.result.seconds.min;
      }
    }
  }
}

void FillCliffs(std::vector<BenchRow>* rows) {
  // Seconds per padded operation × peak, so that the share of the peak counts and the clock of the
  // moment does not.
  const auto cost = [](const BenchRow& row) {
    const auto padded = row.config.algorithm().padded_flops;
    if (padded == nullptr || !row.result.wrong.empty()) return 0.0;
    const double peak = row.result.limits.fma ? row.result.limits.fma->peak : 1;
    return row.result.seconds.min * peak / padded(row.problem(), row.config);
  };
  for (BenchRow& row : *rows) {
    double sum = 0;
    size_t found = 0;
    for (const ops::Problem& problem : row.beside) {
      const auto other = std::find_if(rows->begin(), rows->end(), [&](const BenchRow& r) {
        return r.problem() == problem && r.key.conditions.isa == row.key.conditions.isa &&
               r.key.conditions.threads == row.key.conditions.threads && r.asked == row.asked &&
               cost(r) > 0;
      });
      if (other == rows->end()) continue;
      sum += cost(*other);
      ++found;
    }
    if (found > 0 && found == row.beside.size() && cost(row) > 0) {
      row.cliff = cost(row) / (sum / static_cast<double>(found));
    }
  }
}

absl::StatusOr<std::vector<BenchRow>> MeasureCase(const BenchCase& one, const BenchFlags& flags,
                                                  const Floors& floors) {
  cli::MachineFlags here = flags.machine;
  here.isa = std::string(Name(one.isa));
  Cpu cpu;
  std::vector<BenchRow> rows;
  std::vector<BenchEntrant> entrants;
  for (const int threads : one.threads) {
    here.threads = threads;
    const auto machine = here.Resolve(ops::Effective(flags.Layout(), one.problem));
    if (!machine.ok()) return machine.status();
    cpu = machine->cpu;
    for (const std::string& config : flags.Configs()) {
      auto plan = cli::PlanFlags{.config = config}.Plan(one.problem, *machine);
      if (!plan.ok()) return plan.status();
      BenchRow& row = rows.emplace_back();
      row.key = {one.problem, machine->conditions};
      row.asked = config;
      const runtime::PlanSource& source = (*plan)->source();
      const std::string stale = cli::StaleText(source);
      row.source = stale.empty() ? source.reason : absl::StrCat(source.reason, "; ", stale);
      row.config = (*plan)->config();
      row.kernel = (*plan)->kernel().name();
      row.differs = DiffersFromDefault(row.config, one.problem, cpu, threads);
      row.beside = one.beside;
      if (row.layout() == ops::Layout::kHeads) row.floor = floors.Find(row.key);
      row.line = one.line;
      row.cell = one.cell;
      entrants.push_back({*std::move(plan), machine->conditions});
    }
  }
  auto results =
      Bench(one.problem, entrants, cpu,
            {.turns = flags.turns, .seed = flags.seed, .kernel_alone = one.kernel_alone});
  if (!results.ok()) return results.status();
  for (size_t i = 0; i < rows.size(); ++i) rows[i].result = (*results)[i];
  FillSpeedups(&rows);
  return rows;
}

}  // namespace jitattn::lab
