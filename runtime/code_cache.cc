// Kernels emitted by this process, one for each name.

#include "runtime/code_cache.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/fork.h"

namespace jitattn::runtime {
namespace {

// A kernel's name has everything that shapes its code: the spec and the fields of the
// configuration. The CPU's features decide between instructions.
std::string CodeKey(const ops::Problem& problem, const ops::Config& config, const Cpu& cpu) {
  return absl::StrCat(ops::KernelName(problem, config), "/", cpu.f16c, cpu.avx512_bf16,
                      cpu.avx512_vnni, cpu.avx512_fp16);
}

// Not a table of Abseil: those are left damaged if memory runs out while they grow.
using Kernels = std::unordered_map<std::string, std::weak_ptr<const jit::Kernel>>;

ForkSafeMutex mutex;
// Guarded by `mutex`. Made by the first kernel and never destroyed, since plans in static objects
// may outlive the static objects of this file.
Kernels* kernels = nullptr;
size_t sweep_at = 64;

std::shared_ptr<const jit::Kernel> Find(const std::string& key) {
  std::lock_guard lock(mutex);
  if (kernels == nullptr) return nullptr;
  const auto found = kernels->find(key);
  return found == kernels->end() ? nullptr : found->second.lock();
}

// Removes the entries of kernels without users. Doubling the threshold keeps the cost per insertion
// constant.
void Sweep() {
  std::erase_if(*kernels, [](const auto& entry) { return entry.second.expired(); });
  sweep_at = std::max<size_t>(64, 2 * kernels->size());
}

// Returns the kernel that another thread has stored meanwhile, else stores `kernel`.
std::shared_ptr<const jit::Kernel> Insert(const std::string& key,
                                          std::shared_ptr<const jit::Kernel> kernel) {
  std::lock_guard lock(mutex);
  if (kernels == nullptr) kernels = new Kernels;
  if (kernels->size() >= sweep_at) Sweep();
  std::weak_ptr<const jit::Kernel>& slot = (*kernels)[key];
  if (std::shared_ptr<const jit::Kernel> present = slot.lock()) return present;
  slot = kernel;
  return kernel;
}

}  // namespace

absl::StatusOr<CompiledKernel> GetKernel(const ops::Problem& problem, const ops::Config& config,
                                         const Cpu& cpu) {
  const std::string key = CodeKey(problem, config, cpu);
  if (auto kernel = Find(key)) return CompiledKernel{std::move(kernel), 0};

  const double start = SteadyNow();
  absl::StatusOr<std::shared_ptr<const jit::Kernel>> kernel = ops::Compile(problem, config, cpu);
  if (!kernel.ok()) return kernel.status();
  const double seconds = SteadyNow() - start;
  return CompiledKernel{Insert(key, *std::move(kernel)), seconds};
}

}  // namespace jitattn::runtime
