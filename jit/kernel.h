// Callable kernels: emitted code, or compiled code on the portable path.

#ifndef JITATTN_JIT_KERNEL_H_
#define JITATTN_JIT_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/sizes.h"

namespace jitattn::jit {

// A part of a kernel with the emitter's name for it. Sections may nest.
struct Section {
  std::string name;
  uint32_t begin, end;  // byte offsets into the code
  int depth;            // 0: outermost
};

// The purpose of a register, for `jitattn show`: {"zmm4-zmm27", "scores 6 × 4"}.
struct RegisterUse {
  std::string registers;
  std::string purpose;
};

// Scratch memory of a call: a constant, a share per key, and a share per tile of rows.
struct ScratchNeeds {
  int64_t bytes = 0, bytes_per_key = 0, tile_rows = 1, bytes_per_tile = 0;

  // Bytes for `keys` keys and `rows` rows; kTooLarge if the sum exceeds any memory.
  int64_t Bytes(int64_t keys, int64_t rows) const {
    const int64_t tiles = SizeRoundedUp(rows, tile_rows) / tile_rows;
    return SizeSum(
        {bytes, SizeProduct({keys, bytes_per_key}), SizeProduct({tiles, bytes_per_tile})});
  }
};

class Kernel {
 public:
  // Runs the kernel under the current MXCSR; the owner of the thread sets the default value and
  // restores the old one. REQUIRES: Args is the struct that the kernel's emitter names.
  template <typename Args>
  void Run(const Args& args) const {
    entry_(&args);
  }
  void RunOn(const void* args) const { entry_(args); }

  const std::string& name() const { return name_; }
  const ScratchNeeds& scratch() const { return scratch_; }
  // Scratch of a call of at most `keys` keys and `rows` rows (queries × heads of a group).
  int64_t scratch_bytes(int64_t keys, int64_t rows) const { return scratch_.Bytes(keys, rows); }

  // Empty on the portable path.
  std::span<const uint8_t> code() const { return code_; }
  // Offset of the constants, behind the instructions and their int3 padding.
  uint32_t constants_begin() const { return constants_begin_; }
  // FNV-1a hash of the code, equal for equal spec, config and Xbyak version. 0 on the portable
  // path.
  uint64_t code_hash() const { return code_hash_; }
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<RegisterUse>& registers() const { return registers_; }

 protected:
  void (*entry_)(const void* args) = nullptr;
  std::string name_;
  ScratchNeeds scratch_;
  std::span<const uint8_t> code_;
  uint32_t constants_begin_ = 0;
  uint64_t code_hash_ = 0;
  std::vector<Section> sections_;
  std::vector<RegisterUse> registers_;
};

// FNV-1a, 64 bits. Detects builds that emit different code; not a defence against an adversary.
uint64_t CodeHash(std::span<const uint8_t> code);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_KERNEL_H_
