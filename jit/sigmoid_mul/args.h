// What is burnt into the code of a sigmoid-mul kernel, and what one call of it is told.

#ifndef JITATTN_JIT_SIGMOID_MUL_ARGS_H_
#define JITATTN_JIT_SIGMOID_MUL_ARGS_H_

#include <cstdint>

#include "base/dtype.h"

namespace jitattn::jit {

struct SigmoidMulSpec {
  DType dtype = DType::kF32;

  friend bool operator==(const SigmoidMulSpec&, const SigmoidMulSpec&) = default;
};

// A run of elements, or rows of them. In place (x == out) is allowed.
struct SigmoidMulArgs {
  const SigmoidMulSpec* spec;  // read by the portable kernel only
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;  // between rows, in bytes; columns adjoin
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_ARGS_H_
