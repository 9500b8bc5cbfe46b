// The structs of the C ABI.

#include "runtime/c_struct.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "jit/config.h"

namespace jitattn::runtime {
namespace {

absl::StatusOr<jit::DType> DTypeFromC(int32_t dtype) {
  if (dtype == JITATTN_F32) return jit::DType::kF32;
  if (dtype == JITATTN_F64) return jit::DType::kF64;
  if (dtype == JITATTN_BF16) return jit::DType::kBF16;
  if (dtype == JITATTN_F16) return jit::DType::kF16;
  return absl::InvalidArgumentError(
      absl::StrCat("dtype ", dtype,
                   ": must be JITATTN_F32 (0), JITATTN_F64 (1), JITATTN_BF16 (2) or JITATTN_F16 "
                   "(3)"));
}

absl::StatusOr<jit::Mask> MaskFromC(int32_t mask) {
  if (mask == JITATTN_MASK_NONE) return jit::Mask::kNone;
  if (mask == JITATTN_MASK_CAUSAL) return jit::Mask::kCausal;
  return absl::InvalidArgumentError(
      absl::StrCat("mask ", mask, ": must be JITATTN_MASK_NONE (0) or JITATTN_MASK_CAUSAL (1)"));
}

absl::StatusOr<size_t> StructSize(const char* name, const void* data, size_t known) {
  if (data == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is a null pointer"));
  }
  size_t size;
  std::memcpy(&size, data, sizeof size);
  // Garbage for a size must not send us reading far away: no version will grow a struct tenfold.
  if (size < known || size > 10 * known) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".struct_size is ", size, ", jitattn ",
                                                   JITATTN_VERSION, " knows ", known,
                                                   " bytes: was it initialised?"));
  }
  return size;
}

}  // namespace

absl::Status CheckStruct(const char* name, const void* data, size_t known) {
  const absl::StatusOr<size_t> size = StructSize(name, data, known);
  if (!size.ok()) return size.status();
  const char* bytes = static_cast<const char*>(data);
  if (std::any_of(bytes + known, bytes + *size, [](char c) { return c != 0; })) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " asks for something that jitattn ", JITATTN_VERSION,
                     " does not know: nonzero bytes after the first ", known));
  }
  return absl::OkStatus();
}

absl::Status CheckOutStruct(const char* name, void* data, size_t known) {
  const absl::StatusOr<size_t> size = StructSize(name, data, known);
  if (!size.ok()) return size.status();
  std::memset(static_cast<char*>(data) + known, 0, *size - known);
  return absl::OkStatus();
}

absl::StatusOr<jit::AttentionProblem> FromC(const jitattn_attention_problem* problem) {
  if (absl::Status s = CheckStruct("problem", problem); !s.ok()) return s;
  const auto dtype = DTypeFromC(problem->dtype);
  if (!dtype.ok()) return dtype.status();
  const auto mask = MaskFromC(problem->mask);
  if (!mask.ok()) return mask.status();
  return jit::AttentionProblem{.dtype = *dtype,
                               .mask = *mask,
                               .batch = problem->batch,
                               .heads = problem->heads,
                               .kv_heads = problem->kv_heads,
                               .q_len = problem->q_len,
                               .kv_len = problem->kv_len,
                               .head_dim = problem->head_dim,
                               .value_dim = problem->value_dim};
}

absl::StatusOr<jit::SigmoidMulProblem> FromC(const jitattn_sigmoid_mul_problem* problem) {
  if (absl::Status s = CheckStruct("problem", problem); !s.ok()) return s;
  const auto dtype = DTypeFromC(problem->dtype);
  if (!dtype.ok()) return dtype.status();
  return jit::SigmoidMulProblem{.dtype = *dtype, .rows = problem->rows, .cols = problem->cols};
}

absl::StatusOr<PlanRequest> FromC(const jitattn_plan_options* options, jit::Op op) {
  PlanRequest request;
  if (options == nullptr) return request;
  if (absl::Status s = CheckStruct("options", options); !s.ok()) return s;
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
  request.options.threads = options->threads;
  request.options.buffers =
      options->buffers == JITATTN_BUFFERS_COLD ? cache::Buffers::kCold : cache::Buffers::kHot;
  request.options.use_cache = options->ignore_cache == 0;
  if (options->config != nullptr) {
    auto config = jit::ConfigFromString(op, options->config);
    if (!config.ok()) return config.status();
    request.options.config = *std::move(config);
  }
  // A configuration that was given leaves nothing to tune, and a cache that is not to be used gives
  // nothing to compare with.
  request.tune = options->tune != 0 && options->config == nullptr && options->ignore_cache == 0;
  request.tune_seconds = options->tune_seconds;
  return request;
}

}  // namespace jitattn::runtime
