// The tunables of the "tiles" kernel: lanes are queries, many of which share each key.

#ifndef JITATTN_JIT_ATTENTION_TILES_CONFIG_H_
#define JITATTN_JIT_ATTENTION_TILES_CONFIG_H_

#include "absl/status/status.h"
#include "base/cpu.h"
#include "base/isa.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// How P·V is computed.
enum class PvForm : int {
  kNatural = 0,     // P is broadcast, lanes are value columns
  kTransposed = 1,  // V is broadcast, lanes are queries
  kPairs = 2,       // as kNatural, by products of pairs of bf16; Q·Kᵀ multiplies pairs too
};

struct TilesConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int q_vecs = 4;      // tile, in vectors of queries
  int kv_block = 128;  // keys whose scores are held at once
  int pack = 0;        // 1: keys and values are copied first, row to row (16-bit types always are)
  int qk_keys = 6;     // register block of Q·Kᵀ: keys …
  int qk_vecs = 4;     // … × vectors of queries
  int qk_unroll = 4;   // steps of the head dimension an iteration
  int qk_embed = 0;    // 1: the FMA itself broadcasts its key element from memory (AVX-512)
  int qk_ahead = 0;    // the next register block's keys are fetched to 1: the L1, 2: the L2; 0: not
  int fuse_exp = 1;    // 1: exponentials taken on the accumulators; 0: on stored scores
  int exp_vecs = 4;    // exponentials in flight
  int exp_degree = 0;  // of their polynomial (EmitExp::Degrees); 0: the first of these
  PvForm pv = PvForm::kNatural;
  int pv_rows = 6;     // register block of P·V: broadcast operands …
  int pv_vecs = 4;     // … × vectors of value columns, or (transposed) of queries
  int pv_unroll = 2;   // keys an iteration
  int pv_embed = 0;    // as qk_embed
  int pv_ahead = 0;    // the next value columns are fetched to 1: the L1, 2: the L2; 0: not
  int prefetch = 0;    // rows of V fetched ahead; 0: none
  int task_tiles = 1;  // query tiles a thread takes at a time

  friend bool operator==(const TilesConfig&, const TilesConfig&) = default;
};

// The values that each tunable may have, ascending.
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
  static constexpr int kPrefetch[] = {0, 1, 2, 4, 8};  // rows that one address reaches
  static constexpr int kTaskTiles[] = {1, 2, 4, 8, 16};
};

// The rules beside the ladders; says which one failed, with numbers: "qk_keys × qk_vecs 9 × 4 needs
// 41 vector registers, avx512 has 32".
absl::Status ValidateTiles(const TilesConfig& config, const AttentionSpec& spec, const Cpu& cpu);

// Tunables that have no effect here set to their one agreed value, so that one kernel and schedule
// is one point.
TilesConfig CanonicalTiles(TilesConfig config, const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_TILES_CONFIG_H_
