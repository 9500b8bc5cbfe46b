// Is the memory of an operand sound?

#include "ops/check_operand.h"

#include "absl/strings/str_cat.h"

namespace jitattn::ops {
namespace {

// Strides come in elements. Saturates: such a stride is refused by Measure where it is used at all.
int64_t StrideBytes(int64_t elements, int element_bytes) {
  int64_t bytes;
  if (__builtin_mul_overflow(elements, int64_t{element_bytes}, &bytes)) {
    return elements < 0 ? INT64_MIN : INT64_MAX;
  }
  return bytes;
}

}  // namespace

absl::Status CheckSize(const char* name, int64_t value, int64_t most) {
  if (value >= 0 && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " ", value, ": must be in 0 … ", most,
                                                 ", what the problem was stated with"));
}

absl::Status CheckOperand(Operand& operand, int element_bytes) {
  MemoryRegion& region = operand.region;
  if (region.base == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(operand.name, " is a null pointer"));
  }
  // Sizes are powers of two; four divisions would take a quarter of a call's overhead.
  if ((reinterpret_cast<uintptr_t>(region.base) & (element_bytes - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, " lies at ", reinterpret_cast<uintptr_t>(region.base),
                     ", which is no multiple of its element's ", element_bytes, " bytes"));
  }
  if (!region.Measure()) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, ": its strides reach beyond the address space"));
  }
  return absl::OkStatus();
}

absl::Status CheckOut(const Operand& out, std::initializer_list<const Operand*> inputs) {
  if (OverlapsItself(out.region)) {
    return absl::InvalidArgumentError(absl::StrCat("out: rows of ", out.region.row_bytes,
                                                   " bytes overlap each other by its strides"));
  }
  for (const Operand* input : inputs) {
    if (input->region.base != nullptr && MayOverlap(out.region, input->region)) {
      return absl::InvalidArgumentError(absl::StrCat("out overlaps ", input->name));
    }
  }
  return absl::OkStatus();
}

Operand MakeOperand(const char* name, const void* base, int element_bytes, int64_t batch,
                    int64_t heads, int64_t rows, int64_t cols, const int64_t (&strides)[3]) {
  return {
      name,
      {.base = base,
       .row_bytes = cols * element_bytes,
       .count = {batch, heads, rows},
       .stride = {StrideBytes(strides[0], element_bytes), StrideBytes(strides[1], element_bytes),
                  StrideBytes(strides[2], element_bytes)}}};
}

}  // namespace jitattn::ops
