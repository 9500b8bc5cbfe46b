// The output gate: a result times the sigmoid of its gate.

#include "jit/attention/emit_gate.h"

namespace jitattn::jit {

EmitGate::EmitGate(Assembler& a, DType storage)
    : a_(a), io_(a, storage), sigmoid_(a, {.storage = ComputeType(storage), .in_flight = 1}) {
  if (a.avx512()) {
    nan_mask_ = a.pool().LeaseMasks("gate is NaN");
  } else {
    nan_ = a.pool().LeaseVecs("gate is NaN");
  }
}

// The sigmoid takes a NaN for a number if x is one. All bits set are a NaN, too.
void EmitGate::Emit(const Vec& x, const Xbyak::Address& gate, const TailMask* tail) {
  constexpr int kUnordered = 3;
  constexpr int kOnes = 0xff;  // of a ternary operation
  const bool f64 = a_.compute() == DType::kF64;
  const Vec& t = sigmoid_.argument()[0];
  tail != nullptr ? io_.Load(t, gate, *tail) : io_.Load(t, gate);
  if (a_.avx512()) {
    const Xbyak::Opmask& nan = nan_mask_[0];
    f64 ? a_.vcmppd(nan, t, t, kUnordered) : a_.vcmpps(nan, t, t, kUnordered);
    sigmoid_.Emit({&x, 1}, {&t, 1}, {});
    f64 ? a_.vpternlogq(x | nan, x, x, kOnes) : a_.vpternlogd(x | nan, x, x, kOnes);
  } else {
    f64 ? a_.vcmppd(nan_, t, t, kUnordered) : a_.vcmpps(nan_, t, t, kUnordered);
    sigmoid_.Emit({&x, 1}, {&t, 1}, {});
    a_.vorps(x, x, nan_);
  }
}

}  // namespace jitattn::jit
