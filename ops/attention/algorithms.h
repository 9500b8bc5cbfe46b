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

struct Rereads;

// Lanes hold queries: many queries share each key. Emitted.
extern const Algorithm kTiles;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::TilesConfig> = &kTiles;

// Lanes hold columns: a few rows (queries × grouped heads) meet many keys. Emitted.
extern const Algorithm kRows;
template <>
inline constexpr const Algorithm* AlgorithmOf<jit::RowsConfig> = &kRows;

// Compiled C++, for any CPU.
struct PortableAttentionConfig {
  Isa isa = Isa::kPortable;
  int threads = 1;
  int task_tiles = 1;  // tiles of PortableTileRows queries that a thread takes at a time

  friend bool operator==(const PortableAttentionConfig&, const PortableAttentionConfig&) = default;
};
inline int PortableTileRows(DType dtype) { return 4 * Lanes(Isa::kPortable, dtype); }
extern const Algorithm kPortableAttention;
template <>
inline constexpr const Algorithm* AlgorithmOf<PortableAttentionConfig> = &kPortableAttention;

// Operations of Q·Kᵀ and P·V over all pairs (query, key), masked ones included, with the axis in
// the lanes rounded up to whole vectors. That axis is the queries, or the columns of a head of keys
// (Q·Kᵀ) or values (P·V).
struct LaneAxis {
  enum { kQueries, kColumns } axis;
  int in_vector;  // queries or columns
};
double PaddedFlops(const AttentionProblem& problem, LaneAxis of_qk, LaneAxis of_pv);

// Rereads of an algorithm that reads the keys and values of each kv head `tiles` times, in blocks
// of `keys`.
Rereads RereadsOf(const AttentionProblem& problem, double tiles, int64_t keys);
// The same for tiles of `queries` queries of one head, each of which reads all of the head's keys.
Rereads TileRereads(const AttentionProblem& problem, int64_t queries);

// The configurations for problems that were not tuned (heuristic.cc).
Config AttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config TilesHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config RowsHeuristic(const Problem& problem, const Cpu& cpu, int threads);
Config PortableAttentionHeuristic(const Problem& problem, const Cpu& cpu, int threads);
double AttentionFlopsPerCycle(const Problem& problem, const Cpu& cpu);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_ATTENTION_ALGORITHMS_H_
