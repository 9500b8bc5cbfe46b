// Sigmoid-mul in C++, without emitted code.

#ifndef JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_
#define JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_

namespace jitattn::jit {

// `args` points to a SigmoidMulArgs with its spec. The contract equals the emitted kernels': within
// 2.5 ulp (16-bit types: ½); the same results for NaN, infinities and large negative x; in place or
// not; any alignment of elements. Activations other than SiLU of one input are rounded once.
void RunPortableSigmoidMul(const void* args);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_PORTABLE_H_
