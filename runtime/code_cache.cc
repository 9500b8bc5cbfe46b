// Kernels emitted by this process, one for each name.

#include "runtime/code_cache.h"

#include <chrono>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "runtime/fork.h"

namespace jitattn::runtime {
namespace {

// The name has the spec and every field that shapes code; features decide between instructions.
std::string CodeKey(const jit::Spec& spec, const jit::Config& config, const jit::Cpu& cpu) {
  return absl::StrCat(jit::KernelName(spec, config), "/", cpu.f16c, cpu.avx512_bf16,
                      cpu.avx512_vnni, cpu.avx512_fp16);
}

class CodeCache {
 public:
  std::shared_ptr<const jit::Kernel> Find(const std::string& key) {
    std::lock_guard lock(mutex_);
    const auto found = kernels_.find(key);
    return found == kernels_.end() ? nullptr : found->second.lock();
  }

  // The kernel that is there by now, else `kernel`.
  std::shared_ptr<const jit::Kernel> Insert(const std::string& key,
                                            std::shared_ptr<const jit::Kernel> kernel) {
    std::lock_guard lock(mutex_);
    if (kernels_.size() >= sweep_at_) Sweep();
    std::weak_ptr<const jit::Kernel>& slot = kernels_[key];
    if (std::shared_ptr<const jit::Kernel> present = slot.lock()) return present;
    slot = kernel;
    return kernel;
  }

 private:
  // Names of kernels that nobody holds any more. Doubling keeps the cost per insertion constant.
  void Sweep() {
    absl::erase_if(kernels_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<size_t>(64, 2 * kernels_.size());
  }

  ForkSafeMutex mutex_;
  absl::flat_hash_map<std::string, std::weak_ptr<const jit::Kernel>> kernels_;
  size_t sweep_at_ = 64;
};

// Never destroyed: plans of other static objects may outlive this file's.
CodeCache& TheCache() {
  static CodeCache& cache = *new CodeCache;
  return cache;
}

}  // namespace

absl::StatusOr<CompiledKernel> GetKernel(const jit::Spec& spec, const jit::Config& config,
                                         const jit::Cpu& cpu) {
  const std::string key = CodeKey(spec, config, cpu);
  if (auto kernel = TheCache().Find(key)) return CompiledKernel{std::move(kernel), 0};

  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<std::shared_ptr<const jit::Kernel>> kernel = jit::Compile(spec, config, cpu);
  if (!kernel.ok()) return kernel.status();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return CompiledKernel{TheCache().Insert(key, *std::move(kernel)), elapsed.count()};
}

}  // namespace jitattn::runtime
