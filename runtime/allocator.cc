// Where the memory of plans comes from.

#include "runtime/allocator.h"

#include <cstdlib>

#include "runtime/hooks.h"

namespace jitattn::runtime {
namespace {

constinit SetOnce<Allocator> host_allocator;

}  // namespace

bool SetAllocator(const Allocator& allocator) { return host_allocator.Set(allocator); }

void* Allocate(size_t bytes, size_t alignment) {
  host_allocator.Close();
  if (const Allocator* host = host_allocator.get()) {
    return host->alloc(bytes, alignment, host->context);
  }
  // C11 wants whole multiples of the alignment.
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void Release(void* memory) {
  if (memory == nullptr) return;
  if (const Allocator* host = host_allocator.get()) {
    host->release(memory, host->context);
  } else {
    std::free(memory);
  }
}

}  // namespace jitattn::runtime
