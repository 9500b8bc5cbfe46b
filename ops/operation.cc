// The operations there are, and what is the same for all of them.

#include "ops/operation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

// A program registers a few; the library allocates nothing before it is called.
constexpr size_t kMostOperations = 32;
const Operation* all[kMostOperations] = {&kAttention, &kSigmoidMul};
size_t count = 2;

}  // namespace

std::span<const Operation* const> Operations() { return {all, count}; }

void RegisterOperation(const Operation& operation) {
  if (count < kMostOperations) all[count++] = &operation;
}

const Operation* FindOperation(std::string_view name) {
  for (const Operation* operation : Operations()) {
    if (operation->name == name) return operation;
  }
  return nullptr;
}

const Algorithm* FindAlgorithm(const Operation& operation, std::string_view name) {
  for (const Algorithm* algorithm : operation.algorithms) {
    if (algorithm->name == name) return algorithm;
  }
  return nullptr;
}

Config DefaultConfig(const Problem& problem, const Cpu& cpu, int threads) {
  const bool emits =
      cpu.isa != Isa::kPortable && (problem.dtype() != DType::kF16 || cpu.f16c);  // as Validate
  const Cpu usable = emits ? cpu : Capped(cpu, Isa::kPortable);
  return Canonical(problem.operation().heuristic(problem, usable, threads), problem);
}

double WorthwhileFlops(const Problem& problem, const Cpu& cpu) {
  return WorthwhileCycles() * problem.operation().flops_per_cycle(problem, cpu);
}

int WorthwhileThreads(const Problem& problem, const Cpu& cpu, int threads) {
  return static_cast<int>(
      std::clamp<double>(Flops(problem) / WorthwhileFlops(problem, cpu), 1, threads));
}

double EstimateCycles(const Problem& problem, const Config& config, const Cpu& cpu) {
  return config.algorithm().estimate(problem, config, cpu);
}

absl::StatusOr<std::shared_ptr<const jit::Kernel>> Compile(const Problem& problem,
                                                           const Config& config, const Cpu& cpu) {
  if (absl::Status s = Validate(config, problem, cpu); !s.ok()) return s;
  return config.algorithm().compile(problem, config, cpu);
}

}  // namespace jitattn::ops
