// Where the memory of plans comes from: the C++ heap, or what the host program brought.

#ifndef JITATTN_PARALLEL_ALLOCATOR_H_
#define JITATTN_PARALLEL_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>

namespace jitattn::inline base {

struct Allocator {
  void* (*alloc)(size_t bytes, size_t alignment, void* context) = nullptr;
  void (*release)(void* memory, void* context) = nullptr;
  void* context = nullptr;
};

// Once, and before the first Allocate(); else false.
bool SetAllocator(const Allocator& allocator);

// Null where there is no memory, as there is none for kTooLarge. Contents are arbitrary; large
// blocks from the system are not touched, so that they cost address space until they are used.
void* Allocate(int64_t bytes, int64_t alignment);
void Release(void* memory);  // null is allowed

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_ALLOCATOR_H_
