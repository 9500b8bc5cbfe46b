// Moves rows into a KV cache or a tensor.

#include "ops/attention/append.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "base/sizes.h"
#include "base/small_float.h"
#include "ops/attention/append_rows.h"
#include "ops/attention/problem.h"
#include "ops/attention/quantise.h"
#include "ops/attention/row_math.h"
#include "ops/operation.h"
#include "parallel/parallel.h"

namespace jitattn::ops {
namespace {

using AppendArgs = jitattn_append_args;

// Elements for which waking a thread pays: each takes about a nanosecond.
constexpr int64_t kElementsOfThread = 1 << 15;

template <typename Real>
void Normalise(const AppendArgs& args, Real* row) {
  const Real inverse = InverseRms(row, args.dim, static_cast<Real>(args.norm_eps));
  if (args.norm_weight == nullptr) {
    for (int64_t e = 0; e < args.dim; ++e) row[e] *= inverse;
    return;
  }
  const Real offset = static_cast<Real>(args.norm_offset);
  CallWithType(static_cast<DType>(args.norm_weight_type), [&]<typename W>() {
    const W* const weight = static_cast<const W*>(args.norm_weight);
    for (int64_t e = 0; e < args.dim; ++e) {
      row[e] = row[e] * inverse * (static_cast<Real>(Compute<W>{weight[e]}) + offset);
    }
  });
}

template <typename Real>
void Rotate(const AppendArgs& args, int64_t position, Real* row) {
  const int64_t pairs = args.rotary_dim / 2;
  const int64_t at = position * (args.rotary_stride == 0 ? pairs : args.rotary_stride);
  const bool halves = args.rope == JITATTN_ROPE_HALVES;
  RotateElements(row + args.rotary_begin, halves, args.cos_table + at, args.sin_table + at,
                 args.rotary_inner == 0 ? 1 : args.rotary_inner, pairs);
}

template <typename Real>
void StoreFloats(const AppendArgs& args, const Real* row, int64_t at) {
  CallWithType(TargetType(args), [&]<typename T>() {
    T* const to = static_cast<T*>(args.to) + at;
    for (int64_t e = 0; e < args.dim; ++e) to[e] = static_cast<T>(row[e]);
  });
}

void StoreQuantised(const AppendArgs& args, const float* row, const RowPlace& target,
                    int64_t head) {
  const int64_t at = target.At(args.to_strides, head);
  if (args.to_type == JITATTN_KV_Q8_0) {
    char* const to = static_cast<char*>(args.to) + at * kQ8Bytes;
    for (int64_t block = 0; block < args.dim / kQ8Elements; ++block) {
      QuantiseQ8(row + block * kQ8Elements, to + block * kQ8Bytes);
    }
    return;
  }
  int8_t* const to = static_cast<int8_t*>(args.to) + at;
  float* const scales = args.scales + target.At(args.scale_strides, head);
  const int64_t block = ScaleBlock(args);
  for (int64_t first = 0; first < args.dim; first += block) {
    const int64_t count = std::min(block, args.dim - first);
    if (args.fixed_scales != 0) {
      QuantiseFixed(row + first, count, scales[first / block], to + first);
    } else {
      QuantiseI8(row + first, count, to + first, &scales[first / block]);
    }
  }
}

// Row i of a sequence, of one head.
template <typename T>
void MoveRow(const AppendArgs& args, const AppendedRows& rows, int64_t i, int64_t head) {
  using Real = Compute<T>;
  const RowPlace source = {rows.source.part, rows.source.row + i};
  const RowPlace target = TargetPlace(args, rows.batch, rows.begin + i);
  const T* const from = static_cast<const T*>(args.from) + source.At(args.from_strides, head);
  const int64_t at = target.At(args.to_strides, head);
  const bool floats = IsFloats(args.to_type);
  if (args.norm == JITATTN_NORM_NONE && args.rope == JITATTN_ROPE_NONE && floats &&
      TargetType(args) == static_cast<DType>(args.from_type)) {
    std::memmove(static_cast<T*>(args.to) + at, from, static_cast<size_t>(args.dim) * sizeof(T));
    return;
  }
  // In place, the whole row is read before any of it is written.
  alignas(64) Real row[kMaxHeadDim];
  for (int64_t e = 0; e < args.dim; ++e) row[e] = from[e];
  if (args.norm != JITATTN_NORM_NONE) Normalise(args, row);
  if (args.rope != JITATTN_ROPE_NONE) Rotate(args, PositionOf(args, rows, i), row);
  if (floats) return StoreFloats(args, row, at);
  if constexpr (std::is_same_v<Real, float>) StoreQuantised(args, row, target, head);
}

int64_t RowCount(const AppendArgs& args) {
  int64_t count = 0;
  for (int64_t b = 0; b < args.batch; ++b) count += RowsOf(args, b).count;
  return count;
}

struct Job {
  const AppendArgs* args;
  int64_t rows;  // of all sequences, of one head
  int workers;
};

// The rows are those of all sequences in turn. All heads of a row are moved by one thread, since
// they are rotated by the same angles.
void MoveShare(int worker, void* context) {
  const Job& job = *static_cast<const Job*>(context);
  const AppendArgs& args = *job.args;
  const int64_t first = job.rows * worker / job.workers;
  const int64_t end = job.rows * (worker + 1) / job.workers;
  CallWithType(static_cast<DType>(args.from_type), [&]<typename T>() {
    int64_t before = 0;
    for (int64_t b = 0; b < args.batch && before < end; ++b) {
      const AppendedRows rows = RowsOf(args, b);
      const int64_t last = std::min(end - before, rows.count);
      for (int64_t i = std::max<int64_t>(first - before, 0); i < last; ++i) {
        for (int64_t head = 0; head < args.heads; ++head) MoveRow<T>(args, rows, i, head);
      }
      before += rows.count;
    }
  });
}

// Entry i, as this version has it: what an older caller lacks is 0.
AppendArgs AppendAt(const jitattn_attention_args& run, int64_t i) {
  const size_t size = run.appends->struct_size;
  AppendArgs args = {};
  std::memcpy(&args, reinterpret_cast<const char*>(run.appends) + static_cast<size_t>(i) * size,
              std::min(size, sizeof args));
  return args;
}

}  // namespace

void Append(const AppendArgs& args, int threads) {
  if (args.heads == 0 || args.rows == 0) return;
  const int64_t rows = RowCount(args);
  const int64_t elements = SizeProduct({rows, args.heads, args.dim});
  const int workers =
      static_cast<int>(std::clamp<int64_t>(elements / kElementsOfThread, 1, threads));
  Job job{&args, rows, workers};
  ParallelFor(workers, MoveShare, &job);
}

absl::Status CheckAppends(const jitattn_attention_args& run) {
  if (run.append_count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("append_count ", run.append_count, ": must be 0 or more"));
  }
  if (run.appends == nullptr) return absl::InvalidArgumentError("appends is a null pointer");
  for (int64_t i = 0; i < run.append_count; ++i) {
    const absl::Status s = CheckAppend(AppendAt(run, i));
    if (s.ok()) continue;
    return absl::InvalidArgumentError(absl::StrCat("appends[", i, "]: ", s.message()));
  }
  return absl::OkStatus();
}

void RunAppends(const jitattn_attention_args& run, int threads) {
  for (int64_t i = 0; i < run.append_count; ++i) Append(AppendAt(run, i), threads);
}

}  // namespace jitattn::ops
