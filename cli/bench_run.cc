// Measuring the cases of `jitattn bench`.

#include "cli/bench_run.h"

#include <utility>

#include "cli/plan_flags.h"

namespace jitattn::cli {

void FillSpeedups(std::vector<BenchRow>* rows) {
  for (BenchRow& row : *rows) {
    for (const BenchRow& single : *rows) {
      const bool both_timed = row.result.seconds.min > 0 && single.result.seconds.min > 0;
      if (row.key.threads > 1 && single.key.threads == 1 && row.asked == single.asked &&
          both_timed) {
        row.speedup = single.result.seconds.min / row.result.seconds.min;
      }
    }
  }
}

absl::StatusOr<std::vector<BenchRow>> MeasureCase(const BenchCase& one,
                                                  const std::vector<std::string>& configs,
                                                  const MachineFlags& machine,
                                                  const runtime::BenchOptions& options,
                                                  const Floors& floors) {
  MachineFlags here = machine;
  here.isa = std::string(jit::Name(one.isa));
  const auto cpu = here.Cpu();
  if (!cpu.ok()) return cpu.status();
  std::vector<BenchRow> rows;
  std::vector<runtime::BenchEntrant> entrants;
  for (const int threads : one.threads) {
    for (const std::string& config : configs) {
      here.threads = threads;
      auto plan = PlanFlags{.config = config}.Plan(one.problem, here);
      if (!plan.ok()) return plan.status();
      BenchRow& row = rows.emplace_back();
      row.key = {one.problem, threads, cpu->isa, here.Buffers()};
      row.asked = config;
      row.source = SourceText((*plan)->source());
      row.config = (*plan)->config();
      row.kernel = (*plan)->kernel().name();
      row.floor = floors.Find(row.key);
      row.line = one.line;
      row.cell = one.cell;
      entrants.push_back({*std::move(plan), cpu->isa, threads});
    }
  }
  auto results = runtime::Bench(one.problem, entrants, *cpu, options);
  if (!results.ok()) return results.status();
  for (size_t i = 0; i < rows.size(); ++i) rows[i].result = (*results)[i];
  FillSpeedups(&rows);
  return rows;
}

}  // namespace jitattn::cli
