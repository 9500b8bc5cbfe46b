// The score parts of a kernel, one after the other.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCORE_PARTS_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCORE_PARTS_H_

#include "jit/attention/score_part.h"

namespace jitattn::jit {

class EmitScoreParts {
 public:
  // Beside the scores' own registers, and in the stack frame.
  static int VecsNeeded(const AttentionSpec& spec, Isa isa);
  static int FrameBytes(const AttentionSpec& spec);

  // FrameBytes() of the frame are at `slots`.
  EmitScoreParts(Assembler& a, const AttentionSpec& spec, const Xbyak::RegExp& slots)
      : a_(a), spec_(spec), slots_(slots) {}

  bool Needs(Coordinate what) const;

  // What scores are at first: in units of the exponential's base 2, unless parts are to see them.
  double unit() const;

  // Once a call, before the first block.
  void EmitPrepare();

  // x ← scores for the softmax, log2 e times what the last part leaves. Nothing where there are no
  // parts.
  void EmitApply(std::span<const Vec> x, const ScoreBlock::EmitCoordinateOf& coordinate);

 private:
  template <typename F>
  void ForEach(F f) const;

  Assembler& a_;
  const AttentionSpec& spec_;
  const Xbyak::RegExp slots_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SCORE_PARTS_H_
