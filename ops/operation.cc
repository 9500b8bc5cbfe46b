// The list of operations, and the functions that are the same for all of them.

#include "ops/operation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

// A fixed array, since the library allocates nothing before its first call.
const Operation* all[kMostOperations] = {&kAttention, &kSigmoidMul};
size_t count = 2;

std::string CodeName(const Operation& operation) { return operation.code_name(operation.blank()); }

absl::Status CheckNames(const Operation& operation) {
  if (operation.name.empty()) return absl::InvalidArgumentError("an operation needs a name");
  const std::string name(operation.name);
  if (FindOperation(name) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat("operation ", name, ": an operation of this name is registered already"));
  }
  for (const Operation* other : Operations()) {
    if (CodeName(*other) != CodeName(operation)) continue;
    return absl::AlreadyExistsError(absl::StrCat("operation ", name, ": its code name ",
                                                 CodeName(operation), " is already the one of ",
                                                 std::string(other->name)));
  }
  for (const Algorithm* algorithm : operation.algorithms) {
    if (FindAlgorithm(operation, algorithm->name) == algorithm) continue;
    return absl::InvalidArgumentError(absl::StrCat("operation ", name, ": two of its algorithms ",
                                                   "have the name ", std::string(algorithm->name)));
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const Operation* const> Operations() { return {all, count}; }

absl::Status RegisterOperation(const Operation& operation) {
  if (absl::Status s = CheckNames(operation); !s.ok()) return s;
  if (operation.algorithms.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("operation ", std::string(operation.name), ": it has no algorithm"));
  }
  if (count == kMostOperations) {
    return absl::ResourceExhaustedError(absl::StrCat("operation ", std::string(operation.name),
                                                     ": there are ", count,
                                                     " operations already, which is the limit"));
  }
  all[count++] = &operation;
  return absl::OkStatus();
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
      cpu.isa != Isa::kPortable && (!NeedsF16c(problem) || cpu.f16c);  // as in Validate
  const Cpu usable = emits ? cpu : Capped(cpu, Isa::kPortable);
  return Canonical(problem.operation().heuristic(problem, usable, threads), problem);
}

Config FixedBitsConfig(const Problem& problem, const Cpu& cpu, int threads) {
  const auto reduce = problem.operation().of_fixed_bits;
  if (reduce == nullptr) return DefaultConfig(problem, cpu, threads);
  Config config = DefaultConfig(reduce(problem), cpu, 1);
  for (const Field& field : config.algorithm().fields) {
    if (field.role != Field::Role::kThreads) continue;
    field.set(config, WorthwhileThreads(problem, cpu, threads));
  }
  return Canonical(config, problem);
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

bool NeedsF16c(const Problem& problem) {
  const Operation& operation = problem.operation();
  return operation.needs_f16c != nullptr ? operation.needs_f16c(problem)
                                         : problem.dtype() == DType::kF16;
}

absl::StatusOr<std::shared_ptr<const jit::Kernel>> Compile(const Problem& problem,
                                                           const Config& config, const Cpu& cpu) {
  if (absl::Status s = Validate(config, problem, cpu); !s.ok()) return s;
  return config.algorithm().compile(problem, config, cpu);
}

}  // namespace jitattn::ops
