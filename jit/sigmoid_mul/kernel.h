// The sigmoid-mul kernel: its loop nest.

#ifndef JITATTN_JIT_SIGMOID_MUL_KERNEL_H_
#define JITATTN_JIT_SIGMOID_MUL_KERNEL_H_

#include "jit/sigmoid_mul/args.h"
#include "jit/sigmoid_mul/config.h"

namespace jitattn::jit {

class Assembler;

// Emits void(const SigmoidMulArgs*): out[r][c] = x[r][c] · sigmoid(x[r][c]), in place or not, at
// any alignment. The code touches no byte outside the rows. EmitSigmoid states the error. REQUIRES:
// ValidateSigmoidMul(config, spec) is OK.
void EmitSigmoidMul(Assembler& a, const SigmoidMulSpec& spec, const SigmoidMulConfig& config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_KERNEL_H_
