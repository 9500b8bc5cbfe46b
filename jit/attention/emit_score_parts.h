// Applies the score parts of a kernel in order.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SCORE_PARTS_H_
#define JITATTN_JIT_ATTENTION_EMIT_SCORE_PARTS_H_

#include "jit/attention/score_part.h"

namespace jitattn::jit {

class EmitScoreParts {
 public:
  // Vector registers besides the scores' own, and bytes in the stack frame.
  static int VecsNeeded(const AttentionSpec& spec, Isa isa);
  static int FrameBytes(const AttentionSpec& spec);

  // `slots`: the address of FrameBytes() bytes in the stack frame.
  EmitScoreParts(Assembler& a, const AttentionSpec& spec, const Xbyak::RegExp& slots)
      : a_(a), spec_(spec), slots_(slots) {}

  bool Needs(Coordinate what) const;

  // The unit of scores before the parts: log2 e (for exponentials of base 2), or 1 if there are
  // parts.
  double unit() const;

  // Called once per kernel call, before the first block.
  void EmitPrepare();

  // x ← log2 e · (the scores after the last part). Emits nothing if there are no parts.
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
