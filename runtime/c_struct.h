// Checks the structs of the C ABI and converts them into the library's own types.

#ifndef JITATTN_RUNTIME_C_STRUCT_H_
#define JITATTN_RUNTIME_C_STRUCT_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/conditions.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::runtime {

// The sizes of a struct in all versions, the first version's first, this version's last. A struct
// that grows gets one more entry: the offset of its new fields. Zero in a new field must mean the
// behaviour before the field existed.
template <typename T>
inline constexpr std::array<size_t, 1> kStructSizes = {sizeof(T)};
template <>
inline constexpr std::array<size_t, 3> kStructSizes<jitattn_attention_problem> = {
    offsetof(jitattn_attention_problem, window_left), offsetof(jitattn_attention_problem, kv_type),
    sizeof(jitattn_attention_problem)};
template <>
inline constexpr std::array<size_t, 4> kStructSizes<jitattn_attention_args> = {
    offsetof(jitattn_attention_args, scratch_bytes), offsetof(jitattn_attention_args, softcap),
    offsetof(jitattn_attention_args, k_scales), sizeof(jitattn_attention_args)};
template <>
inline constexpr std::array<size_t, 2> kStructSizes<jitattn_plan_options> = {
    offsetof(jitattn_plan_options, fixed_bits), sizeof(jitattn_plan_options)};

// A caller's struct, read as this version's. A struct of an older caller lacks the later fields,
// which are read as zero. A struct of a newer caller may be larger; the additional bytes must be
// zero, since this version cannot honour them.
template <typename T>
class Taken {
 public:
  // Reads `theirs`, which must outlive this object. InvalidArgument if it is null or has a size
  // that no version had; `name` is the struct's name in the message.
  absl::Status Take(const char* name, const T* theirs);
  const T* get() const { return taken_; }
  const T& operator*() const { return *taken_; }
  const T* operator->() const { return taken_; }

 private:
  const T* taken_ = nullptr;
  T copy_;
};

// Copies `filled` into a caller's struct, as many bytes as the struct has, and zeroes the rest of
// it. Keeps its struct_size.
template <typename T>
absl::Status Give(const char* name, const T& filled, T* theirs);

// InvalidArgument if an entry of args.appends has a size that no version had, or another one than
// the first entry. Entries are read at the distance of that size.
absl::Status CheckAppendStructs(const jitattn_attention_args& args);

// InvalidArgument if there is no such type.
absl::StatusOr<DType> DTypeFromC(int32_t dtype, const char* name = "dtype");

// Converts a problem. InvalidArgument if the struct is bad or an enum has no such value. Lengths
// are not checked; ops::Validate checks them.
absl::StatusOr<ops::AttentionProblem> FromC(const jitattn_attention_problem* problem);
absl::StatusOr<ops::SigmoidMulProblem> FromC(const jitattn_sigmoid_mul_problem* problem);
absl::StatusOr<ops::SigmoidMulProblem> FromC(const jitattn_activation_problem* problem);

struct PlanRequest {
  ops::RequestedConditions conditions;
  bool use_cache = true;
  std::string config;  // "": the caller gave none
  bool fixed_bits = false;
  bool tune = false;
  double tune_seconds = 0;
  std::string miss_file;  // "": none
};
// Converts plan options; a null pointer gives the defaults.
absl::StatusOr<PlanRequest> FromC(const jitattn_plan_options* options);

// ---- Implementation of the templates above
// ----------------------------------------------------------------------

// The general cases, for a struct of another version's size; `sizes` is kStructSizes of its type.
absl::Status CopyIn(const char* name, const void* theirs, std::span<const size_t> sizes,
                    void* copy);
absl::Status CopyOut(const char* name, const void* filled, std::span<const size_t> sizes,
                     void* theirs);

template <typename T>
absl::Status Taken<T>::Take(const char* name, const T* theirs) {
  if (theirs != nullptr && theirs->struct_size == sizeof(T)) {
    taken_ = theirs;
    return absl::OkStatus();
  }
  taken_ = &copy_;
  return CopyIn(name, theirs, kStructSizes<T>, &copy_);
}

template <typename T>
absl::Status Give(const char* name, const T& filled, T* theirs) {
  return CopyOut(name, &filled, kStructSizes<T>, theirs);
}

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_C_STRUCT_H_
