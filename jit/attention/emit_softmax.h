// The online softmax (Milakov & Gimelshein 2018, algorithm 3), vertical: a lane is a query.
//
// Per query the state holds a maximum m, the sum l = Σ 2^(s − m) and a threshold. As long as no
// score of a block exceeds m + 8, m stays where it is: sums and products only grow by up to 2^8,
// which floating point does not mind, and nothing is rescaled. Else m moves to the block's maximum,
// and what was summed is scaled by alpha = 2^(m_old − m_new).
//
// Scores are plain dot products from 0, and m is one of them, bit for bit: s − m is 0 where s is
// the maximum and at most 8 elsewhere, however coarse the last place of both is. Accumulators that
// started at −m would save the subtraction, but would round a score differently in every block:
// from |m| ≈ 2^31 on (f32) it could end up more than 2^128 above m, and equal keys would have
// different weights.
//
// l is summed within a chunk of keys first and then over the chunks, as O is: with n keys that are
// kv_block + n / kv_block additions one after the other and not n.
//
// A query that has seen no finite score yet has threshold −∞, so that its first one sets m; there
// is no other "first" case. Until then m is 0, not −∞: −∞ − (−∞) would be NaN. Specials follow:
//   score −∞ among finite ones   2^−∞ = 0
//   all scores −∞                l stays 0, and 0 · (1/0) is NaN
//   score +∞                     m = +∞, ∞ − ∞ is NaN, and stays in l
//   NaN                          NaN in l, whatever the maximum made of it

#ifndef JITATTN_JIT_ATTENTION_EMIT_SOFTMAX_H_
#define JITATTN_JIT_ATTENTION_EMIT_SOFTMAX_H_

#include <functional>
#include <span>

#include "jit/attention/tiles_layout.h"
#include "jit/parts/emit_exp.h"
#include "jit/parts/emit_tile_gemm.h"

namespace jitattn::jit {

// In log2 units. m + 7.5 is at most m + 8 after rounding, whatever the last place of m is; m + 8
// would be rounded up to m + 16 where that is 16.
inline constexpr double kRescaleThreshold = 7.5;

class EmitSoftmax {
 public:
  explicit EmitSoftmax(const TilesContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Vectors beside `vecs` columns' accumulators: for the exponentials on them, and for Rescale.
  static int VecsNeeded(const TilesConfig& config, int vecs);

  // For stored scores; nothing else is live then.
  static int StoredVecsNeeded(const TilesConfig& config) {
    return 3 * config.exp_vecs + (config.pv == PvForm::kPairs ? 4 : 2);
  }

  // A tile begins: m = 0, l = 0, thresholds −∞ for every query.
  void EmitReset(const Xbyak::Reg64& state);
  // A chunk of keys begins: alpha = 1; what the last one summed enters l; stored scores: maxima −∞.
  void EmitResetChunk(const Xbyak::Reg64& state);

  // Accumulators s become p = 2^(s − m) and enter l. `rescale` is the subroutine for as many
  // columns; it reads the registers that EmitRescale was given.
  void EmitFused(const EmitTileGemm& gemm, const Xbyak::Reg64& state, const Xbyak::Reg64& temp,
                 const Xbyak::Label& rescale);

  // Accumulators s enter the chunk's maximum and stay scores.
  void EmitChunkMaximum(const EmitTileGemm& gemm, const Xbyak::Reg64& state);

  // Subroutine: moves m of `vecs` columns to kBlockMax where that is due; scales l, alpha and the
  // chunk's probabilities stored before `scores`. Clobbers vectors.
  void EmitRescale(int vecs, const Xbyak::Reg64& state, const Xbyak::Reg64& scores);

  // The chunk's stored scores become probabilities and enter l. Clobbers both registers.
  void EmitStored(const Xbyak::Reg64& state, const Xbyak::Reg64& scores,
                  const Xbyak::Label& rescale);

  // kInverse = 1/l, and 0 for queries that see no key at all.
  void EmitInverse(const Xbyak::Reg64& state);

 private:
  Xbyak::Address State(const Xbyak::Reg64& state, TilesLayout::State row, int col = 0);
  void EmitMaximum(const EmitTileGemm& gemm, std::span<const Vec> maxima);
  void EmitSum(int count, const std::function<Vec(int)>& x, const Vec& sum, const Vec& pair);
  // Jumps to `none` unless one of the maxima exceeds its threshold or is NaN.
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
