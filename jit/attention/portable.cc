// Attention without emitted code: online softmax (Milakov & Gimelshein 2018, algorithm 3) over
// blocks of keys, lanes are queries.
//
//   for each tile of kLanes queries
//     queries ← its rows, transposed
//     for each block of kBlock keys that a query of the tile sees
//       scores  ← scale · keys · queries + bias, −∞ where that is −∞; a block of these is skipped
//       m, l, outputs ← moved to the block's maximum
//       scores  ← e^(scores − m)
//       outputs ← outputs + valuesᵀ · scores
//     out ← outputs / l, transposed

#include "jit/attention/portable.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <type_traits>
#include <utility>

#include "base/small_float.h"
#include "jit/attention/args.h"
#include "jit/attention/band.h"
#include "jit/attention/bias.h"
#include "jit/attention/kv_number.h"
#include "jit/attention/score_part.h"
#include "jit/parts/exp_polynomial.h"

namespace jitattn::jit {
namespace {

constexpr int kBlock = 64;  // keys whose scores are held at once: 4 KiB of them
constexpr int kPacks = kPortableTileBytes / 16;

// Every x86-64 and AArch64 has 16-byte vectors. Four of them make a tile's row, so that two rows of
// sums, a row of factors and a broadcast fit into 16 registers.
template <typename T>
struct Simd {
  using Pack [[gnu::vector_size(16)]] = T;
  static constexpr int kLanes = kPacks * 16 / sizeof(T);
};

// S is the type in memory, T = Compute<S> the type of the computation.
template <typename S>
Compute<S> LoadScalar(const char* p) {
  S value;
  std::memcpy(&value, p, sizeof value);  // strides may leave elements unaligned
  return value;
}

// sums[row][lane] += Σ_i a[row][i] · b[i][lane] for kRows rows; a's strides are in bytes. The new
// terms are summed from 0 first: over many blocks the error grows with the number of blocks, not of
// keys.
template <int kRows, typename S, typename T>
inline void MultiplyRows(const char* a, int64_t row_stride, int64_t step_stride, const T* b,
                         int64_t steps, T* sums) {
  using Pack = typename Simd<T>::Pack;
  constexpr int kLanes = Simd<T>::kLanes;
  const auto load = [](const T* p) {
    Pack pack;
    std::memcpy(&pack, p, sizeof pack);
    return pack;
  };
  constexpr int kPackLanes = kLanes / kPacks;
  // The compiler keeps `sum` in registers only if every index is constant, hence one pack at a
  // time.
  Pack sum[kRows][kPacks] = {};
  for (int64_t step = 0; step < steps; ++step) {
    const T* factors = b + step * kLanes;
    for (int row = 0; row < kRows; ++row) {
      const T x = LoadScalar<S>(a + row * row_stride + step * step_stride);
      for (int i = 0; i < kPacks; ++i) sum[row][i] += x * load(factors + i * kPackLanes);
    }
  }
  for (int row = 0; row < kRows; ++row) {
    for (int i = 0; i < kPacks; ++i) {
      T* to = sums + row * kLanes + i * kPackLanes;
      sum[row][i] += load(to);
      std::memcpy(to, &sum[row][i], sizeof(Pack));
    }
  }
}

template <typename S, typename T>
void Multiply(const char* a, int64_t rows, int64_t row_stride, int64_t step_stride, const T* b,
              int64_t steps, T* sums) {
  constexpr int kLanes = Simd<T>::kLanes;
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2)
    MultiplyRows<2, S>(a + row * row_stride, row_stride, step_stride, b, steps,
                       sums + row * kLanes);
  if (row < rows)
    MultiplyRows<1, S>(a + row * row_stride, row_stride, step_stride, b, steps,
                       sums + row * kLanes);
}

// Unrolled by the language: a loop of twelve steps would prevent vectorising of the enclosing loop.
template <typename T, size_t kCount, size_t... kIndex>
inline T Horner(const double (&coefficients)[kCount], T x, std::index_sequence<kIndex...>) {
  T p = 0;
  ((p = p * x + static_cast<T>(coefficients[kCount - 1 - kIndex])), ...);
  return p;
}

// e^x for x ≤ 0 or NaN; 0 instead of denormal results. Branchless, so that enclosing loops
// vectorise.
template <typename T>
inline T ExpOfNonPositive(T x) {
  constexpr bool kF64 = std::is_same_v<T, double>;
  using Bits = std::conditional_t<kF64, uint64_t, uint32_t>;
  constexpr T kBias = kF64 ? 1023 : 127;
  constexpr int kMantissaBits = kF64 ? 52 : 23;
  // Adding 1.5·2^(mantissa bits) leaves round(x·log2 e) plus the exponent's bias in the low bits.
  // Shifted up, these bits are the power of two.
  constexpr T kMagic = (kF64 ? 0x1.8p52 : 0x1.8p23) + kBias;
  // ln 2 in two parts. The first is so short (9 and 32 bits) that its product with n is exact.
  constexpr T kLn2High = kF64 ? 0x1.62e42feep-1 : 0x1.63p-1;
  constexpr T kLn2Low = kF64 ? 1.9082149292705877e-10 : -2.1219444005469058e-4;
  constexpr T kLowest = -(kBias - 1) * std::numbers::ln2_v<T>;
  const T shifted = x * std::numbers::log2e_v<T> + kMagic;
  const T n = shifted - kMagic;
  const T r = (n * kLn2High - x) + n * kLn2Low;
  T p;
  if constexpr (kF64) {
    p = Horner(kExpF64, r, std::make_index_sequence<std::size(kExpF64)>());
  } else {
    p = Horner(kExpF32, r, std::make_index_sequence<std::size(kExpF32)>());
  }
  const T y = p * std::bit_cast<T>(std::bit_cast<Bits>(shifted) << kMantissaBits);
  return x < kLowest ? T{0} : y;
}

template <typename T>
struct Scratch {
  static constexpr int kLanes = Simd<T>::kLanes;
  Scratch(void* memory, const AttentionSpec& spec)
      : scores(static_cast<T*>(memory)),
        queries(scores + kBlock * kLanes),
        outputs(queries + int64_t{spec.head_dim} * kLanes),
        rows(reinterpret_cast<char*>(outputs + int64_t{spec.value_dim} * kLanes)) {}

  T* scores;   // [kBlock][kLanes]
  T* queries;  // [head_dim][kLanes]
  T* outputs;  // [value_dim][kLanes]
  char* rows;  // keys, then values, of another type than the queries or in pages  [kBlock][dim]
};

// kConverts: keys and values are stored in another type than S, and converted to T a block at a
// time.
template <typename S, bool kConverts>
class Tile {
  using T = Compute<S>;
  using K = std::conditional_t<kConverts, T, S>;  // the type in which they are multiplied

 public:
  static constexpr int kLanes = Simd<T>::kLanes;

  Tile(const AttentionArgs& args, int64_t first_row)
      : args_(args),
        spec_(*args.spec),
        first_row_(first_row),
        rows_(static_cast<int>(std::min<int64_t>(kLanes, args.q_rows - first_row))),
        band_(Band::Of(spec_.mask, args.left, args.right).From(first_row, 0)),
        scratch_(args.scratch, spec_) {
    std::fill_n(max_, kLanes, spec_.sinks ? static_cast<T>(*args.sinks) : -kInfinity);
    if (spec_.sinks) std::fill_n(sum_, kLanes, T{*args.sinks == -kInfinity ? T{0} : T{1}});
  }

  void Run() {
    LoadQueries();
    std::fill_n(scratch_.outputs, int64_t{spec_.value_dim} * kLanes, T{0});
    // Blocks begin at multiples of kBlock, so that a row's bits do not depend on its lane.
    const int64_t first = KeysSeenBy(0).first / kBlock * kBlock, end = KeysSeenBy(rows_ - 1).end;
    for (int64_t key = first; key < end; key += kBlock) {
      const int keys = static_cast<int>(std::min<int64_t>(kBlock, end - key));
      if (spec_.bias != Bias::kNone && !FindSeen(key, keys)) continue;
      Scores(key, keys);
      Softmax(key, keys);
      AddValues(key, keys);
    }
    StoreOutputs();
  }

 private:
  IndexRange KeysSeenBy(int lane) const { return band_.Keys(lane, args_.kv_len); }
  IndexRange LanesThatSee(int64_t key) const { return band_.Queries(key, kLanes); }

  void LoadQueries() {
    for (int lane = 0; lane < kLanes; ++lane) {
      const char* row = static_cast<const char*>(args_.q) + (first_row_ + lane) * args_.q_stride;
      for (int d = 0; d < spec_.head_dim; ++d) {
        scratch_.queries[d * kLanes + lane] =
            lane < rows_ ? LoadScalar<S>(row + d * sizeof(S)) : T{0};
      }
    }
  }

  void Scores(int64_t key, int keys) {
    const Rows k = RowsOf(key, keys, /*values=*/false);
    std::fill_n(scratch_.scores, keys * kLanes, T{0});
    Multiply<K>(k.first, keys, k.stride, sizeof(K), scratch_.queries, spec_.head_dim,
                scratch_.scores);
    const T scale = static_cast<T>(args_.scale);
    for (int i = 0; i < keys * kLanes; ++i) scratch_.scores[i] *= scale;
    if (spec_.has_score_parts()) ApplyParts(key, keys);
    if (spec_.bias != Bias::kNone) AddBias(key, keys);
  }

  // Rows of keys or values in type K.
  struct Rows {
    const char* first;
    int64_t stride;  // bytes
  };
  // Those of the block: in place, or copied if they have another type or lie in pages. Rows that no
  // query sees are not read then, and are 0.
  Rows RowsOf(int64_t key, int keys, bool values) {
    const KvArray array = values ? ValuesOf(args_) : KeysOf(args_);
    if (!kConverts && !spec_.paged) return {array.RowAt(key), array.stride};
    const KvRow row(spec_, values ? spec_.value_dim : spec_.head_dim);
    const int64_t bytes = int64_t{row.dim} * static_cast<int64_t>(sizeof(K));
    for (int j = 0; j < keys; ++j) {
      char* const to = scratch_.rows + j * bytes;
      const IndexRange lanes = LanesThatSee(key + j);
      if (lanes.size() == 0 || lanes.first >= rows_ || !Seen(j)) {
        std::memset(to, 0, static_cast<size_t>(bytes));
      } else if constexpr (kConverts) {
        ReadKvRow(spec_, row, array.RowAt(key + j), array.ScalesAt(key + j),
                  reinterpret_cast<T*>(to));
      } else {
        std::memcpy(to, array.RowAt(key + j), static_cast<size_t>(bytes));
      }
    }
    return {scratch_.rows, bytes};
  }

  // −∞ hides the key.
  T BiasOf(int lane, int64_t key) const {
    const char* const row =
        static_cast<const char*>(args_.bias) + (first_row_ + lane) * args_.bias_stride;
    const char* const at = row + key * BiasBytes(spec_);
    if (spec_.bias == Bias::kSeen) return *at != 0 ? T{0} : -kInfinity;
    if (spec_.bias == Bias::kOwn) return LoadScalar<S>(at);
    return static_cast<T>(LoadScalar<float>(at));
  }

  // Sets which keys of the block some row sees. Returns whether there is one.
  bool FindSeen(int64_t key, int keys) {
    bool any = false;
    for (int j = 0; j < keys; ++j) {
      const IndexRange lanes = LanesThatSee(key + j);
      seen_[j] = false;
      for (int64_t lane = lanes.first; lane < std::min<int64_t>(lanes.end, rows_); ++lane)
        seen_[j] |= BiasOf(static_cast<int>(lane), key + j) != -kInfinity;
      any |= seen_[j];
    }
    return any;
  }

  void AddBias(int64_t key, int keys) {
    for (int lane = 0; lane < rows_; ++lane) {
      for (int j = 0; j < keys; ++j) {
        T& score = scratch_.scores[j * kLanes + lane];
        const T bias = BiasOf(lane, key + j);
        score = bias == -kInfinity ? bias : score + bias;  // the score may be NaN
      }
    }
  }

  void ApplyParts(int64_t key, int keys) {
    ScorePlace place{.head = args_.first_head};
    for (int i = 0; i < keys * kLanes; ++i) {
      place.query = args_.first_query + first_row_ + i % kLanes;
      place.key = args_.first_key + key + i / kLanes;
      for (const ScorePart* part : spec_.score_parts) {
        if (part == nullptr) break;
        scratch_.scores[i] = static_cast<T>(part->Apply(scratch_.scores[i], place, args_));
      }
    }
  }

  void Softmax(int64_t key, int keys) {
    T highest[kLanes], shift[kLanes], alpha[kLanes], sum[kLanes] = {};
    std::copy_n(max_, kLanes, highest);
    for (int j = 0; j < keys; ++j) {
      const T* scores = scratch_.scores + j * kLanes;
      const IndexRange lanes = LanesThatSee(key + j);
      for (int64_t lane = lanes.first; lane < lanes.end; ++lane)
        highest[lane] = scores[lane] > highest[lane] ? scores[lane] : highest[lane];
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      // (−∞) − (−∞) would be NaN although a later block may bring a finite score.
      shift[lane] = highest[lane] == -kInfinity ? T{0} : highest[lane];
      alpha[lane] = max_[lane] == highest[lane] ? T{1} : ExpOfNonPositive(max_[lane] - shift[lane]);
      max_[lane] = highest[lane];
      sum_[lane] *= alpha[lane];
    }
    for (int64_t d = 0; d < spec_.value_dim; ++d) {
      for (int lane = 0; lane < kLanes; ++lane) scratch_.outputs[d * kLanes + lane] *= alpha[lane];
    }
    for (int j = 0; j < keys; ++j) {
      T* scores = scratch_.scores + j * kLanes;
      for (int lane = 0; lane < kLanes; ++lane)
        scores[lane] = ExpOfNonPositive(scores[lane] - shift[lane]);
      const IndexRange lanes = LanesThatSee(key + j);
      for (int64_t lane = lanes.first; lane < lanes.end; ++lane) sum[lane] += scores[lane];
    }
    for (int lane = 0; lane < kLanes; ++lane) sum_[lane] += sum[lane];
  }

  void AddValues(int64_t key, int keys) {
    const Rows v = RowsOf(key, keys, /*values=*/true);
    int all = 0;  // keys at the block's beginning that every lane sees
    while (all < keys && LanesThatSee(key + all).size() == kLanes && Seen(all)) ++all;
    if (all == keys) {
      return Multiply<K>(v.first, spec_.value_dim, sizeof(K), v.stride, scratch_.scores, keys,
                         scratch_.outputs);
    }
    // The other keys skip the lanes that do not see them, instead of multiplying by 0: 0·NaN is
    // NaN. They still enter the block's sum, so that a row's bits do not depend on its lane.
    for (int d = 0; d < spec_.value_dim; ++d) {
      T sums[kLanes] = {};
      const char* column = v.first + d * sizeof(K);
      Multiply<K>(column, 1, sizeof(K), v.stride, scratch_.scores, all, sums);
      for (int j = all; j < keys; ++j) {
        if (!Seen(j)) continue;
        const T value = LoadScalar<K>(column + j * v.stride);
        const IndexRange lanes = LanesThatSee(key + j);
        for (int64_t lane = lanes.first; lane < lanes.end; ++lane)
          sums[lane] += value * scratch_.scores[j * kLanes + lane];
      }
      for (int lane = 0; lane < kLanes; ++lane) scratch_.outputs[d * kLanes + lane] += sums[lane];
    }
  }

  void StoreOutputs() const {
    for (int lane = 0; lane < rows_; ++lane) {
      char* row = static_cast<char*>(args_.out) + (first_row_ + lane) * args_.out_stride;
      const bool sees_any =
          KeysSeenBy(lane).size() > 0 && (spec_.bias == Bias::kNone || sum_[lane] != 0);
      for (int d = 0; d < spec_.value_dim; ++d) {
        T y = sees_any ? scratch_.outputs[d * kLanes + lane] / sum_[lane] : T{0};
        if (spec_.gate && sees_any) y = Gated(y, lane, d);
        const S rounded = y;
        std::memcpy(row + d * sizeof(S), &rounded, sizeof rounded);
      }
      if (spec_.lse) StoreLse(lane);
    }
  }

  T Gated(T y, int lane, int column) const {
    const char* const gates =
        static_cast<const char*>(args_.gate) + (first_row_ + lane) * args_.gate_stride;
    return y / (T{1} + std::exp(-LoadScalar<S>(gates + column * sizeof(S))));
  }

  void StoreLse(int lane) const {
    const T lse = sum_[lane] == 0 ? -kInfinity : max_[lane] + std::log(sum_[lane]);
    std::memcpy(static_cast<char*>(args_.lse) + (first_row_ + lane) * args_.lse_stride, &lse,
                sizeof lse);
  }

  bool Seen(int j) const { return spec_.bias == Bias::kNone || seen_[j]; }

  static constexpr T kInfinity = std::numeric_limits<T>::infinity();

  const AttentionArgs& args_;
  const AttentionSpec& spec_;
  const int64_t first_row_;
  const int rows_;   // of this tile; the other lanes hold zeros and are not stored
  const Band band_;  // relative to the tile's first row
  const Scratch<T> scratch_;
  T max_[kLanes], sum_[kLanes] = {};
  bool seen_[kBlock];  // bias: keys of the block that some row sees
};

template <typename S>
void RunTiles(const AttentionArgs& args) {
  const auto run = [&]<bool kConverts>() {
    using OfType = Tile<S, kConverts>;
    for (int64_t row = 0; row < args.q_rows; row += OfType::kLanes) OfType(args, row).Run();
  };
  if constexpr (!std::is_same_v<S, double>) {
    if (!HasOwnKv(*args.spec)) return run.template operator()<true>();
  }
  run.template operator()<false>();
}

}  // namespace

void RunPortableAttention(const void* args) {
  const auto& a = *static_cast<const AttentionArgs*>(args);
  switch (a.spec->dtype) {
    case DType::kF64:
      return RunTiles<double>(a);
    case DType::kBF16:
      return RunTiles<BFloat16>(a);
    case DType::kF16:
      return RunTiles<Float16>(a);
    default:
      return RunTiles<float>(a);
  }
}

int64_t PortableAttentionScratchBytes(const AttentionSpec& spec) {
  constexpr int64_t kRowBytes = kPacks * 16;
  const bool copies = spec.paged || !HasOwnKv(spec);
  const int64_t dims = int64_t{spec.head_dim} + spec.value_dim;
  return (kBlock + dims) * kRowBytes + (copies ? kBlock * std::max(spec.head_dim, spec.value_dim) *
                                                     SizeOf(ComputeType(spec.dtype))
                                               : 0);
}

}  // namespace jitattn::jit
