// The structs of the C ABI.

#include "runtime/c_struct.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/attention/kv.h"

namespace jitattn::runtime {
namespace {

absl::StatusOr<jit::Mask> MaskFromC(int32_t mask) {
  if (mask == JITATTN_MASK_NONE) return jit::Mask::kNone;
  if (mask == JITATTN_MASK_CAUSAL) return jit::Mask::kCausal;
  if (mask == JITATTN_MASK_WINDOW) return jit::Mask::kWindow;
  return absl::InvalidArgumentError(
      absl::StrCat("mask ", mask,
                   ": must be JITATTN_MASK_NONE (0), JITATTN_MASK_CAUSAL (1) or "
                   "JITATTN_MASK_WINDOW (2)"));
}

// Floats have one name if they are the operands' type.
jit::Bias BiasFromC(const jitattn_attention_problem& problem, DType dtype) {
  const bool floats = problem.bias == JITATTN_BIAS_OWN && dtype == DType::kF32;
  return floats ? jit::Bias::kF32 : static_cast<jit::Bias>(problem.bias);
}

absl::StatusOr<jit::KvType> KvTypeFromC(const jitattn_attention_problem& problem, DType dtype) {
  if (problem.kv_type < JITATTN_KV_OWN || problem.kv_type > JITATTN_KV_Q8_0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kv_type ", problem.kv_type,
        ": must be JITATTN_KV_OWN (0), JITATTN_KV_F32 (1), JITATTN_KV_BF16 (2), JITATTN_KV_F16 "
        "(3), JITATTN_KV_I8 (4) or JITATTN_KV_Q8_0 (5)"));
  }
  if (problem.reserved != 0) {
    return absl::InvalidArgumentError(absl::StrCat("reserved ", problem.reserved, ": must be 0"));
  }
  return ops::NameKvType(static_cast<jit::KvType>(problem.kv_type), dtype);
}

// A width of a window. −1 means no limit; other negative numbers are left for ops::Validate.
int64_t WidthFromC(int64_t width) { return width == -1 ? jit::Band::kFar : width; }

absl::Status CheckOptions(const jitattn_attention_problem& problem) {
  constexpr int32_t kAll = JITATTN_SOFTCAP | JITATTN_ALIBI | JITATTN_SINKS | JITATTN_LSE |
                           JITATTN_OUT_GATE | JITATTN_BF16_MATH;
  if ((problem.options & ~kAll) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("options ", problem.options,
                     ": must be a sum of JITATTN_SOFTCAP (1), JITATTN_ALIBI (2), JITATTN_SINKS "
                     "(4), JITATTN_LSE (8), JITATTN_OUT_GATE (16) and JITATTN_BF16_MATH (32)"));
  }
  if (problem.bias < JITATTN_BIAS_NONE || problem.bias > JITATTN_BIAS_BOOL) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bias ", problem.bias,
        ": must be JITATTN_BIAS_NONE (0), JITATTN_BIAS_F32 (1), JITATTN_BIAS_OWN (2) or "
        "JITATTN_BIAS_BOOL (3)"));
  }
  return absl::OkStatus();
}

absl::Status CheckActivation(const jitattn_activation_problem& problem) {
  if (problem.function < JITATTN_SILU || problem.function > JITATTN_HARD_SWISH) {
    return absl::InvalidArgumentError(absl::StrCat(
        "function ", problem.function, ": must be JITATTN_SILU (0) to JITATTN_HARD_SWISH (5)"));
  }
  if (problem.gate < JITATTN_GATE_NONE || problem.gate > JITATTN_GATE_PAIRS) {
    return absl::InvalidArgumentError(
        absl::StrCat("gate ", problem.gate,
                     ": must be JITATTN_GATE_NONE (0), JITATTN_GATE_TWO (1) or "
                     "JITATTN_GATE_PAIRS (2)"));
  }
  if (problem.reserved != 0) {
    return absl::InvalidArgumentError(absl::StrCat("reserved ", problem.reserved, ": must be 0"));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> StructSize(const char* name, const void* data,
                                  std::span<const size_t> sizes) {
  if (data == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is a null pointer"));
  }
  size_t size;
  std::memcpy(&size, data, sizeof size);
  // A garbage size must not cause reads far beyond the struct: no version will grow a struct
  // tenfold.
  const bool newer = size > sizes.back() && size <= 10 * sizes.back();
  if (!newer && std::find(sizes.begin(), sizes.end(), size) == sizes.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".struct_size is ", size, ": jitattn ", JITATTN_VERSION, " expects ",
                     absl::StrJoin(sizes, " or "), " bytes; was the struct initialised?"));
  }
  return size;
}

// An entry of another version's size, or of another size than the first one.
absl::Status CheckOddAppend(const jitattn_attention_args& args, int64_t i, const char* entry,
                            size_t size) {
  const std::string name = absl::StrCat("appends[", i, "]");
  jitattn_append_args copy;
  absl::Status s = CopyIn(name.c_str(), entry, kStructSizes<jitattn_append_args>, &copy);
  if (!s.ok() || size == args.appends->struct_size) return s;
  return absl::InvalidArgumentError(absl::StrCat(
      name, ".struct_size ", size, ": must be that of appends[0], ", args.appends->struct_size));
}

}  // namespace

absl::StatusOr<DType> DTypeFromC(int32_t dtype, const char* name) {
  if (dtype == JITATTN_F32) return DType::kF32;
  if (dtype == JITATTN_F64) return DType::kF64;
  if (dtype == JITATTN_BF16) return DType::kBF16;
  if (dtype == JITATTN_F16) return DType::kF16;
  return absl::InvalidArgumentError(
      absl::StrCat(name, " ", dtype,
                   ": must be JITATTN_F32 (0), JITATTN_F64 (1), JITATTN_BF16 (2) or JITATTN_F16 "
                   "(3)"));
}

absl::Status CopyIn(const char* name, const void* theirs, std::span<const size_t> sizes,
                    void* copy) {
  const absl::StatusOr<size_t> size = StructSize(name, theirs, sizes);
  if (!size.ok()) return size.status();
  const size_t known = sizes.back(), common = std::min(*size, known);
  const char* bytes = static_cast<const char*>(theirs);
  if (std::any_of(bytes + common, bytes + *size, [](char c) { return c != 0; })) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " sets fields that jitattn ", JITATTN_VERSION,
                     " does not have: nonzero bytes after the first ", known));
  }
  std::memset(copy, 0, known);
  std::memcpy(copy, theirs, common);
  std::memcpy(copy, &known, sizeof known);  // struct_size
  return absl::OkStatus();
}

absl::Status CopyOut(const char* name, const void* filled, std::span<const size_t> sizes,
                     void* theirs) {
  const absl::StatusOr<size_t> size = StructSize(name, theirs, sizes);
  if (!size.ok()) return size.status();
  const size_t common = std::min(*size, sizes.back());
  std::memcpy(theirs, filled, common);
  std::memset(static_cast<char*>(theirs) + common, 0, *size - common);
  std::memcpy(theirs, &*size, sizeof *size);
  return absl::OkStatus();
}

absl::Status CheckAppendStructs(const jitattn_attention_args& args) {
  if (args.appends == nullptr) return absl::OkStatus();
  const char* entry = reinterpret_cast<const char*>(args.appends);
  for (int64_t i = 0; i < args.append_count; ++i) {
    size_t size;
    std::memcpy(&size, entry, sizeof size);
    if (size != sizeof(jitattn_append_args) || size != args.appends->struct_size) {
      absl::Status s = CheckOddAppend(args, i, entry, size);
      if (!s.ok()) return s;
    }
    entry += size;
  }
  return absl::OkStatus();
}

absl::StatusOr<ops::AttentionProblem> FromC(const jitattn_attention_problem* c_problem) {
  Taken<jitattn_attention_problem> problem;
  if (absl::Status s = problem.Take("problem", c_problem); !s.ok()) return s;
  const auto dtype = DTypeFromC(problem->dtype);
  if (!dtype.ok()) return dtype.status();
  const auto mask = MaskFromC(problem->mask);
  if (!mask.ok()) return mask.status();
  if (absl::Status s = CheckOptions(*problem); !s.ok()) return s;
  const auto kv_type = KvTypeFromC(*problem, *dtype);
  if (!kv_type.ok()) return kv_type.status();
  const auto has = [&](int32_t option) { return (problem->options & option) != 0; };
  return ops::AttentionProblem{.dtype = *dtype,
                               .mask = *mask,
                               .bias = BiasFromC(*problem, *dtype),
                               .softcap = has(JITATTN_SOFTCAP),
                               .alibi = has(JITATTN_ALIBI),
                               .sinks = has(JITATTN_SINKS),
                               .lse = has(JITATTN_LSE),
                               .out_gate = has(JITATTN_OUT_GATE),
                               .bf16_math = has(JITATTN_BF16_MATH),
                               .kv_type = *kv_type,
                               .batch = problem->batch,
                               .heads = problem->heads,
                               .kv_heads = problem->kv_heads,
                               .q_len = problem->q_len,
                               .kv_len = problem->kv_len,
                               .head_dim = problem->head_dim,
                               .value_dim = problem->value_dim,
                               .window_left = WidthFromC(problem->window_left),
                               .window_right = WidthFromC(problem->window_right),
                               .chunk = problem->chunk,
                               .kv_scale_block = problem->kv_scale_block,
                               .page_size = problem->page_size};
}

absl::StatusOr<ops::SigmoidMulProblem> FromC(const jitattn_sigmoid_mul_problem* c_problem) {
  Taken<jitattn_sigmoid_mul_problem> problem;
  if (absl::Status s = problem.Take("problem", c_problem); !s.ok()) return s;
  const auto dtype = DTypeFromC(problem->dtype);
  if (!dtype.ok()) return dtype.status();
  return ops::SigmoidMulProblem{.dtype = *dtype, .rows = problem->rows, .cols = problem->cols};
}

absl::StatusOr<ops::SigmoidMulProblem> FromC(const jitattn_activation_problem* c_problem) {
  Taken<jitattn_activation_problem> problem;
  if (absl::Status s = problem.Take("problem", c_problem); !s.ok()) return s;
  const auto dtype = DTypeFromC(problem->dtype), out = DTypeFromC(problem->out_dtype, "out_dtype");
  if (!dtype.ok()) return dtype.status();
  if (!out.ok()) return out.status();
  if (absl::Status s = CheckActivation(*problem); !s.ok()) return s;
  return ops::SigmoidMulProblem{.dtype = *dtype,
                                .out = *out == *dtype
                                           ? jit::OutType::kSame
                                           : static_cast<jit::OutType>(static_cast<int>(*out) + 1),
                                .activation = static_cast<jit::Activation>(problem->function),
                                .gate = static_cast<jit::Gate>(problem->gate),
                                .clamped = problem->clamped != 0,
                                .rows = problem->rows,
                                .cols = problem->cols};
}

absl::StatusOr<PlanRequest> FromC(const jitattn_plan_options* c_options) {
  PlanRequest request;
  if (c_options == nullptr) return request;
  Taken<jitattn_plan_options> options;
  if (absl::Status s = options.Take("options", c_options); !s.ok()) return s;
  if (options->threads < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads ", options->threads, ": must be 0 (all cores) or more"));
  }
  if (options->buffers != JITATTN_BUFFERS_HOT && options->buffers != JITATTN_BUFFERS_COLD) {
    return absl::InvalidArgumentError(
        absl::StrCat("buffers ", options->buffers,
                     ": must be JITATTN_BUFFERS_HOT (0) or JITATTN_BUFFERS_COLD (1)"));
  }
  if (!(options->tune_seconds >= 0) || std::isinf(options->tune_seconds)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tune_seconds ", options->tune_seconds, ": must be 0 or more, and finite"));
  }
  request.conditions.threads = options->threads;
  request.conditions.buffers =
      options->buffers == JITATTN_BUFFERS_COLD ? ops::Buffers::kCold : ops::Buffers::kHot;
  if (options->fixed_bits != 0 && options->tune != 0) {
    return absl::InvalidArgumentError(
        "tune and fixed_bits: plans with fixed bits use no tuned configuration");
  }
  request.fixed_bits = options->fixed_bits != 0;
  request.use_cache = options->ignore_cache == 0;
  if (options->config != nullptr) request.config = options->config;
  if (options->miss_file != nullptr) request.miss_file = options->miss_file;
  // A given configuration leaves nothing to tune, and without the cache there is no record to
  // replace.
  request.tune = options->tune != 0 && request.config.empty() && options->ignore_cache == 0;
  request.tune_seconds = options->tune_seconds;
  return request;
}

}  // namespace jitattn::runtime
