// The kernel calls of a run, without what a plan does around them.

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
  // Of plan->Run(args): what the kernel is told, call by call. Nothing where the run is of several
  // threads. REQUIRES: Run(args) is OK; the operands outlive the calls.
  static std::optional<KernelCalls> Of(std::shared_ptr<const runtime::Plan> plan, const void* args);

  // Computes what the run computes.
  void Run() const;

 private:
  KernelCalls() = default;

  std::shared_ptr<const runtime::Plan> plan_;  // keeps the kernel
  std::unique_ptr<const ops::Runner> runner_;  // keeps the scratch that the calls use
  size_t call_bytes_ = 0;
  std::vector<std::max_align_t> calls_;  // one after the other, each from an aligned address on
  size_t count_ = 0;
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_KERNEL_CALLS_H_
