// A third operation, which only this folder knows: out = a·x + y.

#ifndef JITATTN_TESTS_THIRD_OPERATION_AXPY_H_
#define JITATTN_TESTS_THIRD_OPERATION_AXPY_H_

#include <cstdint>

#include "ops/operation.h"

namespace jitattn::third {

// out[i] = a · x[i] + y[i]
struct AxpyProblem {
  DType dtype = DType::kF32;
  int64_t length = 1;

  friend bool operator==(const AxpyProblem&, const AxpyProblem&) = default;
};

// What a run is given.
struct AxpyArgs {
  const void *x, *y;
  void* out;
  int64_t length;
  double a;
};

struct StreamConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int unroll = 2;  // vectors an iteration

  friend bool operator==(const StreamConfig&, const StreamConfig&) = default;
};

struct PortableConfig {
  Isa isa = Isa::kPortable;
  int threads = 1;

  friend bool operator==(const PortableConfig&, const PortableConfig&) = default;
};

extern const ops::Operation kAxpy;
extern const ops::Algorithm kStream, kPortable;

}  // namespace jitattn::third

namespace jitattn::ops {
template <>
inline constexpr const Operation* OperationOf<third::AxpyProblem> = &third::kAxpy;
template <>
inline constexpr const Algorithm* AlgorithmOf<third::StreamConfig> = &third::kStream;
template <>
inline constexpr const Algorithm* AlgorithmOf<third::PortableConfig> = &third::kPortable;
}  // namespace jitattn::ops

#endif  // JITATTN_TESTS_THIRD_OPERATION_AXPY_H_
