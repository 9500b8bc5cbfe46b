// Pages of machine code.

#ifndef JITATTN_JIT_EXECUTABLE_MEMORY_H_
#define JITATTN_JIT_EXECUTABLE_MEMORY_H_

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace jitattn::jit {

// A mapping of its own that holds a copy of some code: written while it can only be read and
// written, then made read-and-execute for good. Never both, so nothing in the process can write
// code.
class ExecutableMemory {
 public:
  // Unavailable where the system refuses (SELinux, seccomp, PR_SET_MDWE, no memory).
  static absl::StatusOr<ExecutableMemory> Create(std::span<const uint8_t> code);

  ExecutableMemory(ExecutableMemory&& other) noexcept
      : code_(std::exchange(other.code_, {})), mapped_bytes_(other.mapped_bytes_) {}
  ExecutableMemory& operator=(ExecutableMemory&& other) noexcept {
    std::swap(code_, other.code_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
    return *this;
  }
  ~ExecutableMemory();

  std::span<const uint8_t> code() const { return code_; }

 private:
  ExecutableMemory(std::span<const uint8_t> code, size_t mapped_bytes)
      : code_(code), mapped_bytes_(mapped_bytes) {}

  std::span<const uint8_t> code_;  // the mapping's beginning
  size_t mapped_bytes_;
};

// True if this process may be given executable memory (tried once with one page, RW then RX).
bool ExecutableMemoryAllowed();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_EXECUTABLE_MEMORY_H_
