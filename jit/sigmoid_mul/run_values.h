// The numbers of a run that are not in the code of an activation, as vectors in the stack frame.

#ifndef JITATTN_JIT_SIGMOID_MUL_RUN_VALUES_H_
#define JITATTN_JIT_SIGMOID_MUL_RUN_VALUES_H_

#include "jit/assembler.h"
#include "jit/sigmoid_mul/args.h"

namespace jitattn::jit {

// Memory operands are free: the loads beside the arithmetic are few.
class RunValues {
 public:
  enum Slot {
    kAlpha,
    kAlphaExcess,  // alpha as rounded to the compute type, minus alpha
    kMostX,        // the argument of a larger x is so large that sigmoid is 1
    kLeastX,       // −kMostX
    kLimit,
    kMinusLimit,
    kUpOffset,
    kSlots
  };
  static bool Needed(const SigmoidMulSpec& spec) {
    return spec.activation == Activation::kQuickGelu || spec.clamped;
  }
  // Of the stack frame, for Assembler::Prolog.
  static int FrameBytes(const SigmoidMulSpec& spec, Isa isa) {
    return Needed(spec) ? kSlots * VecBytes(isa) : 0;
  }

  RunValues(Assembler& a, const SigmoidMulSpec& spec);

  // Fills the frame from the arguments. REQUIRES: rsp is as Prolog left it. Clobbers `temp`.
  void Emit(const Vec& temp);

  // REQUIRES: Needed(spec).
  Xbyak::Address operator[](Slot slot) const { return a_.ptr[frame_[0] + slot * a_.vec_bytes()]; }

 private:
  // temp ← the double at `offset` of the arguments, rounded, in every lane.
  void LoadArg(const Vec& temp, size_t offset);
  void EmitAlpha(const Vec& temp);
  void EmitLimits(const Vec& temp);

  Assembler& a_;
  const SigmoidMulSpec spec_;
  Gprs frame_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_RUN_VALUES_H_
