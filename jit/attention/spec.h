// The part of a problem that is compiled into an attention kernel.

#ifndef JITATTN_JIT_ATTENTION_SPEC_H_
#define JITATTN_JIT_ATTENTION_SPEC_H_

#include <array>

#include "base/dtype.h"

namespace jitattn::jit {

// The ends of the band of keys that a query sees (band.h). Their positions are arguments of a call.
enum class Mask : int {
  kNone = 0,
  kCausal = 1,  // query i sees keys j ≤ i + right
  kWindow = 2,  // and j ≥ i + left
};
constexpr bool HasLeftEnd(Mask mask) { return mask == Mask::kWindow; }
constexpr bool HasRightEnd(Mask mask) { return mask != Mask::kNone; }

// What is added to the scores, by element of memory.
enum class Bias : int {
  kNone = 0,
  kF32 = 1,   // floats
  kOwn = 2,   // of the operands' type, if that is not f32
  kSeen = 3,  // bytes: 0 hides the key from the query, any other value adds nothing
};

// How the elements of keys and values are stored. They are computed in the compute type.
enum class KvType : int {
  kOwn = 0,  // as those of q and out
  kF32 = 1,
  kBF16 = 2,
  kF16 = 3,
  kI8 = 4,    // integers; AttentionArgs::k_scales and v_scales have their factors
  kQ8_0 = 5,  // ggml's blocks: an f16 factor, then 32 integers
};

class ScorePart;

struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;
  // Added after the score parts. −∞ hides the key, like a mask.
  Bias bias = Bias::kNone;
  bool sinks = false;  // AttentionArgs::sinks take part in the sum of weights
  bool lse = false;    // AttentionArgs::lse is written
  bool gate = false;   // results are multiplied by the sigmoid of AttentionArgs::gate
  // f32: the factors of products may be rounded to bf16. Configurations with pairs do so.
  bool bf16_math = false;
  bool paged = false;  // keys and values are found by AttentionArgs::block_table
  // Applied to the scores in order (score_part.h); unused entries at the end are null.
  std::array<const ScorePart*, 4> score_parts = {};
  KvType kv_type = KvType::kOwn;
  int kv_scale_block = 0;  // kI8: elements of a row that share a factor; 0: all of the row

  bool has_score_parts() const { return score_parts[0] != nullptr; }

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SPEC_H_
