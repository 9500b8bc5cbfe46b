// Memory beside unreadable pages, since no sanitizer sees what emitted code touches.

#ifndef JITATTN_TESTS_GUARDED_BUFFER_H_
#define JITATTN_TESTS_GUARDED_BUFFER_H_

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace jitattn {

// Bytes that lie flush against an unreadable page. On the other side there is an unreadable page
// too, with slack of known contents between.
class GuardedBuffer {
 public:
  enum Flush { kFront, kBack };

  GuardedBuffer(size_t bytes, Flush flush) : bytes_(bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    accessible_bytes_ = std::max<size_t>(1, (bytes + page - 1) / page) * page;
    mapped_bytes_ = accessible_bytes_ + 2 * page;
    void* pages = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) std::abort();
    mapping_ = static_cast<uint8_t*>(pages);
    accessible_ = mapping_ + page;
    if (mprotect(accessible_, accessible_bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
    std::fill_n(accessible_, accessible_bytes_, kSlack);
    data_ = flush == kFront ? accessible_ : accessible_ + accessible_bytes_ - bytes;
  }
  ~GuardedBuffer() { munmap(mapping_, mapped_bytes_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Whether the slack beside the buffer is unchanged.
  bool SlackUntouched() const {
    const auto is_slack = [](uint8_t byte) { return byte == kSlack; };
    return std::all_of(accessible_, data_, is_slack) &&
           std::all_of(data_ + bytes_, accessible_ + accessible_bytes_, is_slack);
  }

 private:
  static constexpr uint8_t kSlack = 0xA5;

  size_t bytes_, accessible_bytes_, mapped_bytes_;
  uint8_t* mapping_;
  uint8_t* accessible_;
  uint8_t* data_;
};

}  // namespace jitattn

#endif  // JITATTN_TESTS_GUARDED_BUFFER_H_
