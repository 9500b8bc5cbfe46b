// Is what a run asks for within what was planned, and is its memory sound?

#include "runtime/check_args.h"

#include <cstdint>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "runtime/memory_region.h"
#include "runtime/scratch.h"

namespace jitattn::runtime {
namespace {

absl::Status CheckSize(const char* name, int64_t value, int64_t most) {
  if (value >= 0 && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " ", value, ": must be in 0 … ", most,
                                                 ", what the problem was stated with"));
}

struct Operand {
  const char* name;
  MemoryRegion region;
};

absl::Status CheckOperand(Operand& operand, int element_bytes) {
  MemoryRegion& region = operand.region;
  if (region.base == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(operand.name, " is a null pointer"));
  }
  // Sizes are powers of two; four divisions would take a quarter of a call's overhead.
  if ((reinterpret_cast<uintptr_t>(region.base) & (element_bytes - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, " lies at ", reinterpret_cast<uintptr_t>(region.base),
                     ", which is no multiple of its element's ", element_bytes, " bytes"));
  }
  if (!region.Measure()) {
    return absl::InvalidArgumentError(
        absl::StrCat(operand.name, ": its strides reach beyond the address space"));
  }
  return absl::OkStatus();
}

absl::Status CheckOut(const Operand& out, std::initializer_list<const Operand*> inputs) {
  if (OverlapsItself(out.region)) {
    return absl::InvalidArgumentError(absl::StrCat("out: rows of ", out.region.row_bytes,
                                                   " bytes overlap each other by its strides"));
  }
  for (const Operand* input : inputs) {
    if (input->region.base != nullptr && MayOverlap(out.region, input->region)) {
      return absl::InvalidArgumentError(absl::StrCat("out overlaps ", input->name));
    }
  }
  return absl::OkStatus();
}

// Strides come in elements. Saturates: such a stride is refused by Measure where it is used at all.
int64_t StrideBytes(int64_t elements, int element_bytes) {
  int64_t bytes;
  if (__builtin_mul_overflow(elements, int64_t{element_bytes}, &bytes)) {
    return elements < 0 ? INT64_MIN : INT64_MAX;
  }
  return bytes;
}

Operand MakeOperand(const char* name, const void* base, int element_bytes, int64_t batch,
                    int64_t heads, int64_t rows, int64_t cols, const int64_t (&strides)[3]) {
  return {
      name,
      {.base = base,
       .row_bytes = cols * element_bytes,
       .count = {batch, heads, rows},
       .stride = {StrideBytes(strides[0], element_bytes), StrideBytes(strides[1], element_bytes),
                  StrideBytes(strides[2], element_bytes)}}};
}

}  // namespace

absl::Status CheckArgs(const jit::AttentionProblem& p, const jitattn_attention_args& args) {
  if (absl::Status s = CheckSize("batch", args.batch, p.batch); !s.ok()) return s;
  if (absl::Status s = CheckSize("q_len", args.q_len, p.q_len); !s.ok()) return s;
  if (absl::Status s = CheckSize("kv_len", args.kv_len, p.kv_len); !s.ok()) return s;
  if (args.batch == 0 || args.q_len == 0) return absl::OkStatus();  // nothing is touched

  if (reinterpret_cast<uintptr_t>(args.scratch) % kScratchAlignment != 0) {
    return absl::InvalidArgumentError("scratch is not aligned to 64 bytes");
  }

  const int bytes = SizeOf(p.dtype);
  Operand q =
      MakeOperand("q", args.q, bytes, args.batch, p.heads, args.q_len, p.head_dim, args.q_strides);
  Operand out = MakeOperand("out", args.out, bytes, args.batch, p.heads, args.q_len, p.value_dim,
                            args.out_strides);
  if (absl::Status s = CheckOperand(q, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  if (args.kv_len == 0) return CheckOut(out, {&q});

  Operand k = MakeOperand("k", args.k, bytes, args.batch, p.kv_heads, args.kv_len, p.head_dim,
                          args.k_strides);
  Operand v = MakeOperand("v", args.v, bytes, args.batch, p.kv_heads, args.kv_len, p.value_dim,
                          args.v_strides);
  if (absl::Status s = CheckOperand(k, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(v, bytes); !s.ok()) return s;
  return CheckOut(out, {&q, &k, &v});
}

absl::Status CheckArgs(const jit::SigmoidMulProblem& p, const jitattn_sigmoid_mul_args& args) {
  if (absl::Status s = CheckSize("rows", args.rows, p.rows); !s.ok()) return s;
  if (absl::Status s = CheckSize("cols", args.cols, p.cols); !s.ok()) return s;
  if (args.rows == 0 || args.cols == 0) return absl::OkStatus();

  const int bytes = SizeOf(p.dtype);
  Operand x = MakeOperand("x", args.x, bytes, 1, 1, args.rows, args.cols, {0, 0, args.x_stride});
  Operand out =
      MakeOperand("out", args.out, bytes, 1, 1, args.rows, args.cols, {0, 0, args.out_stride});
  if (absl::Status s = CheckOperand(x, bytes); !s.ok()) return s;
  if (absl::Status s = CheckOperand(out, bytes); !s.ok()) return s;
  // In place: an element is read before it is written, and by the same thread.
  if (args.x == args.out && (args.rows == 1 || args.x_stride == args.out_stride)) {
    return CheckOut(out, {});
  }
  return CheckOut(out, {&x});
}

}  // namespace jitattn::runtime
