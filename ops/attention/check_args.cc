// The arguments of a run of attention.

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "jit/attention/bias.h"
#include "jitattn/jitattn.h"
#include "ops/attention/append.h"
#include "ops/attention/check_pages.h"
#include "ops/attention/checker.h"
#include "ops/attention/kv.h"
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
                  const jitattn_attention_args& args, int64_t cols, const int64_t (&strides)[3],
                  int64_t inner = 1) {
  const bool ragged = args.q_offsets != nullptr;
  return MakeOperand(name, base, bytes, ragged ? 1 : args.batch, p.heads,
                     ragged ? args.q_offsets[args.batch] : args.q_len, cols, strides, inner);
}
Operand OfKeys(const char* name, const void* base, int bytes, const P& p,
               const jitattn_attention_args& args, int64_t cols, const int64_t (&strides)[3],
               int64_t inner = 1) {
  const bool ragged = args.kv_offsets != nullptr;
  return MakeOperand(name, base, bytes, ragged ? 1 : args.batch, p.kv_heads,
                     ragged ? args.kv_offsets[args.batch] : args.kv_len, cols, strides, inner);
}

// Blocks of Q8_0 are no elements that could lie apart, and pages are not copied.
absl::Status CheckInner(const P& p, const char* name, int64_t inner) {
  const bool blocks = p.kv_type == jit::KvType::kQ8_0;
  if ((!blocks && !p.paged()) || inner == 0 || inner == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " ", inner, ": must be 0 or 1 for keys and ",
                                                 blocks ? "values of q8_0" : "values in pages"));
}

absl::Status CheckBiasKeys(const P& p, const jitattn_attention_args& args) {
  if (args.bias_keys == 0) return absl::OkStatus();
  if (p.bias == jit::Bias::kNone) {
    return absl::InvalidArgumentError(
        absl::StrCat("bias_keys ", args.bias_keys, ": the problem has no bias"));
  }
  if (args.bias_keys < 0 || args.bias_keys > args.kv_len) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bias_keys ", args.bias_keys, ": must be in 0 … ", args.kv_len, ", the kv_len of the run"));
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
        CheckOffsets("kv_offsets", args.kv_offsets, args.kv_lens, args.batch, args.kv_len),
        CheckBiasKeys(p, args)}) {
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

// Whether a run has no operands but q, k, v and out, each a tensor whose rows are contiguous.
bool IsPlain(const P& p, const jitattn_attention_args& args) {
  const bool adjoining = ((args.q_inner | args.k_inner | args.v_inner | args.out_inner) & ~1) == 0;
  return adjoining && args.kv_len > 0 && args.q_offsets == nullptr && args.kv_offsets == nullptr &&
         !p.has_extras();
}

// Short, for small calls.
absl::Status CheckPlainOperands(const P& p, const jitattn_attention_args& args) {
  const int bytes = SizeOf(p.dtype);
  Operand q =
      MakeOperand("q", args.q, bytes, args.batch, p.heads, args.q_len, p.head_dim, args.q_strides);
  Operand k = MakeOperand("k", args.k, bytes, args.batch, p.kv_heads, args.kv_len, p.head_dim,
                          args.k_strides);
  Operand v = MakeOperand("v", args.v, bytes, args.batch, p.kv_heads, args.kv_len, p.value_dim,
                          args.v_strides);
  Operand out = MakeOperand("out", args.out, bytes, args.batch, p.heads, args.q_len, p.value_dim,
                            args.out_strides);
  if (absl::Status s = CheckOperand(q, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(k, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(v, bytes); !s.ok()) return s;
  return CheckOut(out, {&q, &k, &v});
}

absl::Status CheckOperands(const P& p, const jitattn_attention_args& args) {
  const int bytes = SizeOf(p.dtype);
  Operand q = OfQueries("q", args.q, bytes, p, args, p.head_dim, args.q_strides, args.q_inner);
  Operand out =
      OfQueries("out", args.out, bytes, p, args, p.value_dim, args.out_strides, args.out_inner);
  if (absl::Status s = CheckOperand(q, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  // An operand without an address, here for want of keys, overlaps nothing.
  Operand k = {"k", {}}, v = {"v", {}};
  CheckedPages pages(p, args);
  const bool paged = p.paged() && args.kv_len > 0;
  if (args.kv_len > 0) {
    if (absl::Status s = CheckInner(p, "k_inner", args.k_inner); !s.ok()) return s;
    if (absl::Status s = CheckInner(p, "v_inner", args.v_inner); !s.ok()) return s;
  }
  if (paged) {
    if (absl::Status s = pages.Check(); !s.ok()) return s;
    if (absl::Status s = pages.CheckApart(out); !s.ok()) return s;
  } else if (args.kv_len > 0) {
    const jit::AttentionSpec spec = KvSpecOf(p);
    const int kv_bytes = jit::KvElementBytes(spec);
    const int head_dim = static_cast<int>(p.head_dim), value_dim = static_cast<int>(p.value_dim);
    k = OfKeys("k", args.k, kv_bytes, p, args, jit::KvElements(spec, head_dim), args.k_strides,
               args.k_inner);
    v = OfKeys("v", args.v, kv_bytes, p, args, jit::KvElements(spec, value_dim), args.v_strides,
               args.v_inner);
    if (absl::Status s = CheckOperand(k, jit::KvAlignment(spec)); !s.ok()) return s;
    if (absl::Status s = CheckOperand(v, jit::KvAlignment(spec)); !s.ok()) return s;
  }
  if (absl::Status s = CheckOut(out, {&q, &k, &v}); !s.ok() || !p.has_extras()) return s;

  if (absl::Status s = CheckNumbers(p, args); !s.ok()) return s;
  Operand k_scales = {"k_scales", {}}, v_scales = {"v_scales", {}};
  if (p.kv_type == jit::KvType::kI8 && args.kv_len > 0 && !paged) {
    constexpr int kBytes = sizeof(float);
    k_scales =
        OfKeys("k_scales", args.k_scales, kBytes, p, args, KeyRow(p).scales, args.k_scale_strides);
    v_scales = OfKeys("v_scales", args.v_scales, kBytes, p, args, ValueRow(p).scales,
                      args.v_scale_strides);
    if (absl::Status s = CheckOperand(k_scales, kBytes); !s.ok()) return s;
    if (absl::Status s = CheckOperand(v_scales, kBytes); !s.ok()) return s;
    if (absl::Status s = CheckOut(out, {&k_scales, &v_scales}); !s.ok()) return s;
  }
  Operand bias = {"bias", {}};
  if (p.bias != jit::Bias::kNone && args.kv_len > 0) {
    const int bias_bytes = jit::BiasBytes(SpecOf(p));
    const int64_t keys = args.bias_keys != 0 ? args.bias_keys : args.kv_len;
    bias = MakeOperand("bias", args.bias, bias_bytes, args.batch, p.heads, args.q_len, keys,
                       args.bias_strides);
    if (absl::Status s = CheckOperand(bias, bias_bytes); !s.ok()) return s;
    if (absl::Status s = CheckOut(out, {&bias}); !s.ok()) return s;
  }
  Operand gate = {"gate", {}};
  if (p.out_gate) {
    gate = OfQueries("gate", args.gate, bytes, p, args, p.value_dim, args.gate_strides);
    if (absl::Status s = CheckOperand(gate, bytes); !s.ok()) return s;
    if (absl::Status s = CheckOut(out, {&gate}); !s.ok()) return s;
  }
  if (!p.lse) return absl::OkStatus();
  const int lse_bytes = SizeOf(ComputeType(p.dtype));
  Operand lse = OfQueries("lse", args.lse, lse_bytes, p, args, 1, args.lse_strides);
  if (absl::Status s = CheckOperand(lse, lse_bytes); !s.ok()) return s;
  absl::Status s = CheckOut(lse, {&q, &k, &v, &k_scales, &v_scales, &bias, &gate, &out});
  if (!s.ok() || !paged) return s;
  return pages.CheckApart(lse);
}

}  // namespace

absl::Status CheckArgs(const AttentionProblem& p, const jitattn_attention_args& args) {
  if (absl::Status s = CheckSize("batch", args.batch, p.batch); !s.ok()) return s;
  if (absl::Status s = CheckSize("q_len", args.q_len, p.q_len); !s.ok()) return s;
  if (absl::Status s = CheckSize("kv_len", args.kv_len, p.kv_len); !s.ok()) return s;
  if (args.append_count != 0) {
    if (absl::Status s = CheckAppends(args); !s.ok()) return s;
  }
  if (args.batch == 0 || args.q_len == 0) return absl::OkStatus();  // no query is read
  if (HasSequences(args)) {
    if (absl::Status s = CheckSequences(p, args); !s.ok()) return s;
  }
  if (reinterpret_cast<uintptr_t>(args.scratch) % kScratchAlignment != 0) {
    return absl::InvalidArgumentError("scratch is not aligned to 64 bytes");
  }

  return IsPlain(p, args) ? CheckPlainOperands(p, args) : CheckOperands(p, args);
}

}  // namespace jitattn::ops
