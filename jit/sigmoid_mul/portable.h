// Sigmoid-mul without emitted code.

#ifndef JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_
#define JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_

namespace jitattn::jit {

// `args` is a SigmoidMulArgs with its spec. Same results as the emitted kernels' contract: within
// 2.5 ulp (16-bit types: ½), NaN, infinities and large negative x alike; in place or not, any
// alignment of elements.
void RunPortableSigmoidMul(const void* args);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_
