// The tunables of the "tiles" kernel: lanes are queries, and many queries share each key.

#ifndef JITATTN_JIT_ATTENTION_TILES_CONFIG_H_
#define JITATTN_JIT_ATTENTION_TILES_CONFIG_H_

#include "absl/status/status.h"
#include "base/cpu.h"
#include "base/isa.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// The form of P·V.
enum class PvForm : int {
  kNatural = 0,     // P is broadcast, lanes are value columns
  kTransposed = 1,  // V is broadcast, lanes are queries
  kPairs = 2,       // as kNatural, with products of bf16 pairs, also in Q·Kᵀ
};

struct TilesConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int q_vecs = 4;      // tile height, in vectors of queries
  int kv_block = 128;  // keys whose scores exist at once
  // 1: copy keys and values to contiguous rows first (always if they are converted or in pages)
  int pack = 0;
  int qk_keys = 6;     // register block of Q·Kᵀ: keys …
  int qk_vecs = 4;     // … × vectors of queries
  int qk_unroll = 4;   // steps of the head dimension per iteration
  int qk_embed = 0;    // 1: the FMA broadcasts its key element from memory (AVX-512)
  int qk_ahead = 0;    // prefetch the next register block's keys to 1: L1, 2: L2; 0: no prefetch
  int fuse_exp = 1;    // 1: exponentials of the accumulators; 0: of stored scores
  int exp_vecs = 4;    // exponentials in flight
  int exp_degree = 0;  // degree of their polynomial; 0: the first of EmitExp::Degrees()
  PvForm pv = PvForm::kNatural;
  int pv_rows = 6;     // register block of P·V: broadcast operands …
  int pv_vecs = 4;     // … × vectors of value columns, or (transposed) of queries
  int pv_unroll = 2;   // keys per iteration
  int pv_embed = 0;    // like qk_embed
  int pv_ahead = 0;    // prefetch the next value columns to 1: L1, 2: L2; 0: no prefetch
  int prefetch = 0;    // rows of V fetched ahead; 0: none
  int task_tiles = 1;  // query tiles per task of a thread

  friend bool operator==(const TilesConfig&, const TilesConfig&) = default;
};

// The values of each tunable, ascending.
struct TilesLadders {
  static constexpr int kQVecs[] = {1, 2, 3, 4, 6, 8, 12, 16};
  static constexpr int kKvBlock[] = {32, 64, 96, 128, 192, 256, 384, 512};
  static constexpr int kQkKeys[] = {1, 2, 3, 4, 5, 6, 8, 12, 14};
  static constexpr int kQkVecs[] = {1, 2, 3, 4, 6};
  static constexpr int kQkUnroll[] = {1, 2, 4, 8, 16};
  static constexpr int kExpVecs[] = {1, 2, 3, 4, 6};
  static constexpr int kExpDegree[] = {0, 3, 4, 5, 7, 11};
  static constexpr int kPv[] = {0, 1, 2};
  static constexpr int kPvRows[] = {1, 2, 3, 4, 5, 6, 8, 12, 14};
  static constexpr int kPvVecs[] = {1, 2, 3, 4, 6, 8};
  static constexpr int kPvUnroll[] = {1, 2, 4, 8};
  static constexpr int kAhead[] = {0, 1, 2};
  static constexpr int kPrefetch[] = {0, 1, 2, 4, 8};  // rows within one address's reach
  static constexpr int kTaskTiles[] = {1, 2, 4, 8, 16};
};

// Checks the rules besides the ladders. The error states the failed rule with numbers: "qk_keys ×
// qk_vecs 9 × 4 needs 41 vector registers, but avx512 has 32".
absl::Status ValidateTiles(const TilesConfig& config, const AttentionSpec& spec, const Cpu& cpu);

// Sets tunables without effect here to one agreed value, so that equal kernels and schedules are
// one point.
TilesConfig CanonicalTiles(TilesConfig config, const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_TILES_CONFIG_H_
