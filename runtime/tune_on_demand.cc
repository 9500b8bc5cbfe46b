// Tuning when a plan is created.

#include "runtime/tune_on_demand.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "jit/executable_memory.h"
#include "runtime/choose_config.h"
#include "runtime/measure.h"
#include "runtime/tuner.h"

namespace jitattn::runtime {
namespace {

absl::StatusOr<TuneReport> TuneNow(const ops::Problem& problem, const Cpu& cpu,
                                   const PlanOptions& options, double seconds) {
  TuneOptions tune;
  tune.conditions = options.conditions;
  if (seconds > 0) tune.seconds = seconds;
  auto measurer = MakeMeasurer(problem, cpu, {.conditions = options.conditions, .seed = tune.seed});
  if (!measurer.ok()) return measurer.status();
  return Tune(problem, cpu, tune, **measurer, &LayersOf(options), nullptr);
}

}  // namespace

PlanOptions TuneIfUnknown(const ops::Problem& problem, const Cpu& cpu, PlanOptions options,
                          double seconds) {
  // The portable path has no configurations to compare.
  if (cpu.isa == Isa::kPortable || !jit::ExecutableMemoryAllowed()) return options;
  const cache::Key key = cache::MakeKey(problem, options.conditions);
  if (LayersOf(options).Find(key).match == cache::Match::kExact) return options;

  absl::StatusOr<TuneReport> report = TuneNow(problem, cpu, options, seconds);
  if (!report.ok()) {
    Log(LogLevel::kWarning, absl::StrCat("not tuned: ", std::string(report.status().message())));
  } else if (report->path.empty()) {  // not saved: use the winner for this plan all the same
    options.config = report->record.config;
    options.config_origin = absl::StrCat("tuned now, not saved: ", report->not_saved);
  }
  return options;
}

}  // namespace jitattn::runtime
