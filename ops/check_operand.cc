// Checks of the memory that an operand covers.

#include "ops/check_operand.h"

#include "absl/strings/str_cat.h"

namespace jitattn::ops {
namespace {

// Converts a stride from elements to bytes. Saturates on overflow: Measure() refuses such a stride
// if it is used at all.
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
                                                 ", the size in the stated problem"));
}

absl::Status CheckEach(const char* name, const int64_t* numbers, int64_t count, int64_t most) {
  for (int64_t i = 0; numbers != nullptr && i < count; ++i) {
    if (numbers[i] < 0 || numbers[i] > most) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, "[", i, "] ", numbers[i], ": must be in 0 … ", most));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOffsets(const char* name, const int64_t* offsets, const int64_t* lens,
                          int64_t count, int64_t most) {
  if (offsets == nullptr) return absl::OkStatus();
  if (offsets[0] < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, "[0] ", offsets[0], ": must be 0 or more"));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t least = lens != nullptr ? lens[i] : 0;
    // Written so that nothing overflows.
    const bool rises = offsets[i + 1] >= offsets[i] && offsets[i + 1] - offsets[i] >= least;
    if (!rises || (lens == nullptr && offsets[i + 1] - offsets[i] > most)) {
      return absl::InvalidArgumentError(absl::StrCat(name, "[", i + 1, "] ", offsets[i + 1],
                                                     ": must be ", least, " to ", most,
                                                     " more than the one before, ", offsets[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOperand(Operand& operand, int element_bytes) {
  MemoryRegion& region = operand.region;
  if (region.base == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(operand.name, " is a null pointer"));
  }
  // A mask suffices since element sizes are powers of two. Four divisions would be a quarter of the
  // overhead of a call.
  if ((reinterpret_cast<uintptr_t>(region.base) & (element_bytes - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, ": address ", reinterpret_cast<uintptr_t>(region.base),
                     " is not a multiple of the element size, ", element_bytes, " bytes"));
  }
  if (!region.Measure()) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, ": the strides reach beyond the address space"));
  }
  return absl::OkStatus();
}

absl::Status CheckOut(const Operand& out, std::initializer_list<const Operand*> inputs) {
  if (OverlapsItself(out.region)) {
    return absl::InvalidArgumentError(absl::StrCat(out.name, ": rows of ", out.region.row_bytes,
                                                   " bytes overlap each other at these strides"));
  }
  for (const Operand* input : inputs) {
    if (input->region.base != nullptr && MayOverlap(out.region, input->region)) {
      return absl::InvalidArgumentError(absl::StrCat(out.name, " overlaps ", input->name));
    }
  }
  return absl::OkStatus();
}

Operand MakeOperand(const char* name, const void* base, int element_bytes, int64_t batch,
                    int64_t heads, int64_t rows, int64_t cols, const int64_t (&strides)[3],
                    int64_t inner) {
  Operand operand = {
      name,
      {.base = base,
       .row_bytes = cols * element_bytes,
       .count = {batch, heads, rows, 1},
       .stride = {StrideBytes(strides[0], element_bytes), StrideBytes(strides[1], element_bytes),
                  StrideBytes(strides[2], element_bytes), 0}}};
  if (inner != 0 && inner != 1) {
    operand.region.row_bytes = element_bytes;
    operand.region.count[3] = cols;
    operand.region.stride[3] = StrideBytes(inner, element_bytes);
  }
  return operand;
}

}  // namespace jitattn::ops
