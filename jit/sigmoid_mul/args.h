// The part of a problem that is compiled into a sigmoid-mul kernel, and the arguments of one call.

#ifndef JITATTN_JIT_SIGMOID_MUL_ARGS_H_
#define JITATTN_JIT_SIGMOID_MUL_ARGS_H_

#include <cstdint>

#include "base/dtype.h"

namespace jitattn::jit {

// f, the function of the input or of its gate. The values are fixed by the C ABI.
enum class Activation : int {
  kSilu = 0,       // x·sigmoid(x)
  kQuickGelu = 1,  // x·sigmoid(alpha·x)
  kGelu = 2,       // x·Φ(x), Φ the normal distribution
  kGeluTanh = 3,   // x·sigmoid(2·√(2/π)·(x + 0.044715·x³))
  kRelu2 = 4,      // max(x, 0)²
  kHardSwish = 5,  // x·min(max(x + 3, 0), 6)/6
};

// Where a gated activation finds its two inputs, the gate g and the factor u. The values are fixed
// by the C ABI.
//   out = f(min(g, limit)) · (clamp(u, −limit, limit) + up_offset)
enum class Gate : int {
  kNone = 0,   // out = f(x)
  kTwo = 1,    // g is x, u is up
  kPairs = 2,  // rows of x hold 2·cols elements: g, u, g, u, …
};

// The type of the output.
enum class OutType : int { kSame = 0, kF32 = 1, kF64 = 2, kBF16 = 3, kF16 = 4 };

constexpr DType OutDType(OutType out, DType in) {
  constexpr DType kTypes[] = {DType::kF32, DType::kF64, DType::kBF16, DType::kF16};
  return out == OutType::kSame ? in : kTypes[static_cast<int>(out) - 1];
}

struct SigmoidMulSpec {
  DType dtype = DType::kF32;
  OutType out = OutType::kSame;
  Activation activation = Activation::kSilu;
  Gate gate = Gate::kNone;
  bool clamped = false;  // the code has `limit` and `up_offset`

  DType out_dtype() const { return OutDType(out, dtype); }
  // Bytes of x between the elements of one column and the next.
  int x_step() const { return SizeOf(dtype) * (gate == Gate::kPairs ? 2 : 1); }

  friend bool operator==(const SigmoidMulSpec&, const SigmoidMulSpec&) = default;
};

// Rows of elements. The kernel may run in place: x == out, or up == out, if elements of both lie in
// the same places.
struct SigmoidMulArgs {
  const SigmoidMulSpec* spec;  // read by the portable kernel only
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;  // between rows, in bytes; each row is contiguous
  // Read by kernels of Gate::kTwo, kQuickGelu and `clamped`.
  const void* up = nullptr;
  int64_t up_stride = 0;
  double alpha = 1.702;
  double limit = 0, up_offset = 0;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_ARGS_H_
