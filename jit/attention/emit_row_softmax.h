// The online softmax (Milakov & Gimelshein 2018, algorithm 3) over scores in the layout [key][row].
// All steps are vertical except the last, which combines the keys within a vector.

#ifndef JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_
#define JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_

#include <algorithm>
#include <functional>

#include "jit/attention/rows_layout.h"

namespace jitattn::jit {

// m starts at the lowest finite number instead of −∞. Hence (−∞) − m is −∞ and not NaN, and a block
// of −∞ adds nothing. Specials:
//   all scores −∞   l stays 0, and 0 · (1/0) is NaN
//   a score +∞      m = +∞, and ∞ − ∞ = NaN stays in l
//   a score NaN     NaN in l, whatever the maximum is
class EmitRowSoftmax {
 public:
  static int VecsNeeded(const RowsConfig& config, const AttentionSpec& spec) {
    return std::max(3 * config.exp_vecs + 2,
                    config.exp_vecs + EmitScoreParts::VecsNeeded(spec, config.isa));
  }

  EmitRowSoftmax(const RowsContext& ctx, const Xbyak::Reg64& part)
      : ctx_(ctx), a_(ctx.a), part_(part) {}

  // m, l ← their values before the first key: with sinks m = the row's sink and l = 1, except in
  // the parts of a split softmax, since the merging call adds the sink.
  void EmitReset();

  // S ← the score parts applied to S.
  void EmitParts(EmitScoreParts& parts);

  // S ← −∞ for the block's keys that a row does not see, and behind the last key.
  void EmitHide();

  // m ← max(m, block's maximum); P = 2^(S − m); alpha = 2^(old m − m); l = l · alpha + Σ P.
  void EmitBlock();

  // Merges the state at `from`: m ← the maximum of both. alpha scales the sums here, alpha_from the
  // sums at `from`. l ← the scaled sum of both.
  void EmitMerge(const Xbyak::Reg64& from, const Vec& alpha_from);

  // alpha = 1/l, or 0 for rows that see no key because of their bias.
  void EmitInverse();
  // The log-sum-exps of the tile's rows, in the memory of `sums`.
  void EmitLse();

  // O[row] ← O[row] · alpha[row], plus the block's sums if add_sums. Those sums become 0.
  void EmitRescale(bool add_sums);

 private:
  Xbyak::Address max() { return a_.ptr[part_ + ctx_.layout.kMax]; }
  Xbyak::Address sum() { return a_.ptr[part_ + ctx_.layout.sum]; }
  Xbyak::Address Coordinates(Coordinate what);
  void EmitFirstCoordinates(const EmitScoreParts& parts);
  void EmitResetToSinks();
  void EmitOfHeads(const Xbyak::Reg64& to, size_t offset, const Vec& temp,
                   void (*emit)(Assembler&, const Xbyak::Xmm&, const Xbyak::Address&));
  void EmitIntegerToLanes(const Xbyak::Reg64& to, const Xbyak::Reg64& number, const Vec& temp);
  // Stores lane 0 in the lanes of its row in the vector at `to`.
  void EmitToLanes(const Xbyak::Reg64& to, const Vec& vec);
  void ForEachGroup(const std::function<void(const Xbyak::Reg64&)>& body);
  void Fold(const Vec& x, const Vec& temp, const std::function<void()>& meet);

  const RowsContext& ctx_;
  Assembler& a_;
  const Xbyak::Reg64 part_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_ROW_SOFTMAX_H_
