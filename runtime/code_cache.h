// Kernels emitted by this process, one for each name.

#ifndef JITATTN_RUNTIME_CODE_CACHE_H_
#define JITATTN_RUNTIME_CODE_CACHE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "ops/operation.h"

namespace jitattn::runtime {

struct CompiledKernel {
  std::shared_ptr<const jit::Kernel> kernel;
  double emit_seconds = 0;  // 0 if the cache had the kernel
};

// Returns the cached kernel or emits one. Emits outside the lock: two threads may emit the same
// kernel at once, and both get the one that is stored first. The cache holds weak references: a
// kernel lives as long as its users. Thread-safe.
absl::StatusOr<CompiledKernel> GetKernel(const ops::Problem& problem, const ops::Config& config,
                                         const Cpu& cpu);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_CODE_CACHE_H_
