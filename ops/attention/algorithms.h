// The algorithms of attention.

#ifndef JITATTN_OPS_ATTENTION_ALGORITHMS_H_
#define JITATTN_OPS_ATTENTION_ALGORITHMS_H_

#include "base/cpu.h"
#include "base/isa.h"
#include "jit/attention/rows_config.h"
#include "jit/attention/tiles_config.h"
#include "ops/attention/problem.h"
#include "ops/config.h"

namespace jitattn::ops {

// Lanes are queries: many queries share each key.
extern const Algorithm kTiles;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::TilesConfig> = &kTiles;

// Lanes are columns: a few rows, queries × grouped heads, are held against many keys.
extern const Algorithm kRows;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::RowsConfig> = &kRows;

// Compiled, not emitted.
struct PortableAttentionConfig {
  Isa isa = Isa::kPortable;
  int threads = 1;
  int task_tiles = 1;  // of PortableTileRows queries: what a thread takes at a time

  friend bool operator==(const PortableAttentionConfig&, const PortableAttentionConfig&) = default;
};
inline int PortableTileRows(DType dtype) { return 4 * Lanes(Isa::kPortable, dtype); }
extern const Algorithm kPortableAttention;
template <>
inline constexpr const Algorithm* AlgorithmOf<PortableAttentionConfig> = &kPortableAttention;

// Algorithm::padded_flops.
double PaddedFlops(const AttentionProblem& problem, Isa isa, bool columns_in_lanes);

// The configurations to start from, by the size of the problem and the threads (heuristic.cc).
Config AttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config TilesHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config RowsHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config PortableAttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads);
double AttentionFlopsPerCycle(const Problem& problem, const Cpu& cpu);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ALGORITHMS_H_
