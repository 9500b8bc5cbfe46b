// The sigmoid-mul kernel: its loop nest.

#ifndef JITATTN_JIT_SIGMOID_MUL_KERNEL_H_
#define JITATTN_JIT_SIGMOID_MUL_KERNEL_H_

#include "jit/sigmoid_mul/args.h"
#include "jit/sigmoid_mul/config.h"

namespace jitattn::jit {

class Assembler;

// Emits void(const SigmoidMulArgs*): the activation of `spec` (args.h), in place or not, at any
// alignment. The code touches no byte outside the rows. EmitActivation states the error; a gate's
// sum and product add half a unit in the last place of float (f64: double) each. REQUIRES:
// ValidateSigmoidMul(config, spec) is OK.
void EmitSigmoidMul(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_KERNEL_H_
