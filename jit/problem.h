// What is asked of a kernel: a Problem, and its Spec, the part that is burnt into code.

#ifndef JITATTN_JIT_PROBLEM_H_
#define JITATTN_JIT_PROBLEM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/status/status.h"

namespace jitattn::jit {

enum class Op : int { kAttention = 0, kSigmoidMul = 1 };
enum class DType : int { kF32 = 0, kF64 = 1, kBF16 = 2, kF16 = 3 };  // fixed: in the C ABI
enum class Mask : int { kNone = 0, kCausal = 1 };

constexpr int SizeOf(DType dtype) {
  return dtype == DType::kF64 ? 8 : dtype == DType::kF32 ? 4 : 2;
}

// What numbers that memory holds as `dtype` are computed in: 16-bit types are for storage only.
constexpr DType ComputeType(DType dtype) {
  return dtype == DType::kF64 ? DType::kF64 : DType::kF32;
}

std::string_view Name(Op op);        // "attention", "sigmoid-mul"
std::string_view Name(DType dtype);  // "f32", "f64", "bf16", "f16"
std::string_view Name(Mask mask);    // "none", "causal"
std::optional<Op> OpFromName(std::string_view name);
std::optional<DType> DTypeFromName(std::string_view name);  // also "float32", "bfloat16", …
std::optional<Mask> MaskFromName(std::string_view name);

// out[b][h][i][d] = Σ_j softmax_j(scale · q[b][h][i]·k[b][g][j]) · v[b][g][j][d]
//   g = h / (heads / kv_heads);  causal: query i sees keys j ≤ i + offset
// Lengths, strides, batch, scale and offset are arguments of a run; here they are what to plan for.
struct AttentionProblem {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int64_t batch = 1, heads = 1, kv_heads = 1;
  int64_t q_len = 1, kv_len = 1;
  int64_t head_dim = 64, value_dim = 64;

  friend bool operator==(const AttentionProblem&, const AttentionProblem&) = default;
};

// out[r][c] = x[r][c] · sigmoid(x[r][c])
struct SigmoidMulProblem {
  DType dtype = DType::kF32;
  int64_t rows = 1, cols = 1;

  friend bool operator==(const SigmoidMulProblem&, const SigmoidMulProblem&) = default;
};

using Problem = std::variant<AttentionProblem, SigmoidMulProblem>;

// What is burnt into code.
struct AttentionSpec {
  DType dtype = DType::kF32;
  Mask mask = Mask::kNone;
  int head_dim = 64, value_dim = 64;

  friend bool operator==(const AttentionSpec&, const AttentionSpec&) = default;
};

struct SigmoidMulSpec {
  DType dtype = DType::kF32;

  friend bool operator==(const SigmoidMulSpec&, const SigmoidMulSpec&) = default;
};

using Spec = std::variant<AttentionSpec, SigmoidMulSpec>;

Op OpOf(const Problem& problem);
Op OpOf(const Spec& spec);
Spec SpecOf(const Problem& problem);

// Every size ≥ 1 (lengths ≥ 0), head sizes ≤ kMaxHeadDim, heads a multiple of kv_heads, and every
// product of sizes below 2^62 bytes; else InvalidArgument with the value and the rule.
absl::Status Validate(const Problem& problem);
inline constexpr int64_t kMaxHeadDim = 4096;

// Floating-point operations of the formula: 2·(head_dim + value_dim) a visible pair (query, key);
// causal counts only pairs with j ≤ i + kv_len − q_len. Sigmoid-mul: 4 an element.
double Flops(const Problem& problem);

// Bytes of inputs and output, each counted once.
double Bytes(const Problem& problem);

// "attn_f32_d64_causal", "silu_f32": begins the name of every kernel for this spec.
std::string Name(const Spec& spec);

// One line for people: "attention f32 1×16 heads, 1024×1024, head size 64, causal".
std::string Describe(const Problem& problem);

// Lengths (and rows·cols) rounded up to the next power of two or three halves of one: 1, 2, 3, 4, 6,
// 8, 12, 16, 24 … Problems with the same bucket share a record.
int64_t LengthBucket(int64_t length);
// Sigmoid-mul's bucket has one row: its cost depends on the number of elements. REQUIRES: valid.
Problem Bucket(const Problem& problem);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PROBLEM_H_
