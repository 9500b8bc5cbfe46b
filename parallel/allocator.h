// The source of plans' memory: the C library's heap or the host program's allocator.

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

// Sets the host's allocator. Returns false if one is set already, or after the first Allocate().
bool SetAllocator(const Allocator& allocator);

// Returns null if memory is out, or `bytes` is kTooLarge. The contents are undefined. Large blocks
// from the system are untouched, so they cost only address space until used.
void* Allocate(int64_t bytes, int64_t alignment);
void Release(void* memory);  // `memory` may be null

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_ALLOCATOR_H_
