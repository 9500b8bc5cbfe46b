// Operands in any of the four types, as doubles.

#ifndef JITATTN_TESTS_FAULTS_ELEMENTS_H_
#define JITATTN_TESTS_FAULTS_ELEMENTS_H_

#include <cstdint>
#include <cstring>

#include "base/small_float.h"
#include "jitattn/jitattn.h"

namespace jitattn::faults {

inline int BytesOf(int32_t dtype) {
  return dtype == JITATTN_F64 ? 8 : dtype == JITATTN_F32 ? 4 : 2;
}

// Allowed error of a result of the order of 1: the rounding of its type, and of one addition per
// key.
inline double ToleranceOf(int32_t dtype, int64_t keys) {
  const double type = dtype == JITATTN_F64    ? 1e-12
                      : dtype == JITATTN_F32  ? 2e-6
                      : dtype == JITATTN_BF16 ? 1e-2
                                              : 2e-3;
  return type + static_cast<double>(keys) * (dtype == JITATTN_F64 ? 0x1p-53 : 0x1p-24);
}

template <typename T>
double LoadAs(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}
inline double Load(int32_t dtype, const void* base, int64_t index) {
  const uint8_t* at = static_cast<const uint8_t*>(base) + index * BytesOf(dtype);
  return dtype == JITATTN_F64    ? LoadAs<double>(at)
         : dtype == JITATTN_F32  ? LoadAs<float>(at)
         : dtype == JITATTN_BF16 ? static_cast<float>(LoadAs<BFloat16>(at))
                                 : static_cast<float>(LoadAs<Float16>(at));
}

template <typename T>
void StoreAs(uint8_t* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
inline void Store(int32_t dtype, void* base, int64_t index, float value) {
  uint8_t* at = static_cast<uint8_t*>(base) + index * BytesOf(dtype);
  if (dtype == JITATTN_F64) StoreAs<double>(at, value);
  if (dtype == JITATTN_F32) StoreAs<float>(at, value);
  if (dtype == JITATTN_BF16) StoreAs(at, BFloat16(value));
  if (dtype == JITATTN_F16) StoreAs(at, Float16(value));
}

// Between −1 and 1, the same for the same index.
inline float Pseudo(uint64_t index) {
  index = (index + 1) * 0x9e3779b97f4a7c15;
  index ^= index >> 31;
  index *= 0xbf58476d1ce4e5b9;
  return static_cast<float>(static_cast<int32_t>(index >> 32)) * 0x1p-31f;
}

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_ELEMENTS_H_
