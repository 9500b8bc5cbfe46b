// The tunables of the "rows" kernel: lanes are columns, and a few query rows (queries × grouped
// heads) are held against many keys.

#ifndef JITATTN_JIT_ATTENTION_ROWS_CONFIG_H_
#define JITATTN_JIT_ATTENTION_ROWS_CONFIG_H_

#include "absl/status/status.h"
#include "base/cpu.h"
#include "base/isa.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

struct RowsConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int tile_rows = 4;   // query rows held against a key while it is in registers
  int kv_block = 128;  // keys whose scores are held at once
  int qk_keys = 1;     // keys that a step of Q·Kᵀ takes
  int depth_vecs = 4;  // vectors of the head dimension an iteration
  int pairs = 0;       // 1: Q·Kᵀ multiplies pairs of bf16
  int exp_vecs = 4;    // exponentials in flight
  int exp_degree = 0;  // of their polynomial (EmitExp::Degrees); 0: the first of these
  int pv_rows = 4;     // register block of P·V: rows …
  int pv_vecs = 4;     // … × vectors of value columns
  int pv_unroll = 2;   // keys an iteration
  int prefetch = 0;    // rows of K and V fetched ahead; 0: none
  int kv_split = 0;    // keys of a task, in kv_blocks; 0: all of them

  friend bool operator==(const RowsConfig&, const RowsConfig&) = default;
};

// The values that each tunable may have, ascending.
struct RowsLadders {
  static constexpr int kTileRows[] = {1, 2, 4, 8, 16};
  static constexpr int kKvBlock[] = {32, 64, 96, 128, 192, 256, 384, 512};
  static constexpr int kQkKeys[] = {1, 2};
  static constexpr int kDepthVecs[] = {1, 2, 4, 8, 16};
  static constexpr int kExpVecs[] = {1, 2, 3, 4, 6};
  static constexpr int kExpDegree[] = {0, 3, 4, 5, 7, 11};
  static constexpr int kPvRows[] = {1, 2, 4, 8};
  static constexpr int kPvVecs[] = {1, 2, 3, 4, 6, 8};
  static constexpr int kPvUnroll[] = {1, 2, 4, 8};
  static constexpr int kPrefetch[] = {0, 1, 2, 4, 8, 16, 32, 64, 128, 256};
  static constexpr int kKvSplit[] = {0, 1, 2, 4, 8, 16, 32};
};

// As ValidateTiles and CanonicalTiles.
absl::Status ValidateRows(const RowsConfig& config, const AttentionSpec& spec, const Cpu& cpu);
RowsConfig CanonicalRows(RowsConfig config, const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_CONFIG_H_
