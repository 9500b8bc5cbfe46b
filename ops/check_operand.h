// Checks of the memory that an operand covers.

#ifndef JITATTN_OPS_CHECK_OPERAND_H_
#define JITATTN_OPS_CHECK_OPERAND_H_

#include <cstdint>
#include <initializer_list>
#include <span>

#include "absl/status/status.h"
#include "ops/memory_region.h"

namespace jitattn::ops {

struct Operand {
  const char* name;
  MemoryRegion region;
};

// An operand with rows of `cols` elements. `strides`: of batch, head and row, in elements. `inner`:
// between the elements of a row, likewise; 0 stands for 1.
Operand MakeOperand(const char* name, const void* base, int element_bytes, int64_t batch,
                    int64_t heads, int64_t rows, int64_t cols, const int64_t (&strides)[3],
                    int64_t inner = 1);

// InvalidArgument if `value`, a size of a run, is below 0 or above `most`, the problem's size.
absl::Status CheckSize(const char* name, int64_t value, int64_t most);

// InvalidArgument unless each of `count` numbers is in 0 … most. A null array is right.
absl::Status CheckEach(const char* name, const int64_t* numbers, int64_t count, int64_t most);

// InvalidArgument unless each of the count + 1 offsets is 0 … most more than the one before, or, if
// there are lengths, at least as much more as the length is. A null array is right.
absl::Status CheckOffsets(const char* name, const int64_t* offsets, const int64_t* lens,
                          int64_t count, int64_t most);

// InvalidArgument if the pointer is null or not aligned to its element, or if the strides reach
// beyond the address space. Calls Measure() on the operand's region.
absl::Status CheckOperand(Operand& operand, int element_bytes);

// InvalidArgument if rows of `out` overlap each other or one of the inputs.
//   REQUIRES: every region has been measured; an input with a null base is skipped.
absl::Status CheckOut(const Operand& out, std::initializer_list<const Operand*> inputs);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CHECK_OPERAND_H_
