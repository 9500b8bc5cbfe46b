// The numbers of a run, as vectors in the stack frame.

#include "jit/sigmoid_mul/run_values.h"

#include <cstddef>

namespace jitattn::jit {

using Xbyak::Xmm;

RunValues::RunValues(Assembler& a, const SigmoidMulSpec& spec) : a_(a), spec_(spec) {
  if (Needed(spec)) frame_ = a.pool().LeaseGprs("numbers of the run");
}

void RunValues::LoadArg(const Vec& temp, size_t offset) {
  const Xbyak::Address arg = a_.ptr[a_.args() + offset];
  if (a_.compute() == DType::kF64) return a_.Broadcast(temp, arg);
  const Xmm low(temp.getIdx());
  a_.vcvtsd2ss(low, low, arg);
  a_.Broadcast(temp, low);
}

// kMostX: a sigmoid's argument of 1024 is far beyond the range of the exponential, and the rounding
// of a product of that size is no more than 2^-14.
void RunValues::EmitAlpha(const Vec& temp) {
  constexpr size_t kOffset = offsetof(SigmoidMulArgs, alpha);
  const Xmm low(temp.getIdx());
  LoadArg(temp, kOffset);
  a_.StoreVec((*this)[kAlpha], temp);
  a_.LoadVec(temp, a_.Const(a_.compute() == DType::kF64 ? 2048 : 1024));
  a_.Div(temp, temp, (*this)[kAlpha]);
  a_.StoreVec((*this)[kMostX], temp);
  a_.Mul(temp, temp, a_.Const(-1));
  a_.StoreVec((*this)[kLeastX], temp);
  if (a_.compute() == DType::kF64) return;  // alpha is exact
  a_.vcvtss2sd(low, low, (*this)[kAlpha]);
  a_.vsubsd(low, low, a_.ptr[a_.args() + kOffset]);
  a_.vcvtsd2ss(low, low, low);
  a_.Broadcast(temp, low);
  a_.StoreVec((*this)[kAlphaExcess], temp);
}

void RunValues::EmitLimits(const Vec& temp) {
  LoadArg(temp, offsetof(SigmoidMulArgs, limit));
  a_.StoreVec((*this)[kLimit], temp);
  a_.Mul(temp, temp, a_.Const(-1));
  a_.StoreVec((*this)[kMinusLimit], temp);
  LoadArg(temp, offsetof(SigmoidMulArgs, up_offset));
  a_.StoreVec((*this)[kUpOffset], temp);
}

void RunValues::Emit(const Vec& temp) {
  if (!Needed(spec_)) return;
  a_.mov(frame_, a_.rsp);
  if (spec_.activation == Activation::kQuickGelu) EmitAlpha(temp);
  if (spec_.clamped) EmitLimits(temp);
}

}  // namespace jitattn::jit
