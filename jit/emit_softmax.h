// The online softmax (Milakov & Gimelshein 2018, algorithm 3), vertical: a lane is a query.
//
// Per query the state holds a maximum m, the sum l = Σ 2^(s − m) and a threshold. As long as no
// score of a block exceeds m + 8, m stays where it is: sums and products only grow by up to 2^8,
// which floating point does not mind, and nothing is rescaled. Else m moves to the block's maximum,
// and what was summed is scaled by alpha = 2^(m_old − m_new).
//
// Accumulators start at −m/2 and end as u = s − m/2; another −m/2 gives s − m. Starting at −m would
// save that addition, but every partial sum of a key with s ≪ m would be rounded to m's last place:
// 1.8 times the error of a plain dot product at usual sizes. From −m/2 they run to +m/2 where it
// matters, s ≈ m, and the error is that of a plain one at worst, half of it where |m| is large. The
// threshold is kept in terms of u: 8 + m/2.
//
// A query that has seen no finite score yet has threshold −∞, so that its first one sets m; there
// is no other "first" case. Until then m is 0, not −∞: −∞ − (−∞) would be NaN. Specials follow:
//   score −∞ among finite ones   2^−∞ = 0
//   all scores −∞                l stays 0, and 0 · (1/0) is NaN
//   score +∞                     m = +∞, ∞ − ∞ is NaN, and stays in l
//   NaN                          NaN in l, whatever the maximum made of it

#ifndef JITATTN_JIT_EMIT_SOFTMAX_H_
#define JITATTN_JIT_EMIT_SOFTMAX_H_

#include <functional>
#include <span>

#include "jit/attention_layout.h"
#include "jit/emit_exp.h"
#include "jit/emit_tile_gemm.h"

namespace jitattn::jit {

inline constexpr double kRescaleThreshold = 8;  // in log2 units

class EmitSoftmax {
 public:
  explicit EmitSoftmax(const AttentionContext& ctx) : ctx_(ctx), a_(ctx.a) {}

  // Vectors beside `vecs` columns' accumulators: for the exponentials on them, and for Rescale.
  static int VecsNeeded(const AttentionConfig& config, int vecs);

  // For stored scores; nothing else is live then.
  static int StoredVecsNeeded(const AttentionConfig& config) {
    return 3 * config.exp_vecs + (config.pv_form == 2 ? 4 : 2);
  }

  // A tile begins: m = 0, l = 0, thresholds −∞ for every query.
  void EmitReset(const Xbyak::Reg64& state);
  // A chunk of keys begins: alpha = 1; stored scores: maxima −∞ and steps 0.
  void EmitResetChunk(const Xbyak::Reg64& state);

  // Accumulators u become p = 2^(s − m) and enter l. `rescale` is the subroutine for as many
  // columns; it reads the registers that EmitRescale was given.
  void EmitFused(const EmitTileGemm& gemm, const Xbyak::Reg64& state, const Xbyak::Reg64& temp,
                 const Xbyak::Label& rescale);

  // Accumulators u enter the chunk's maximum and stay scores.
  void EmitChunkMaximum(const EmitTileGemm& gemm, const Xbyak::Reg64& state);

  // Subroutine: moves m of `vecs` columns to kBlockMax where that is due; scales l, alpha and the
  // chunk's probabilities stored before `scores`; leaves in kDelta how far u moves down. Clobbers
  // vectors.
  void EmitRescale(int vecs, const Xbyak::Reg64& state, const Xbyak::Reg64& scores);

  // The chunk's stored scores become probabilities and enter l. Clobbers both registers.
  void EmitStored(const Xbyak::Reg64& state, const Xbyak::Reg64& scores,
                  const Xbyak::Label& rescale);

  // kInverse = 1/l, and 0 for queries that see no key at all (causal, negative diagonal).
  void EmitInverse(const Xbyak::Reg64& state);

 private:
  Xbyak::Address State(const Xbyak::Reg64& state, AttentionLayout::State row, int col = 0);
  void EmitMaximum(const EmitTileGemm& gemm, std::span<const Vec> maxima);
  void EmitSum(int count, const std::function<Vec(int)>& x, const Vec& sum, const Vec& pair);
  // Jumps to `none` unless one of the maxima exceeds its threshold or is NaN.
  void EmitTest(std::span<const Vec> maxima, const Xbyak::Reg64& state, const Xbyak::Reg64& temp,
                const Xbyak::Label& none);
  void EmitStoredColumns(const Xbyak::Reg64& state, const Xbyak::Reg64& scores,
                         const Xbyak::Reg64& vecs);

  Xbyak::Address Words(const std::function<uint16_t(int lane)>& value);

  const AttentionContext& ctx_;
  Assembler& a_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_EMIT_SOFTMAX_H_
