// Merges results of attention over disjoint sets of keys.

#include "ops/attention/merge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/sizes.h"
#include "base/small_float.h"
#include "ops/check_operand.h"
#include "ops/operation.h"
#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

using MergeArgs = jitattn_attention_merge_args;

// Elements for which waking a thread pays: a merge is bound by memory.
constexpr int64_t kElementsOfThread = 1 << 16;

// Sums held at once. `out` may be one of the parts: its columns are read before they are written.
constexpr int64_t kColumns = 64;

int64_t Rows(const MergeArgs& args) { return SizeProduct({args.batch, args.heads, args.q_len}); }

// Of a result. A row counts as one element at least.
int64_t Elements(const MergeArgs& args) {
  return SizeProduct({Rows(args), std::max<int64_t>(args.value_dim, 1)});
}

struct Place {
  int64_t batch, head, row;
};

int64_t At(const int64_t (&strides)[3], const Place& place) {
  return place.batch * strides[0] + place.head * strides[1] + place.row * strides[2];
}

// out = Σ_p w_p · out_p with w_p = e^(lse_p − lse). The parts' weights are relative to the largest
// log-sum-exp, so that none overflows.
template <typename T>
void MergeRow(const MergeArgs& args, const Place& place) {
  using Real = Compute<T>;
  constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
  const int64_t lse_at = At(args.part_lse_strides, place);
  const auto lse_of = [&](int32_t part) {
    return static_cast<const Real*>(args.part_lses[part])[lse_at];
  };
  Real highest = -kInfinity, sum = 0;
  for (int32_t part = 0; part < args.parts; ++part) {
    const Real lse = lse_of(part);
    if (!(lse <= highest)) highest = lse;  // a NaN stays
  }
  // Without any key the difference of two −∞ would be NaN.
  const Real shift = highest == -kInfinity ? Real{0} : highest;
  for (int32_t part = 0; part < args.parts; ++part) sum += std::exp(lse_of(part) - shift);
  const int64_t from = At(args.part_strides, place);
  T* const out = static_cast<T*>(args.out) + At(args.out_strides, place);
  for (int64_t first = 0; first < args.value_dim; first += kColumns) {
    const int64_t columns = std::min(kColumns, args.value_dim - first);
    Real merged[kColumns] = {};
    for (int32_t part = 0; part < args.parts; ++part) {
      if (lse_of(part) == -kInfinity) continue;  // the part's values may be anything
      const Real weight = std::exp(lse_of(part) - shift) / sum;
      const T* const values = static_cast<const T*>(args.part_outs[part]) + from + first;
      for (int64_t d = 0; d < columns; ++d) merged[d] += weight * static_cast<Real>(values[d]);
    }
    for (int64_t d = 0; d < columns; ++d) out[first + d] = merged[d];
  }
  if (args.lse == nullptr) return;
  static_cast<Real*>(args.lse)[At(args.lse_strides, place)] =
      sum == 0 ? -kInfinity : shift + std::log(sum);
}

struct Job {
  DType dtype;
  const MergeArgs* args;
  int workers;
};

void MergeRows(int worker, void* context) {
  const Job& job = *static_cast<const Job*>(context);
  const MergeArgs& args = *job.args;
  const int64_t rows = Rows(args);
  const int64_t first = rows * worker / job.workers, end = rows * (worker + 1) / job.workers;
  CallWithType(job.dtype, [&]<typename T>() {
    for (int64_t i = first; i < end; ++i) {
      MergeRow<T>(args, {.batch = i / args.q_len / args.heads,
                         .head = i / args.q_len % args.heads,
                         .row = i % args.q_len});
    }
  });
}

}  // namespace

absl::Status CheckMerge(DType dtype, const MergeArgs& args) {
  if (args.parts < 1) {
    return absl::InvalidArgumentError(absl::StrCat("parts ", args.parts, ": must be 1 or more"));
  }
  const std::pair<const char*, int64_t> sizes[] = {{"batch", args.batch},
                                                   {"heads", args.heads},
                                                   {"q_len", args.q_len},
                                                   {"value_dim", args.value_dim}};
  for (const auto& [name, size] : sizes) {
    if (size >= 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(name, " ", size, ": must be 0 or more"));
  }
  if (Elements(args) == kTooLarge) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch ", args.batch, ", heads ", args.heads, ", q_len ", args.q_len,
                     ", value_dim ", args.value_dim, ": more elements than memory can hold"));
  }
  if (Rows(args) == 0) return absl::OkStatus();
  if (args.part_outs == nullptr || args.part_lses == nullptr) {
    return absl::InvalidArgumentError("part_outs or part_lses is a null pointer");
  }
  const int bytes = SizeOf(dtype), real_bytes = SizeOf(ComputeType(dtype));
  const auto check = [&](const char* name, const void* base, int size, int64_t cols,
                         const int64_t(&strides)[3], bool is_result) {
    Operand operand =
        MakeOperand(name, base, size, args.batch, args.heads, args.q_len, cols, strides);
    absl::Status s = CheckOperand(operand, size);
    return s.ok() && is_result ? CheckOut(operand, {}) : s;
  };
  for (int32_t part = 0; part < args.parts; ++part) {
    absl::Status s =
        check("part_outs", args.part_outs[part], bytes, args.value_dim, args.part_strides, false);
    if (!s.ok()) return s;
    s = check("part_lses", args.part_lses[part], real_bytes, 1, args.part_lse_strides, false);
    if (!s.ok()) return s;
  }
  absl::Status s = check("out", args.out, bytes, args.value_dim, args.out_strides, true);
  if (!s.ok() || args.lse == nullptr) return s;
  return check("lse", args.lse, real_bytes, 1, args.lse_strides, true);
}

void Merge(DType dtype, const MergeArgs& args) {
  // Results without columns take no memory, which would bound the number of rows.
  if (args.value_dim == 0 && args.lse == nullptr) return;
  const int64_t elements = SizeProduct({Elements(args), args.parts});
  const int workers =
      static_cast<int>(std::clamp<int64_t>(elements / kElementsOfThread, 1, ThreadBudget(0)));
  Job job{dtype, &args, workers};
  ParallelFor(workers, MergeRows, &job);
}

}  // namespace jitattn::ops
