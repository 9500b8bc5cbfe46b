// The structs of the C ABI: are they what they say they are, and what do they mean here?

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

// The sizes that a struct had from version to version, the first one first, this version's last. A
// struct that grows gets an entry: where its new fields begin. Zero in a new field must mean what
// was before there was one.
template <typename T>
inline constexpr std::array<size_t, 1> kStructSizes = {sizeof(T)};
template <>
inline constexpr std::array<size_t, 2> kStructSizes<jitattn_attention_args> = {
    offsetof(jitattn_attention_args, scratch_bytes), sizeof(jitattn_attention_args)};

// A caller's struct as this version knows it. An older caller's lacks the fields that came later:
// zeros stand for them. A newer one's may be larger: what it adds must be zero, since nothing here
// can honour it.
template <typename T>
class Taken {
 public:
  // InvalidArgument: null, or a size that no version had. `theirs` must outlive this.
  absl::Status Take(const char* name, const T* theirs);
  const T* get() const { return taken_; }
  const T& operator*() const { return *taken_; }
  const T* operator->() const { return taken_; }

 private:
  const T* taken_ = nullptr;
  T copy_;
};

// Fills a caller's struct with what of `filled` it has room for, and zeros behind that. Its
// struct_size stays.
template <typename T>
absl::Status Give(const char* name, const T& filled, T* theirs);

// InvalidArgument: a bad struct, or an enum without that value. Sizes are not looked at: that is
// ops::Validate's business.
absl::StatusOr<ops::AttentionProblem> FromC(const jitattn_attention_problem* problem);
absl::StatusOr<ops::SigmoidMulProblem> FromC(const jitattn_sigmoid_mul_problem* problem);

struct PlanRequest {
  ops::RequestedConditions conditions;
  bool use_cache = true;
  std::string config;  // "" if none is given
  bool tune = false;
  double tune_seconds = 0;
};
// Null: the defaults.
absl::StatusOr<PlanRequest> FromC(const jitattn_plan_options* options);

// ---- Of the templates above
// ----------------------------------------------------------------------

// For structs whose size is not this version's. `sizes` as kStructSizes.
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
