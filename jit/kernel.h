// Emitted (or, on the portable path, compiled) code that can be called.

#ifndef JITATTN_JIT_KERNEL_H_
#define JITATTN_JIT_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jit/config.h"
#include "jit/problem.h"
#include "jit/sizes.h"

namespace jitattn::jit {

// A run of consecutive queries of one head, or of every head of a group (LaneAxis::kColumns only).
// Emitted code reads the fields by offsetof.
struct AttentionArgs {
  const AttentionSpec* spec;                         // read by the portable kernel only
  const void* q;                                     // [q_rows][head_dim]
  const void* k;                                     // [kv_len][head_dim]
  const void* v;                                     // [kv_len][value_dim]
  void* out;                                         // [q_rows][value_dim]
  int64_t q_stride, k_stride, v_stride, out_stride;  // between rows, in bytes; columns adjoin
  int64_t q_rows;  // any number ≥ 0; the kernel walks them in tiles
  int64_t kv_len;
  int64_t causal_offset;  // row i of this call sees keys j ≤ i + causal_offset
  double scale;
  void* scratch;  // scratch_bytes(kv_len, q_rows · group), 64-byte aligned, contents arbitrary

  // The rest is for LaneAxis::kColumns. Query heads that share k and v, and the bytes between them.
  int64_t group = 1;
  int64_t q_head_stride = 0, out_head_stride = 0;
  // A softmax over keys that are taken apart. kPart: what these keys add up to is left at `part`,
  // PartBytes() of it, and nothing written to out. Above 0: k and v are not read; so many parts
  // that lie from `part` on, `part_stride` bytes apart, are merged in this order and written to
  // out. REQUIRES: the other arguments are those of all keys together.
  static constexpr int64_t kPart = -1;
  int64_t parts = 0;
  void* part = nullptr;  // 64-byte aligned
  int64_t part_stride = 0;
  // What this thread will read next, if known: so many rows of K, k_stride apart.
  const void* next_k = nullptr;
  int64_t next_keys = 0;
};

// A run of elements, or rows of them. In place (x == out) is allowed.
struct SigmoidMulArgs {
  const SigmoidMulSpec* spec;  // read by the portable kernel only
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;  // between rows, in bytes; columns adjoin
};

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

class Kernel {
 public:
  // Runs under the caller's MXCSR: whoever owns the thread sets the default one and restores it.
  // REQUIRES: args are those of the spec's operation.
  void Run(const AttentionArgs& args) const { entry_(&args); }
  void Run(const SigmoidMulArgs& args) const { entry_(&args); }

  const std::string& name() const { return name_; }
  const Spec& spec() const { return spec_; }
  const Config& config() const { return config_; }
  // For runs of at most `kv_len` keys and `rows` rows (queries × heads of a group). Kernels of
  // 16-bit types keep keys and values there as floats; those with LaneAxis::kColumns what they hold
  // of every row. kTooLarge where no memory has room for them.
  int64_t scratch_bytes(int64_t kv_len, int64_t rows) const {
    const int64_t tiles = SizeRoundedUp(rows, tile_rows_) / tile_rows_;
    return SizeSum(
        {scratch_bytes_, SizeProduct({kv_len, key_bytes_}), SizeProduct({tiles, tile_bytes_})});
  }

  // Empty on the portable path.
  std::span<const uint8_t> code() const { return code_; }
  // FNV-1a of the code: the same for the same spec, config and Xbyak. 0 on the portable path.
  uint64_t code_hash() const { return code_hash_; }
  const std::vector<Section>& sections() const { return sections_; }
  const std::vector<RegisterUse>& registers() const { return registers_; }

 protected:
  void (*entry_)(const void* args) = nullptr;
  std::string name_;
  Spec spec_;
  Config config_;
  int64_t scratch_bytes_ = 0, key_bytes_ = 0, tile_rows_ = 1, tile_bytes_ = 0;
  std::span<const uint8_t> code_;
  uint64_t code_hash_ = 0;
  std::vector<Section> sections_;
  std::vector<RegisterUse> registers_;
};

// FNV-1a, 64 bits: tells whether two builds emit the same code; no defence against an adversary.
uint64_t CodeHash(std::span<const uint8_t> code);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_KERNEL_H_
