// The structs of the C ABI: are they what they say they are, and what do they mean here?

#ifndef JITATTN_RUNTIME_C_STRUCT_H_
#define JITATTN_RUNTIME_C_STRUCT_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jit/problem.h"
#include "jitattn/jitattn.h"
#include "runtime/plan.h"

namespace jitattn::runtime {

// A struct of `known` bytes in this version, of which a caller says that it has `*struct_size`. A
// newer caller's may be larger: what it adds must be zero, since nothing here can honour it. A
// smaller one would be of an older version; there is none before this.
absl::Status CheckStruct(const char* name, const void* data, size_t known);

template <typename T>
absl::Status CheckStruct(const char* name, const T* data) {
  // The usual case without a call.
  if (data != nullptr && data->struct_size == sizeof(T)) return absl::OkStatus();
  return CheckStruct(name, data, sizeof(T));
}

// For a struct that is filled for the caller: a larger one's rest is set to zero.
absl::Status CheckOutStruct(const char* name, void* data, size_t known);

// InvalidArgument: a bad struct, or an enum without that value. Sizes are not looked at: that is
// jit::Validate's business.
absl::StatusOr<jit::AttentionProblem> FromC(const jitattn_attention_problem* problem);
absl::StatusOr<jit::SigmoidMulProblem> FromC(const jitattn_sigmoid_mul_problem* problem);

struct PlanRequest {
  PlanOptions options;
  bool tune = false;
  double tune_seconds = 0;
};
// Null: the defaults.
absl::StatusOr<PlanRequest> FromC(const jitattn_plan_options* options, jit::Op op);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_C_STRUCT_H_
