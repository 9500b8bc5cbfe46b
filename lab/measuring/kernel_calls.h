// The kernel calls of a run, without the plan's work around them.

#ifndef JITATTN_LAB_MEASURING_KERNEL_CALLS_H_
#define JITATTN_LAB_MEASURING_KERNEL_CALLS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "jit/kernel.h"
#include "ops/runner.h"
#include "runtime/plan.h"

namespace jitattn::lab {

class KernelCalls {
 public:
  // Records the arguments of every kernel call of plan->Run(args). Returns nothing if the plan has
  // several threads. REQUIRES: plan->Run(args) returns OK; the operands outlive the result.
  static std::optional<KernelCalls> Of(std::shared_ptr<const runtime::Plan> plan, const void* args);

  // Makes the recorded calls, which compute the run's result.
  void Run() const;

 private:
  KernelCalls() = default;

  std::shared_ptr<const runtime::Plan> plan_;  // owns the kernel
  std::unique_ptr<const ops::Runner> runner_;  // owns the scratch that the calls use
  size_t call_bytes_ = 0;
  std::vector<std::max_align_t> calls_;  // arguments of all calls, each at an aligned address
  size_t count_ = 0;
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_KERNEL_CALLS_H_
