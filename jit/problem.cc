// What is asked of a kernel: words, sizes and names.

#include "jit/problem.h"

#include <algorithm>
#include <initializer_list>

#include "absl/strings/str_cat.h"

namespace jitattn::jit {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 62;

template <typename T>
std::optional<T> Find(std::string_view name, std::initializer_list<T> all) {
  for (T value : all) {
    if (name == Name(value)) return value;
  }
  return std::nullopt;
}

absl::Status AtLeast(const char* what, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " ", value, " is below ", least));
}

// A length of 0 counts as 1: code that multiplies any of the other sizes need not ask whether the
// product fits. REQUIRES: every size ≥ 0.
absl::Status FitsInMemory(const char* what, DType dtype, std::initializer_list<int64_t> sizes) {
  int64_t bytes = SizeOf(dtype);
  for (int64_t size : sizes) {
    size = std::max<int64_t>(size, 1);
    if (size > (kMaxBytes - 1) / bytes) {
      return absl::InvalidArgumentError(absl::StrCat(what, " would take 2^62 bytes or more"));
    }
    bytes *= size;
  }
  return absl::OkStatus();
}

absl::Status ValidateAttention(const AttentionProblem& p) {
  const struct {
    const char* what;
    int64_t value, least;
  } sizes[] = {{"batch", p.batch, 1},        {"heads", p.heads, 1},   {"kv_heads", p.kv_heads, 1},
               {"q_len", p.q_len, 0},        {"kv_len", p.kv_len, 0}, {"head_dim", p.head_dim, 1},
               {"value_dim", p.value_dim, 1}};
  for (const auto& size : sizes) {
    if (absl::Status s = AtLeast(size.what, size.value, size.least); !s.ok()) return s;
  }
  for (auto [what, value] : {std::pair{"head_dim", p.head_dim}, {"value_dim", p.value_dim}}) {
    if (value > kMaxHeadDim) {
      return absl::InvalidArgumentError(absl::StrCat(what, " ", value, " is above ", kMaxHeadDim));
    }
  }
  if (p.heads % p.kv_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("heads ", p.heads, " is not a multiple of kv_heads ", p.kv_heads));
  }
  const struct {
    const char* what;
    int64_t heads, len, dim;
  } tensors[] = {{"q", p.heads, p.q_len, p.head_dim},
                 {"k", p.kv_heads, p.kv_len, p.head_dim},
                 {"v", p.kv_heads, p.kv_len, p.value_dim},
                 {"out", p.heads, p.q_len, p.value_dim}};
  for (const auto& t : tensors) {
    absl::Status s = FitsInMemory(t.what, p.dtype, {p.batch, t.heads, t.len, t.dim});
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ValidateSigmoidMul(const SigmoidMulProblem& p) {
  if (absl::Status s = AtLeast("rows", p.rows, 1); !s.ok()) return s;
  if (absl::Status s = AtLeast("cols", p.cols, 1); !s.ok()) return s;
  return FitsInMemory("x", p.dtype, {p.rows, p.cols});
}

// Pairs (query, key) that one head's mask lets through, in floating point: lengths may be huge.
double VisiblePairs(const AttentionProblem& p) {
  const double q = static_cast<double>(p.q_len), kv = static_cast<double>(p.kv_len);
  if (p.mask == Mask::kNone) return q * kv;
  // Row i sees kv − q + i + 1 keys, the last one all kv: a triangle where q ≥ kv (its first rows
  // are empty), else a rectangle without one.
  return q >= kv ? kv * (kv + 1) / 2 : q * kv - q * (q - 1) / 2;
}

}  // namespace

std::string_view Name(Op op) { return op == Op::kAttention ? "attention" : "sigmoid-mul"; }
std::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return "f64";
    case DType::kBF16:
      return "bf16";
    case DType::kF16:
      return "f16";
    default:
      return "f32";
  }
}
std::string_view Name(Mask mask) { return mask == Mask::kCausal ? "causal" : "none"; }

std::optional<Op> OpFromName(std::string_view name) {
  return Find(name, {Op::kAttention, Op::kSigmoidMul});
}

std::optional<DType> DTypeFromName(std::string_view name) {
  if (name == "float32" || name == "float") return DType::kF32;
  if (name == "float64" || name == "double") return DType::kF64;
  if (name == "bfloat16") return DType::kBF16;
  if (name == "float16" || name == "half") return DType::kF16;
  return Find(name, {DType::kF32, DType::kF64, DType::kBF16, DType::kF16});
}

std::optional<Mask> MaskFromName(std::string_view name) {
  return Find(name, {Mask::kNone, Mask::kCausal});
}

Op OpOf(const Problem& problem) {
  return std::holds_alternative<AttentionProblem>(problem) ? Op::kAttention : Op::kSigmoidMul;
}

Op OpOf(const Spec& spec) {
  return std::holds_alternative<AttentionSpec>(spec) ? Op::kAttention : Op::kSigmoidMul;
}

Spec SpecOf(const Problem& problem) {
  if (const auto* s = std::get_if<SigmoidMulProblem>(&problem)) {
    return SigmoidMulSpec{.dtype = s->dtype};
  }
  const auto& a = std::get<AttentionProblem>(problem);
  return AttentionSpec{.dtype = a.dtype,
                       .mask = a.mask,
                       .head_dim = static_cast<int>(a.head_dim),
                       .value_dim = static_cast<int>(a.value_dim)};
}

absl::Status Validate(const Problem& problem) {
  const auto* attention = std::get_if<AttentionProblem>(&problem);
  return attention != nullptr ? ValidateAttention(*attention)
                              : ValidateSigmoidMul(std::get<SigmoidMulProblem>(problem));
}

double Flops(const Problem& problem) {
  if (const auto* s = std::get_if<SigmoidMulProblem>(&problem)) {
    return 4.0 * static_cast<double>(s->rows) * static_cast<double>(s->cols);
  }
  const auto& a = std::get<AttentionProblem>(problem);
  return 2.0 * static_cast<double>(a.head_dim + a.value_dim) * VisiblePairs(a) *
         static_cast<double>(a.batch) * static_cast<double>(a.heads);
}

double Bytes(const Problem& problem) {
  if (const auto* s = std::get_if<SigmoidMulProblem>(&problem)) {
    return 2.0 * SizeOf(s->dtype) * static_cast<double>(s->rows) * static_cast<double>(s->cols);
  }
  const auto& a = std::get<AttentionProblem>(problem);
  const double dims = static_cast<double>(a.head_dim + a.value_dim);  // q and out, k and v
  const double q_rows = static_cast<double>(a.heads) * static_cast<double>(a.q_len);
  const double kv_rows = static_cast<double>(a.kv_heads) * static_cast<double>(a.kv_len);
  return SizeOf(a.dtype) * static_cast<double>(a.batch) * dims * (q_rows + kv_rows);
}

std::string Name(const Spec& spec) {
  if (const auto* s = std::get_if<SigmoidMulSpec>(&spec)) {
    return absl::StrCat("silu_", std::string(Name(s->dtype)));
  }
  const auto& a = std::get<AttentionSpec>(spec);
  std::string name = absl::StrCat("attn_", std::string(Name(a.dtype)), "_d", a.head_dim);
  if (a.value_dim != a.head_dim) absl::StrAppend(&name, "v", a.value_dim);
  if (a.mask == Mask::kCausal) absl::StrAppend(&name, "_causal");
  return name;
}

std::string Describe(const Problem& problem) {
  if (const auto* s = std::get_if<SigmoidMulProblem>(&problem)) {
    return absl::StrCat("sigmoid-mul ", std::string(Name(s->dtype)), " ", s->rows, "×", s->cols);
  }
  const auto& a = std::get<AttentionProblem>(problem);
  std::string line = absl::StrCat("attention ", std::string(Name(a.dtype)), " ", a.batch, "×",
                                  a.heads, a.heads == 1 ? " head" : " heads");
  if (a.kv_heads != a.heads) absl::StrAppend(&line, " (", a.kv_heads, " kv)");
  absl::StrAppend(&line, ", ", a.q_len, "×", a.kv_len, ", head size ", a.head_dim);
  if (a.value_dim != a.head_dim) absl::StrAppend(&line, ", value size ", a.value_dim);
  if (a.mask == Mask::kCausal) absl::StrAppend(&line, ", causal");
  return line;
}

int64_t LengthBucket(int64_t length) {
  if (length <= 1) return std::max<int64_t>(length, 0);
  // From 2 on the buckets are power and power + power / 2; from 2^62 on the next would overflow.
  for (int64_t power = 2; power < kMaxBytes; power *= 2) {
    if (length <= power) return power;
    if (length <= power + power / 2) return power + power / 2;
  }
  return length;
}

Problem Bucket(const Problem& problem) {
  if (const auto* s = std::get_if<SigmoidMulProblem>(&problem)) {
    return SigmoidMulProblem{.dtype = s->dtype, .rows = 1, .cols = LengthBucket(s->rows * s->cols)};
  }
  AttentionProblem a = std::get<AttentionProblem>(problem);
  a.q_len = LengthBucket(a.q_len);
  a.kv_len = LengthBucket(a.kv_len);
  return a;
}

}  // namespace jitattn::jit
