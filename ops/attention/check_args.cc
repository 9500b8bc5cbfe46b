// The arguments of a run of attention.

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "jit/attention/bias.h"
#include "jitattn/jitattn.h"
#include "ops/attention/checker.h"
#include "ops/attention/problem.h"
#include "ops/attention/sequence.h"
#include "ops/check_operand.h"
#include "parallel/scratch.h"

namespace jitattn::ops {
namespace {

using P = AttentionProblem;

// Operands with a row for each query or each key. The rows of a ragged batch are those of one long
// sequence.
Operand OfQueries(const char* name, const void* base, int bytes, const P& p,
                  const jitattn_attention_args& args, int64_t cols, const int64_t (&strides)[3]) {
  const bool ragged = args.q_offsets != nullptr;
  return MakeOperand(name, base, bytes, ragged ? 1 : args.batch, p.heads,
                     ragged ? args.q_offsets[args.batch] : args.q_len, cols, strides);
}
Operand OfKeys(const char* name, const void* base, int bytes, const P& p,
               const jitattn_attention_args& args, int64_t cols, const int64_t (&strides)[3]) {
  const bool ragged = args.kv_offsets != nullptr;
  return MakeOperand(name, base, bytes, ragged ? 1 : args.batch, p.kv_heads,
                     ragged ? args.kv_offsets[args.batch] : args.kv_len, cols, strides);
}

// Each of `count` numbers must be in 0 … most. A null array is right.
absl::Status CheckEach(const char* name, const int64_t* numbers, int64_t count, int64_t most) {
  for (int64_t i = 0; numbers != nullptr && i < count; ++i) {
    if (numbers[i] < 0 || numbers[i] > most) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, "[", i, "] ", numbers[i], ": must be in 0 … ", most));
    }
  }
  return absl::OkStatus();
}

// The offsets must rise by the lengths, each in 0 … most.
absl::Status CheckOffsets(const char* name, const int64_t* offsets, const int64_t* lens,
                          int64_t count, int64_t most) {
  if (offsets == nullptr) return absl::OkStatus();
  if (offsets[0] < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, "[0] ", offsets[0], ": must be 0 or more"));
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t least = lens != nullptr ? lens[i] : 0;
    // Written so that nothing overflows.
    const bool rises = offsets[i + 1] >= offsets[i] && offsets[i + 1] - offsets[i] >= least;
    if (!rises || (lens == nullptr && offsets[i + 1] - offsets[i] > most)) {
      return absl::InvalidArgumentError(absl::StrCat(name, "[", i + 1, "] ", offsets[i + 1],
                                                     ": must be ", least, " to ", most,
                                                     " more than the one before, ", offsets[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSequences(const P& p, const jitattn_attention_args& args) {
  for (const absl::Status& s :
       {CheckEach("q_lens", args.q_lens, args.batch, args.q_len),
        CheckEach("kv_lens", args.kv_lens, args.batch, args.kv_len),
        CheckEach("kv_begins", args.kv_begins, args.batch, INT64_MAX),
        CheckEach("prefix_lens", args.prefix_lens, args.batch, jit::Band::kFar),
        CheckOffsets("q_offsets", args.q_offsets, args.q_lens, args.batch, args.q_len),
        CheckOffsets("kv_offsets", args.kv_offsets, args.kv_lens, args.batch, args.kv_len)}) {
    if (!s.ok()) return s;
  }
  if (args.prefix_lens != nullptr && p.mask != jit::Mask::kCausal) {
    return absl::InvalidArgumentError("prefix_lens: only causal masks have prefixes");
  }
  return absl::OkStatus();
}

// One number for each head, contiguous.
absl::Status CheckPerHead(const char* name, const float* numbers, int64_t heads) {
  Operand operand = MakeOperand(name, numbers, sizeof(float), 1, 1, 1, heads, {0, 0, 0});
  return CheckOperand(operand, sizeof(float));
}

// The numbers of options. Other members than those of the problem's options may hold anything.
absl::Status CheckNumbers(const P& p, const jitattn_attention_args& args) {
  if (p.softcap && !(args.softcap > 0 && std::isfinite(args.softcap))) {
    return absl::InvalidArgumentError(
        absl::StrCat("softcap ", args.softcap, ": must be above 0, and finite"));
  }
  if (p.alibi) {
    if (absl::Status s = CheckPerHead("alibi_slopes", args.alibi_slopes, p.heads); !s.ok())
      return s;
  }
  return p.sinks ? CheckPerHead("sinks", args.sinks, p.heads) : absl::OkStatus();
}

}  // namespace

absl::Status CheckArgs(const AttentionProblem& p, const jitattn_attention_args& args) {
  if (absl::Status s = CheckSize("batch", args.batch, p.batch); !s.ok()) return s;
  if (absl::Status s = CheckSize("q_len", args.q_len, p.q_len); !s.ok()) return s;
  if (absl::Status s = CheckSize("kv_len", args.kv_len, p.kv_len); !s.ok()) return s;
  if (args.batch == 0 || args.q_len == 0) return absl::OkStatus();  // the run accesses no memory
  if (HasSequences(args)) {
    if (absl::Status s = CheckSequences(p, args); !s.ok()) return s;
  }
  if (reinterpret_cast<uintptr_t>(args.scratch) % kScratchAlignment != 0) {
    return absl::InvalidArgumentError("scratch is not aligned to 64 bytes");
  }

  const int bytes = SizeOf(p.dtype);
  Operand q = OfQueries("q", args.q, bytes, p, args, p.head_dim, args.q_strides);
  Operand out = OfQueries("out", args.out, bytes, p, args, p.value_dim, args.out_strides);
  if (absl::Status s = CheckOperand(q, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  // An operand without an address, here for want of keys, overlaps nothing.
  Operand k = {"k", {}}, v = {"v", {}};
  if (args.kv_len > 0) {
    k = OfKeys("k", args.k, bytes, p, args, p.head_dim, args.k_strides);
    v = OfKeys("v", args.v, bytes, p, args, p.value_dim, args.v_strides);
    if (absl::Status s = CheckOperand(k, bytes); !s.ok()) return s;
    if (absl::Status s = CheckOperand(v, bytes); !s.ok()) return s;
  }
  if (absl::Status s = CheckOut(out, {&q, &k, &v}); !s.ok() || !p.has_extras()) return s;

  if (absl::Status s = CheckNumbers(p, args); !s.ok()) return s;
  Operand bias = {"bias", {}};
  if (p.bias != jit::Bias::kNone && args.kv_len > 0) {
    const int bias_bytes = jit::BiasBytes(SpecOf(p));
    bias = MakeOperand("bias", args.bias, bias_bytes, args.batch, p.heads, args.q_len, args.kv_len,
                       args.bias_strides);
    if (absl::Status s = CheckOperand(bias, bias_bytes); !s.ok()) return s;
    if (absl::Status s = CheckOut(out, {&bias}); !s.ok()) return s;
  }
  if (!p.lse) return absl::OkStatus();
  const int lse_bytes = SizeOf(ComputeType(p.dtype));
  Operand lse = OfQueries("lse", args.lse, lse_bytes, p, args, 1, args.lse_strides);
  if (absl::Status s = CheckOperand(lse, lse_bytes); !s.ok()) return s;
  return CheckOut(lse, {&q, &k, &v, &bias, &out});
}

}  // namespace jitattn::ops
