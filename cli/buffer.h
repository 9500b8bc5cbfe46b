// Memory for operands: aligned, zeroed, freed by the destructor.

#ifndef JITATTN_CLI_BUFFER_H_
#define JITATTN_CLI_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

namespace jitattn::cli {

class Buffer {
 public:
  Buffer() = default;

  // `bytes` zeroed bytes; 0 is allowed. ResourceExhausted if the system refuses them.
  static absl::StatusOr<Buffer> Create(int64_t bytes) {
    Buffer buffer;
    buffer.bytes_ = bytes;
    // aligned_alloc requires a multiple of the alignment. The size is never 0, since aligned_alloc
    // may return null for 0, which would look like exhausted memory.
    const size_t whole = (static_cast<size_t>(bytes) / kAlignment + 1) * kAlignment;
    buffer.data_.reset(std::aligned_alloc(kAlignment, whole));
    if (buffer.data_ == nullptr) {
      return absl::ResourceExhaustedError(absl::StrFormat("no memory for %d bytes", bytes));
    }
    std::memset(buffer.data_.get(), 0, whole);
    return buffer;
  }

  void* data() const { return data_.get(); }
  int64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kAlignment = 64;  // a cache line, and the widest vector
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> data_;
  int64_t bytes_ = 0;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_BUFFER_H_
