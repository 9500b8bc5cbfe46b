// A problem, its configuration, its kernel, and the split of the work over threads.

#ifndef JITATTN_RUNTIME_PLAN_H_
#define JITATTN_RUNTIME_PLAN_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cache/layers.h"
#include "jit/kernel.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/conditions.h"
#include "ops/config.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::runtime {

struct PlanOptions {
  ops::Conditions conditions;
  bool use_cache = true;
  // No record is looked up, and without `config` the configuration is ops::FixedBitsConfig.
  bool fixed_bits = false;
  std::optional<ops::Config> config;  // if set, no record is looked up
  std::string config_origin = "configuration given by the caller";  // the text about it in `reason`
  const cache::Layers* layers = nullptr;  // null: those of the process, from the environment
  bool log_stale = true;                  // log a warning about a record with stale code
  std::string miss_file;  // gets the problem if no exact record is found (RecordMiss); "": none
};

// The origin of a plan's configuration.
struct PlanSource {
  cache::Match match = cache::Match::kNone;
  std::string record_path;  // "" if none
  std::string reason;       // "record … tuned for …, +12.3 % over the default"
  std::string stale;        // why the record is stale; "" if it is not
  bool stale_code = false;  // its code has changed; tuning again is worthwhile
  std::vector<cache::RejectedRecord> rejected;
};

class Plan {
 public:
  // Makes a plan. Its configuration is the given one, else the exact record's, else the nearest
  // record's, else DefaultConfig. If the system refuses executable memory, or a record's kernel
  // cannot be compiled, the fallback is the default and then the portable path; source().reason
  // says so.
  static absl::StatusOr<std::shared_ptr<const Plan>> Create(const ops::Problem& problem,
                                                            const Cpu& cpu,
                                                            const PlanOptions& options);
  ~Plan();

  // Runs on `args`, the C struct of `operation`. InvalidArgument if this is a plan of another
  // operation, `args` exceed the problem, a pointer is null, or the output overlaps an input;
  // ResourceExhausted if there is no memory for copies of operands (Operation::run).
  // REQUIRES of every run: this thread has the default floating-point environment (the C ABI sets
  // it).
  absl::Status Run(const ops::Operation& operation, const void* args) const;
  absl::Status Run(const jitattn_attention_args& args) const { return Run(ops::kAttention, &args); }
  // REQUIRES for OK: a plan of SiLU of one input and one type.
  absl::Status Run(const jitattn_sigmoid_mul_args& args) const;
  absl::Status Run(const jitattn_activation_args& args) const {
    return Run(ops::kSigmoidMul, &args);
  }

  // Run without checks, for a caller that has checked `args` against a smaller problem. REQUIRES:
  // `args` are those of this plan's operation, and its check_args(problem(), args) would be OK.
  absl::Status RunUnchecked(const void* args) const;

  const ops::Problem& problem() const;
  const ops::Config& config() const;
  const jit::Kernel& kernel() const;
  const PlanSource& source() const;
  double emit_seconds() const;
  int threads() const;                   // the most that a run uses
  size_t scratch_bytes() const;          // for all its threads
  int64_t thread_scratch_bytes() const;  // for one thread, while it computes

 private:
  struct Impl;
  explicit Plan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PLAN_H_
