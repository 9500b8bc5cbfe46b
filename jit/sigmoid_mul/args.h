// The part of a problem that is compiled into a sigmoid-mul kernel, and the arguments of one call.

#ifndef JITATTN_JIT_SIGMOID_MUL_ARGS_H_
#define JITATTN_JIT_SIGMOID_MUL_ARGS_H_

#include <cstdint>

#include "base/dtype.h"

namespace jitattn::jit {

struct SigmoidMulSpec {
  DType dtype = DType::kF32;

  friend bool operator==(const SigmoidMulSpec&, const SigmoidMulSpec&) = default;
};

// Rows of elements. The kernel may run in place (x == out).
struct SigmoidMulArgs {
  const SigmoidMulSpec* spec;  // read by the portable kernel only
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;  // between rows, in bytes; each row is contiguous
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_ARGS_H_
