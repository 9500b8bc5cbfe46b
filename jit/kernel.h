// Emitted (or, on the portable path, compiled) code that can be called.

#ifndef JITATTN_JIT_KERNEL_H_
#define JITATTN_JIT_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/sizes.h"

namespace jitattn::jit {

// A part of a kernel, as an emitter named it; nested sections overlap.
struct Section {
  std::string name;
  uint32_t begin, end;  // byte offsets into the code
  int depth;            // 0: outermost
};

// What a register holds, for `jitattn show`: {"zmm4-zmm27", "scores 6 × 4"}.
struct RegisterUse {
  std::string registers;
  std::string purpose;
};

// Working memory of a call: so much, so much for each key, and so much for each tile of rows.
struct ScratchNeeds {
  int64_t bytes = 0, bytes_per_key = 0, tile_rows = 1, bytes_per_tile = 0;

  // kTooLarge where no memory has room for it.
  int64_t Bytes(int64_t keys, int64_t rows) const {
    const int64_t tiles = SizeRoundedUp(rows, tile_rows) / tile_rows;
    return SizeSum(
        {bytes, SizeProduct({keys, bytes_per_key}), SizeProduct({tiles, bytes_per_tile})});
  }
};

class Kernel {
 public:
  // Runs under the caller's MXCSR: whoever owns the thread sets the default one and restores it.
  // REQUIRES: args are the struct that this kernel's emitter names.
  template <typename Args>
  void Run(const Args& args) const {
    entry_(&args);
  }
  void RunOn(const void* args) const { entry_(args); }

  const std::string& name() const { return name_; }
  const ScratchNeeds& scratch() const { return scratch_; }
  // For calls of at most `keys` keys and `rows` rows (queries × heads of a group).
  int64_t scratch_bytes(int64_t keys, int64_t rows) const { return scratch_.Bytes(keys, rows); }

  // Empty on the portable path.
  std::span<const uint8_t> code() const { return code_; }
  // Where the constants begin, behind the instructions and their padding of int3.
  uint32_t constants_begin() const { return constants_begin_; }
  // FNV-1a of the code: the same for the same spec, config and Xbyak. 0 on the portable path.
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

// FNV-1a, 64 bits: tells whether two builds emit the same code; no defence against an adversary.
uint64_t CodeHash(std::span<const uint8_t> code);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_KERNEL_H_
