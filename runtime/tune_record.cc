// The record of a tuning.

#include "runtime/tune_record.h"

#include <ctime>

#include "jit/compile.h"
#include "runtime/code_cache.h"

namespace jitattn::runtime {
namespace {

std::string UtcNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

cache::Record MakeRecord(const ops::Problem& problem, const Cpu& cpu, const TuneOutcome& outcome) {
  const Statistics& seconds = outcome.winner.seconds;
  cache::Record record;
  record.key = outcome.key;
  record.problem = problem;
  record.config = outcome.winner.config;
  record.kernel = ops::KernelName(problem, record.config);
  // The kernel was compiled a moment ago. If that fails now, the hash stays 0, and the cache
  // refuses the record.
  if (const auto compiled = GetKernel(problem, record.config, cpu); compiled.ok()) {
    record.code_hash = compiled->kernel->code_hash();
  }
  record.fingerprint = cache::HostFingerprint(cpu);
  record.result = {.median_s = seconds.median,
                   .mad_s = seconds.mad,
                   .min_s = seconds.min,
                   .samples = seconds.samples,
                   .default_config = outcome.default_config,
                   .default_median_s = outcome.standing.seconds.median,
                   .gain = outcome.gain.value,
                   .gain_low = outcome.gain.low,
                   .gain_high = outcome.gain.high,
                   .max_error = outcome.winner.max_error,
                   .strategy = outcome.strategy,
                   .seed = outcome.seed,
                   .evaluations = outcome.evaluations,
                   .space_size = outcome.space_size,
                   .tuning_s = outcome.tuning_s,
                   .complete = outcome.complete,
                   .machine_flags = outcome.machine_flags};
  record.jitattn_version = JITATTN_VERSION;
  record.xbyak_version = jit::XbyakVersion();
  record.date = UtcNow();
  return record;
}

}  // namespace jitattn::runtime
