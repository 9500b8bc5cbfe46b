// The output gate: a result times the sigmoid of its gate.

#ifndef JITATTN_JIT_ATTENTION_EMIT_GATE_H_
#define JITATTN_JIT_ATTENTION_EMIT_GATE_H_

#include "jit/assembler.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

// x · sigmoid(gate) = x / (1 + e^−gate) in the compute type, within 2.5 ulp of it while the sigmoid
// is above e^−87 (f64: e^−708), below that within x · e^−87. A gate of NaN gives NaN, −∞ gives 0.
class EmitGate {
 public:
  EmitGate(Assembler& a, DType storage);

  // x ← x · sigmoid(gate), for a vector of gates in memory, or the lanes of one that `tail`
  // selects. Vectors do not wait for each other, so the CPU overlaps them.
  void Emit(const Vec& x, const Xbyak::Address& gate, const TailMask* tail = nullptr);

 private:
  Assembler& a_;
  VectorIo io_;
  EmitSigmoid sigmoid_;
  Vecs nan_;  // AVX2: all ones in the lanes whose gate is NaN
  Opmasks nan_mask_;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_GATE_H_
