// Is the memory of an operand sound?

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

// Rows of `cols` elements; strides in elements, of batch, head and row.
Operand MakeOperand(const char* name, const void* base, int element_bytes, int64_t batch,
                    int64_t heads, int64_t rows, int64_t cols, const int64_t (&strides)[3]);

// InvalidArgument where a run's size is below 0 or above what the problem was stated with.
absl::Status CheckSize(const char* name, int64_t value, int64_t most);

// InvalidArgument where the pointer is null or not aligned to its element, or a stride reaches
// beyond the address space. Measures the region.
absl::Status CheckOperand(Operand& operand, int element_bytes);

// InvalidArgument where `out` overlaps itself or one of the inputs. REQUIRES: all are measured.
absl::Status CheckOut(const Operand& out, std::initializer_list<const Operand*> inputs);

}  // namespace jitattn::ops

#endif  // JITATTN_OPS_CHECK_OPERAND_H_
