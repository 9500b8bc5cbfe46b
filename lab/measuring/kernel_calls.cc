// The kernel calls of a run, without the plan's work around them.

#include "lab/measuring/kernel_calls.h"

#include <cstring>
#include <utility>

#include "jit/compile.h"

namespace jitattn::lab {
namespace {

// Arguments that Note(), which stands in for the kernel, has received. Thread-local storage is
// enough, since a run of one thread stays on its caller's thread.
struct Notes {
  size_t call_bytes, units_per_call;
  std::vector<std::max_align_t> calls;
  size_t count = 0;
};
thread_local Notes* notes = nullptr;

void Note(const void* args) {
  notes->calls.resize((notes->count + 1) * notes->units_per_call);
  std::memcpy(&notes->calls[notes->count * notes->units_per_call], args, notes->call_bytes);
  ++notes->count;
}

size_t UnitsFor(size_t bytes) {
  return (bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
}

}  // namespace

std::optional<KernelCalls> KernelCalls::Of(std::shared_ptr<const runtime::Plan> plan,
                                           const void* args) {
  if (plan->threads() != 1) return std::nullopt;
  const ops::Algorithm& algorithm = plan->config().algorithm();
  KernelCalls made;
  made.call_bytes_ = algorithm.call_bytes;
  auto runner = algorithm.make_runner(
      plan->problem(), plan->config(),
      jit::PortableKernel(plan->kernel().name(), &Note, plan->kernel().scratch()), 1, 1);
  if (!runner->Init().ok()) return std::nullopt;
  Notes noted{.call_bytes = algorithm.call_bytes, .units_per_call = UnitsFor(algorithm.call_bytes)};
  notes = &noted;
  runner->Run(args);
  notes = nullptr;
  made.calls_ = std::move(noted.calls);
  made.count_ = noted.count;
  made.runner_ = std::move(runner);
  made.plan_ = std::move(plan);
  return made;
}

void KernelCalls::Run() const {
  const size_t units = UnitsFor(call_bytes_);
  const jit::Kernel& kernel = plan_->kernel();
  for (size_t i = 0; i < count_; ++i) kernel.RunOn(&calls_[i * units]);
}

}  // namespace jitattn::lab
