// Problems: functions that work on the operations' tables.

#include "ops/problem.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/operation.h"

namespace jitattn::ops {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 62;

bool SameOptions(const Problem& a, const Problem& b) {
  for (const Option& option : a.operation().options) {
    if (option.get(a) != option.get(b)) return false;
  }
  return true;
}

// REQUIRES: every size ≥ 0.
absl::Status FitsInMemory(const Array& array, int64_t element_bytes) {
  const int64_t sizes[] = {array.batch, array.heads, array.rows, array.cols};
  int64_t bytes = element_bytes;
  for (int64_t size : sizes) {
    size = std::max<int64_t>(size, 1);
    if (size > (kMaxBytes - 1) / bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(array.name), " has ", absl::StrJoin(sizes, "×"), " elements of ",
                       element_bytes, " bytes: an array must be below 2^62 bytes"));
    }
    bytes *= size;
  }
  return absl::OkStatus();
}

}  // namespace

bool operator==(const Problem& a, const Problem& b) {
  if (a.operation_ != b.operation_) return false;
  if (a.operation_ == nullptr) return true;
  if (a.dtype() != b.dtype() || !SameOptions(a, b)) return false;
  const std::span<const Dim> dims = a.operation().dims;
  return std::all_of(dims.begin(), dims.end(),
                     [&](const Dim& dim) { return dim.get(a) == dim.get(b); });
}

bool SameCode(const Problem& a, const Problem& b) {
  if (&a.operation() != &b.operation() || a.dtype() != b.dtype() || !SameOptions(a, b)) {
    return false;
  }
  const std::span<const Dim> dims = a.operation().dims;
  return std::all_of(dims.begin(), dims.end(), [&](const Dim& dim) {
    if (dim.is_feature) return (dim.get(a) != 0) == (dim.get(b) != 0);
    return dim.role != Dim::Role::kInCode || dim.get(a) == dim.get(b);
  });
}

absl::Status Validate(const Problem& problem) {
  const Operation& operation = problem.operation();
  for (const Dim& dim : operation.dims) {
    const int64_t value = dim.get(problem);
    if (value < dim.least) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(dim.name), " ", value, " is below ", dim.least));
    }
    if (value > dim.most) {
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(dim.name), " ", value, " is above ", dim.most));
    }
  }
  if (operation.validate != nullptr) {
    if (absl::Status s = operation.validate(problem); !s.ok()) return s;
  }
  const Arrays arrays = operation.arrays(problem);
  for (int i = 0; i < arrays.count; ++i) {
    if (absl::Status s = FitsInMemory(arrays[i], SizeOf(arrays[i].TypeIn(problem))); !s.ok())
      return s;
  }
  return absl::OkStatus();
}

double Flops(const Problem& problem) { return problem.operation().flops(problem); }
double Bytes(const Problem& problem) { return problem.operation().bytes(problem); }
std::string Describe(const Problem& problem) { return problem.operation().describe(problem); }
Problem Bucket(const Problem& problem) { return problem.operation().bucket(problem); }
Problem OfRecord(const Problem& problem) {
  const Operation& operation = problem.operation();
  return operation.of_record != nullptr ? operation.of_record(problem) : Bucket(problem);
}

int64_t LengthBucket(int64_t length) {
  if (length <= 1) return std::max<int64_t>(length, 0);
  // From 2 on the buckets are power and power + power / 2. Beyond 2^62 the next would overflow.
  for (int64_t power = 2; power < kMaxBytes; power *= 2) {
    if (length <= power) return power;
    if (length <= power + power / 2) return power + power / 2;
  }
  return length;
}

}  // namespace jitattn::ops
