// The table of baselines, and their scratch.

#include "lab/baselines/baseline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/format.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "runtime/operands.h"

namespace jitattn::lab {
namespace {

constexpr BaselineInfo kBaselines[] = {
    {"naive", "three loops over materialised scores, not vectorised"},
    {"two-pass",
     "materialised scores from blocked loops, then softmax by rows; sigmoid-mul: a "
     "temporary between two loops"},
    {"compiler-vectorised", "four rows at a time, loops under omp simd"}};

constexpr struct {
  const ops::Operation* operation;
  std::unique_ptr<Baseline> (*make)(const ops::Problem&, const Loops&);
} kMakers[] = {{&ops::kAttention, MakeAttentionBaseline},
               {&ops::kSigmoidMul, MakeSigmoidMulBaseline}};

Loops LoopsOf(std::string_view name, [[maybe_unused]] Isa isa) {
  if (name == "naive") return NaiveLoops();
  const bool two_pass = name == "two-pass";
#if defined(__x86_64__)
  if (isa == Isa::kAvx512) {
    return two_pass ? loops_avx512::TwoPass() : loops_avx512::Vectorised();
  }
  if (isa == Isa::kAvx2) {
    return two_pass ? loops_avx2::TwoPass() : loops_avx2::Vectorised();
  }
#endif
  return two_pass ? loops_none::TwoPass() : loops_none::Vectorised();
}

}  // namespace

std::span<const BaselineInfo> Baselines() { return kBaselines; }

absl::StatusOr<std::unique_ptr<Baseline>> Baseline::Create(std::string_view name,
                                                           const ops::Problem& problem, Isa isa) {
  const bool known = std::any_of(std::begin(kBaselines), std::end(kBaselines),
                                 [name](const BaselineInfo& info) { return info.name == name; });
  if (!known) return absl::NotFoundError(Format("unknown baseline '%s'", name));
  const DType dtype = problem.dtype();
  if (dtype != DType::kF32 && dtype != DType::kF64) {
    return absl::UnimplementedError(Format("%s supports f32 and f64, not %s", name, Name(dtype)));
  }
  for (const auto& [operation, make] : kMakers) {
    if (operation != &problem.operation()) continue;
    if (auto baseline = make(problem, LoopsOf(name, isa))) return std::move(baseline);
  }
  return absl::UnimplementedError(Format("%s does not support %s", name, ops::Describe(problem)));
}

absl::Status Baseline::Reserve(int threads, int64_t elements_a_thread) {
  const int size = SizeOf(problem_.dtype());
  // 128 bytes of padding, so that two threads never share a cache line.
  scratch_doubles_ = (elements_a_thread * size + 7) / 8 + 16;
  const int64_t doubles = scratch_doubles_ * threads;
  if (doubles <= std::ssize(scratch_)) return absl::OkStatus();
  if (doubles * 8 > runtime::AvailableMemoryBytes() / 10 * 9) {
    return absl::ResourceExhaustedError(Format("not enough memory for %.1f GiB of temporaries",
                                               static_cast<double>(doubles) * 8 / (1 << 30)));
  }
  scratch_.resize(static_cast<size_t>(doubles));
  return absl::OkStatus();
}

}  // namespace jitattn::lab
