// The online softmax (Milakov & Gimelshein 2018, algorithm 3) over scores that lie [key][row]: all
// of it vertical but for the last step, where the keys of one vector meet.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_
#define JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_

#include <algorithm>
#include <functional>

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// m starts at the lowest finite number, not at −∞, and never falls below it: (−∞) − m is −∞ then,
// and not NaN, so that a block of −∞ adds nothing. All scores −∞ leave l at 0, and 0 · (1/0) is
// NaN; +∞ gives m = +∞ and ∞ − ∞ = NaN in l; NaN gives NaN in l whatever the maximum made of it.
class EmitRowSoftmax {
 public:
  static int VecsNeeded(const RowsConfig& config, const AttentionSpec& spec) {
    return std::max(3 * config.exp_vecs + 2,
                    config.exp_vecs + EmitScoreParts::VecsNeeded(spec, config.isa));
  }

  EmitRowSoftmax(const RowsContext& ctx, const Xbyak::Reg64& part)
      : ctx_(ctx), a_(ctx.a), part_(part) {}

  // m, l ← nothing seen.
  void EmitReset();

  // S = what the score parts make of it.
  void EmitParts(EmitScoreParts& parts);

  // S = −∞ for the block's keys that a row does not see, and behind the last one.
  void EmitHide();

  // m moves to the block's maximum; P = 2^(S − m); alpha = 2^(old m − m); l = l · alpha + Σ P.
  void EmitBlock();

  // m moves to the maximum of both; alpha for what is here, alpha_from for what is at `from`; l is
  // the sum of both, scaled.
  void EmitMerge(const Xbyak::Reg64& from, const Vec& alpha_from);

  // alpha = 1/l.
  void EmitInverse();

  // O[row] ← O[row] · alpha[row], and the block's sums on top, which become 0.
  void EmitRescale(bool add_sums);

 private:
  Xbyak::Address max() { return a_.ptr[part_ + ctx_.layout.kMax]; }
  Xbyak::Address sum() { return a_.ptr[part_ + ctx_.layout.sum]; }
  Xbyak::Address Coordinates(Coordinate what);
  void EmitFirstCoordinates(const EmitScoreParts& parts);
  void EmitToLanes(const Xbyak::Reg64& to, const Xbyak::Reg64& number, const Vec& temp);
  void ForEachGroup(const std::function<void(const Xbyak::Reg64&)>& body);
  void Fold(const Vec& x, const Vec& temp, const std::function<void()>& meet);

  const RowsContext& ctx_;
  Assembler& a_;
  const Xbyak::Reg64 part_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_
