// The tunables of the "rows" kernel: lanes are columns, and a few query rows (queries × grouped
// heads) meet many keys.

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
  int tile_rows = 4;   // query rows per key held in registers
  int kv_block = 128;  // keys whose scores exist at once
  int qk_keys = 1;     // keys per step of Q·Kᵀ
  int depth_vecs = 4;  // vectors of the head dimension per iteration
  int pairs = 0;       // 1: Q·Kᵀ multiplies pairs of bf16
  int exp_vecs = 4;    // exponentials in flight
  int exp_degree = 0;  // degree of their polynomial; 0: the first of EmitExp::Degrees()
  int pv_rows = 4;     // register block of P·V: rows …
  int pv_vecs = 4;     // … × vectors of value columns
  int pv_unroll = 2;   // keys per iteration
  int prefetch = 0;    // rows of K and V fetched ahead; 0: none
  int kv_split = 0;    // kv_blocks of keys per task; 0: all keys

  friend bool operator==(const RowsConfig&, const RowsConfig&) = default;
};

// The values of each tunable, ascending.
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

// See ValidateTiles() and CanonicalTiles().
absl::Status ValidateRows(const RowsConfig& config, const AttentionSpec& spec, const Cpu& cpu);
RowsConfig CanonicalRows(RowsConfig config, const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_ROWS_CONFIG_H_
