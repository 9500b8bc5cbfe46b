// The online softmax (Milakov & Gimelshein 2018, algorithm 3). All steps are vertical: a lane is a
// query.
//
// Per query the state holds a maximum m, the sum l = Σ 2^(s − m) and a threshold. While no score of
// a block exceeds m + 8, m stays: sums and products grow by at most 2^8, which is harmless in
// floating point, and nothing is rescaled. Otherwise m moves to the block's maximum, and all
// earlier sums are scaled by alpha = 2^(m_old − m_new).
//
// Dot products are summed from 0, and m is one of them, bit for bit: s − m is 0 for the maximum and
// at most 8 elsewhere, even if the last places of both are coarse. Accumulators that start at −m
// would save the subtraction, but round a score differently in every block: from |m| ≈ 2^31 on
// (f32) a score could end up more than 2^128 above m, and equal keys would get different weights.
//
// Like O, l is summed within a chunk of keys first and then over the chunks. For n keys this makes
// a chain of kv_block + n / kv_block additions instead of n.
//
// A query without a finite score so far has threshold −∞, so that its first score sets m; no other
// code treats the first score. Until then m is 0, not −∞, since −∞ − (−∞) would be NaN. Specials:
//   score −∞ among finite ones   2^−∞ = 0
//   all scores −∞                l stays 0, and 0 · (1/0) is NaN
//   score +∞                     m = +∞, and ∞ − ∞ = NaN stays in l
//   NaN                          NaN in l, whatever the maximum is

#ifndef JITATTN_JIT_ATTENTION_EMIT_SOFTMAX_H_
#define JITATTN_JIT_ATTENTION_EMIT_SOFTMAX_H_

#include <functional>
#include <span>

#include "jit/attention/tiles_layout.h"
#include "jit/parts/emit_exp.h"
#include "jit/parts/emit_tile_gemm.h"

namespace jitattn::jit {

// In log2 units. 7.5 instead of 8: rounded, m + 7.5 is at most m + 8 for every last place of m, but
// m + 8 would round up to m + 16 if the last place is 16.
inline constexpr double kRescaleThreshold = 7.5;

class EmitSoftmax {
 public:
  explicit EmitSoftmax(const TilesContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Vectors besides the accumulators of `vecs` columns, for EmitFused and EmitRescale.
  static int VecsNeeded(const TilesConfig& config, int vecs);

  // The same for stored scores, when nothing else is live.
  static int StoredVecsNeeded(const TilesConfig& config) {
    return 3 * config.exp_vecs + (config.pv == PvForm::kPairs ? 4 : 2);
  }

  // Starts a tile: m = 0, l = 0, thresholds −∞ for every query; with sinks m = sink, l = 1.
  void EmitReset(const Xbyak::Reg64& state);
  // Starts a chunk of keys: alpha = 1; l += the last chunk's sum; stored scores: maxima = −∞.
  void EmitResetChunk(const Xbyak::Reg64& state);

  // Accumulators: s ← p = 2^(s − m), and l += p. `rescale` is the subroutine for this number of
  // columns; it reads the registers that EmitRescale was given.
  void EmitFused(const EmitTileGemm& gemm, const Xbyak::Reg64& state, const Xbyak::Reg64& temp,
                 const Xbyak::Label& rescale);

  // Chunk's maximum ← its maximum with the accumulators, which stay scores.
  void EmitChunkMaximum(const EmitTileGemm& gemm, const Xbyak::Reg64& state);

  // A subroutine that moves m of `vecs` columns to kBlockMax where a threshold is exceeded. Scales
  // l, alpha and the chunk's probabilities stored before `scores`. Clobbers vectors.
  void EmitRescale(int vecs, const Xbyak::Reg64& state, const Xbyak::Reg64& scores);

  // Stored scores of the chunk: S ← P = 2^(S − m), and l += P. Clobbers both registers.
  void EmitStored(const Xbyak::Reg64& state, const Xbyak::Reg64& scores,
                  const Xbyak::Label& rescale);

  // Of the last chunk: kInverse = 1/l, or 0 for queries that see no key because of the mask or the
  // bias; kLse = the log-sum-exp.
  void EmitInverse(const Xbyak::Reg64& state);

  // The row of the state that holds the log-sum-exp once the thresholds are used no more.
  static constexpr TilesLayout::State kLse = TilesLayout::kThreshold;
  // kLse for a tile whose queries see no key. Sets `state`.
  void EmitLseOfNoKeys(const Xbyak::Reg64& state);

 private:
  void EmitResetToSink(const Xbyak::Reg64& state);
  void EmitLse(const Xbyak::Reg64& state);
  Xbyak::Address State(const Xbyak::Reg64& state, TilesLayout::State row, int col = 0);
  void EmitMaximum(const EmitTileGemm& gemm, std::span<const Vec> maxima);
  void EmitSum(int count, const std::function<Vec(int)>& x, const Vec& sum, const Vec& pair);
  // Jumps to `none` unless a maximum exceeds its threshold or is NaN.
  void EmitTest(std::span<const Vec> maxima, const Xbyak::Reg64& state, const Xbyak::Reg64& temp,
                const Xbyak::Label& none);
  void EmitStoredColumns(const Xbyak::Reg64& state, const Xbyak::Reg64& scores,
                         const Xbyak::Reg64& vecs);
  void EmitSkipUnseen(const Xbyak::Reg64& scores, const Xbyak::Reg64& keys, const Xbyak::Reg64& to,
                      const Xbyak::Reg64& seen, const Xbyak::Reg64& state,
                      const Xbyak::Reg64& temp);

  Xbyak::Address Words(const std::function<uint16_t(int lane)>& value);

  const TilesContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SOFTMAX_H_
