// Memory between unreadable pages.

#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

namespace jitattn::faults {
namespace {

size_t Page() {
  static const size_t page = sysconf(_SC_PAGESIZE);
  return page;
}

// Whole pages between two unreadable ones; null where there is no room.
uint8_t* MapBetweenGuards(size_t bytes) {
  const size_t all = bytes + 2 * Page();
  if (all < bytes) return nullptr;
  void* mapping = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  uint8_t* begin = static_cast<uint8_t*>(mapping) + Page();
  if (bytes != 0 && mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, all);
    return nullptr;
  }
  return begin;
}

void Unmap(uint8_t* begin, size_t bytes) { munmap(begin - Page(), bytes + 2 * Page()); }

struct Block {
  void* memory;
  uint8_t* begin;
  size_t bytes;
};
Block blocks[1024];  // no lock: those who use it run one call at a time

}  // namespace

Arena::Arena(size_t bytes) : bytes_((bytes + Page() - 1) / Page() * Page()) {
  begin_ = MapBetweenGuards(bytes_);
  if (begin_ == nullptr) {
    perror("no memory for operands");
    abort();
  }
}

Arena::~Arena() { Unmap(begin_, bytes_); }

void* AllocateGuarded(size_t bytes, size_t alignment, void*) {
  const size_t whole = (bytes + Page() - 1) / Page() * Page();
  if (whole < bytes) return nullptr;
  for (Block& block : blocks) {
    if (block.memory != nullptr) continue;
    uint8_t* begin = MapBetweenGuards(whole);
    if (begin == nullptr) return nullptr;
    block = {begin + (whole - bytes) / alignment * alignment, begin, whole};
    return block.memory;
  }
  return nullptr;
}

void ReleaseGuarded(void* memory, void*) {
  for (Block& block : blocks) {
    if (block.memory != memory) continue;
    Unmap(block.begin, block.bytes);
    block = {};
    return;
  }
  fprintf(stderr, "released: %p, which was not allocated\n", memory);
  abort();
}

}  // namespace jitattn::faults
