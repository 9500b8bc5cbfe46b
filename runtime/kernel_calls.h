// The kernel calls of a run, without what a plan does around them.

#ifndef JITATTN_RUNTIME_KERNEL_CALLS_H_
#define JITATTN_RUNTIME_KERNEL_CALLS_H_

#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "jit/kernel.h"
#include "jitattn/jitattn.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

class KernelCalls {
 public:
  // Of plan->Run(args): a call for each head. Nothing where the run is of several threads, or of
  // keys that are taken apart. REQUIRES: Run(args) is OK; the operands outlive the calls.
  static std::optional<KernelCalls> Of(std::shared_ptr<const Plan> plan,
                                       const jitattn_attention_args& args);

  // Computes what the run computes.
  void Run() const {
    for (const jit::AttentionArgs& call : calls_) kernel_->Run(call);
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  KernelCalls() = default;

  std::shared_ptr<const Plan> plan_;  // keeps the kernel
  const jit::Kernel* kernel_ = nullptr;
  std::unique_ptr<void, Free> scratch_;
  std::vector<jit::AttentionArgs> calls_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_KERNEL_CALLS_H_
