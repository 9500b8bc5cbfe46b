// Pages of machine code.

#ifndef JITATTN_JIT_EXECUTABLE_MEMORY_H_
#define JITATTN_JIT_EXECUTABLE_MEMORY_H_

#include <cstdint>
#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace jitattn::jit {

// A private mapping with a copy of some code. Its pages are readable and writable during the copy,
// then readable and executable for good. They are never both, so no thread can write executable
// code.
class ExecutableMemory {
 public:
  // Unavailable if the system refuses (SELinux, seccomp, PR_SET_MDWE, no memory).
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

  std::span<const uint8_t> code_;  // at the start of the mapping
  size_t mapped_bytes_;
};

// True if this process can get executable memory. Tried once, with one page made writable, then
// executable.
bool ExecutableMemoryAllowed();

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_EXECUTABLE_MEMORY_H_
