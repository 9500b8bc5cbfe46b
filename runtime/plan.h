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
  std::optional<ops::Config> config;  // given: no record is looked for
  std::string config_origin = "configuration given by the caller";  // what `reason` says of it
  const cache::Layers* layers = nullptr;  // null: the process's, from the environment
  bool log_stale = true;                  // a record with stale code is told of in the log
};

// Why a plan has its configuration.
struct PlanSource {
  cache::Match match = cache::Match::kNone;
  std::string record_path;  // "" if none
  std::string reason;       // "record … tuned for …, +12.3 % over the default"
  std::string stale;        // "" if not
  bool stale_code = false;  // by its code: tuning it again is worth while
  std::vector<cache::RejectedRecord> rejected;
};

class Plan {
 public:
  // Config: given, else the exact record's, else the nearest one's, else DefaultConfig. Where the
  // system refuses executable memory, or the record's kernel cannot be compiled, falls back
  // (heuristic, then portable) and says so in source().reason.
  static absl::StatusOr<std::shared_ptr<const Plan>> Create(const ops::Problem& problem,
                                                            const Cpu& cpu,
                                                            const PlanOptions& options);
  ~Plan();

  // Runs on `args`, the C struct of `operation`. InvalidArgument where that is not this plan's
  // operation, args go beyond the problem, a pointer is null, or the output overlaps an input.
  // REQUIRES of every run: this thread is under the default floating-point environment. The C ABI
  // sees to it.
  absl::Status Run(const ops::Operation& operation, const void* args) const;
  absl::Status Run(const jitattn_attention_args& args) const { return Run(ops::kAttention, &args); }
  absl::Status Run(const jitattn_sigmoid_mul_args& args) const {
    return Run(ops::kSigmoidMul, &args);
  }

  // The same without the checks, for a caller that has made them against a smaller problem.
  // REQUIRES: `args` are of this plan's operation, and its check_args(problem(), args) would be OK.
  void RunUnchecked(const void* args) const;

  const ops::Problem& problem() const;
  const ops::Config& config() const;
  const jit::Kernel& kernel() const;
  const PlanSource& source() const;
  double emit_seconds() const;
  int threads() const;                   // the most a run uses
  size_t scratch_bytes() const;          // for all its threads
  int64_t thread_scratch_bytes() const;  // of one of them, while it computes

 private:
  struct Impl;
  explicit Plan(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PLAN_H_
