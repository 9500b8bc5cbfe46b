// What follows from l, the sum of a row's weights.

#ifndef JITATTN_JIT_ATTENTION_EMIT_SUM_H_
#define JITATTN_JIT_ATTENTION_EMIT_SUM_H_

#include <cstddef>

#include "jit/assembler.h"
#include "jit/attention/spec.h"
#include "jit/parts/emit_log2.h"

namespace jitattn::jit {

// x ← 1/x. If a bias can hide every key of a row, 0 where x is 0. `one` holds 1.
void EmitInverseOfSum(Assembler& a, const AttentionSpec& spec, const Vec& x, const Vec& one);

// sum ← the log-sum-exp of the row: ln 2 · (log2 sum − minus_max). −∞ if the sum is 0.
void EmitLogSum(Assembler& a, const Vec& sum, const Xbyak::Operand& minus_max);
inline constexpr int kLogSumVecsNeeded = EmitLog2::kVecsNeeded;

// x ← log2 e · the float at `from`, in lane 0, in the compute type; at least the lowest number,
// which stands for a sink of −∞.
void EmitSink(Assembler& a, const Xbyak::Xmm& x, const Xbyak::Address& from);

// weight ← 1, the weight of a sink when m is the sink; 0 where there is no sink, since it is −∞.
void EmitWeightOfSink(Assembler& a, const Vec& weight, const Vec& sink);

// x ← the float at `from`, in lane 0, in the compute type.
void EmitFloat(Assembler& a, const Xbyak::Xmm& x, const Xbyak::Address& from);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_EMIT_SUM_H_
