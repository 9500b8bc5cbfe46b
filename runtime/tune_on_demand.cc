// Tuning at the moment a plan is asked for.

#include "runtime/tune_on_demand.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "jit/executable_memory.h"
#include "parallel/parallel.h"
#include "runtime/choose_config.h"
#include "runtime/measure.h"
#include "runtime/tuner.h"

namespace jitattn::runtime {
namespace {

absl::StatusOr<TuneReport> TuneNow(const ops::Problem& problem, const Cpu& cpu,
                                   const PlanOptions& options, int threads, double seconds) {
  TuneOptions tune;
  tune.threads = threads;
  tune.isa = cpu.isa;
  tune.buffers = options.buffers;
  if (seconds > 0) tune.seconds = seconds;
  auto measurer = MakeMeasurer(
      problem, {.threads = threads, .isa = cpu.isa, .buffers = options.buffers, .seed = tune.seed});
  if (!measurer.ok()) return measurer.status();
  return Tune(problem, cpu, tune, **measurer, &LayersOf(options), nullptr);
}

}  // namespace

PlanOptions TuneIfUnknown(const ops::Problem& problem, PlanOptions options, double seconds) {
  const Cpu cpu = Capped(HostCpu(), options.isa);
  // The portable path has nothing to choose.
  if (cpu.isa == Isa::kPortable || !jit::ExecutableMemoryAllowed()) return options;
  const int threads = ThreadBudget(options.threads);
  const cache::Key key = cache::MakeKey(problem, threads, cpu.isa, options.buffers);
  if (LayersOf(options).Find(key).match == cache::Match::kExact) return options;

  absl::StatusOr<TuneReport> report = TuneNow(problem, cpu, options, threads, seconds);
  if (!report.ok()) {
    Log(LogLevel::kWarning, absl::StrCat("not tuned: ", std::string(report.status().message())));
  } else if (report->path.empty()) {  // found and not saved: this plan gets it all the same
    options.config = report->record.config;
    options.config_origin = absl::StrCat("tuned now, not saved: ", report->not_saved);
  }
  return options;
}

}  // namespace jitattn::runtime
