// Shared by tests of emitted code: buffers next to unreadable pages, and disassembly.

#ifndef JITATTN_TESTS_JIT_JIT_TESTING_H_
#define JITATTN_TESTS_JIT_JIT_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace jitattn::jit::testing {

// Bytes that lie flush against an unreadable page, since sanitizers cannot see what emitted code
// touches. On the other side there is an unreadable page too, with slack of known contents between.
class GuardedBuffer {
 public:
  enum Flush { kFront, kBack };

  GuardedBuffer(size_t bytes, Flush flush);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Whether the slack beside the buffer is unchanged.
  bool SlackUntouched() const;

 private:
  size_t bytes_, accessible_bytes_, mapped_bytes_;
  uint8_t* mapping_;
  uint8_t* accessible_;
  uint8_t* data_;
};

// Disassembles `code` up to its ret (constants follow) and returns the first instruction with an
// EVEX prefix, or the first that does not decode, as text; "" where there is neither.
std::string FirstEvexInstruction(std::span<const uint8_t> code);

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_JIT_TESTING_H_
