// The source of plans' memory.

#include "parallel/allocator.h"

#include <cstdlib>

#include "base/sizes.h"
#include "parallel/hooks.h"

namespace jitattn::inline base {
namespace {

constinit SetOnce<Allocator> host_allocator;

}  // namespace

bool SetAllocator(const Allocator& allocator) { return host_allocator.Set(allocator); }

void* Allocate(int64_t bytes, int64_t alignment) {
  host_allocator.Close();
  // C11's aligned_alloc needs a multiple of the alignment.
  bytes = SizeRoundedUp(bytes, alignment);
  if (bytes == kTooLarge) return nullptr;
  if (const Allocator* host = host_allocator.get()) {
    return host->alloc(bytes, alignment, host->context);
  }
  return std::aligned_alloc(alignment, bytes);
}

void Release(void* memory) {
  if (memory == nullptr) return;
  if (const Allocator* host = host_allocator.get()) {
    host->release(memory, host->context);
  } else {
    std::free(memory);
  }
}

}  // namespace jitattn::inline base
