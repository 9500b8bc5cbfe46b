// The types of numbers in memory, and their compute types.

#ifndef JITATTN_BASE_DTYPE_H_
#define JITATTN_BASE_DTYPE_H_

#include <optional>
#include <string_view>

#include "base/isa.h"

namespace jitattn::inline base {

enum class DType : int { kF32 = 0, kF64 = 1, kBF16 = 2, kF16 = 3 };  // values fixed by the C ABI

constexpr int SizeOf(DType dtype) {
  return dtype == DType::kF64 ? 8 : dtype == DType::kF32 ? 4 : 2;
}

// The type in which numbers of `dtype` are computed: 16-bit types are for storage only.
constexpr DType ComputeType(DType dtype) {
  return dtype == DType::kF64 ? DType::kF64 : DType::kF32;
}

// Elements per vector register. `dtype` is the type in memory; a lane holds its compute type.
constexpr int Lanes(Isa isa, DType dtype) { return VecBytes(isa) / SizeOf(ComputeType(dtype)); }

std::string_view Name(DType dtype);                         // "f32", "f64", "bf16", "f16"
std::optional<DType> DTypeFromName(std::string_view name);  // also "float32", "bfloat16", …

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_DTYPE_H_
