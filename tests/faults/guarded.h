// Memory between unreadable pages, since no sanitizer sees what emitted code touches.

#ifndef JITATTN_TESTS_FAULTS_GUARDED_H_
#define JITATTN_TESTS_FAULTS_GUARDED_H_

#include <cstddef>
#include <cstdint>

namespace jitattn::faults {

// Room for one operand at a time, whose end or beginning is at an unreadable page.
class Arena {
 public:
  explicit Arena(size_t bytes);
  ~Arena();
  Arena(const Arena&) = delete;

  size_t bytes() const { return bytes_; }
  uint8_t* begin() const { return begin_; }
  // `bytes` of it. REQUIRES: no more than there are; at the end, a multiple of the alignment.
  uint8_t* AtBegin() const { return begin_; }
  uint8_t* AtEnd(size_t bytes) const { return begin_ + bytes_ - bytes; }

 private:
  size_t bytes_;
  uint8_t* begin_;
};

// An allocator for jitattn_set_allocator. Every block ends at an unreadable page, or less than its
// alignment before one. Null where the system refuses, or for more blocks than a plan has.
void* AllocateGuarded(size_t bytes, size_t alignment, void* context);
void ReleaseGuarded(void* memory, void* context);

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_GUARDED_H_
