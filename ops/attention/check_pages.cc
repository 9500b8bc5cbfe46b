// The pages of keys and values of a run of attention.

#include "ops/attention/check_pages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ops/attention/kv.h"
#include "ops/attention/sequence.h"

namespace jitattn::ops {
namespace {

// f(batch, index, page) for the entries of pages of which a query sees a key under the mask, some
// of them more than once. f returns whether to go on.
template <typename F>
void ForEachEntry(const AttentionProblem& problem, const jitattn_attention_args& args, F f) {
  for (int64_t batch = 0; batch < args.batch; ++batch) {
    const Sequence sequence = SequenceOf(args, batch);
    const int32_t* const table = args.block_table + batch * args.block_table_stride;
    bool more = true;
    ForEachPiece(problem, sequence, 0, sequence.q_len, [&](const Piece& piece) {
      const jit::IndexRange keys = piece.Seen();
      if (keys.size() == 0) return;
      const int64_t last = (keys.end - 1) / problem.page_size;
      for (int64_t i = keys.first / problem.page_size; more && i <= last; ++i) {
        more = f(batch, i, table[i]);
      }
    });
    if (!more) return;
  }
}

}  // namespace

absl::Status CheckedPages::Check() {
  if (args_.kv_offsets != nullptr) {
    return absl::InvalidArgumentError("kv_offsets: must be null if the problem has pages");
  }
  if (absl::Status s = CheckTable(); !s.ok()) return s;
  if (absl::Status s = CheckEntries(); !s.ok()) return s;
  const jit::AttentionSpec spec = KvSpecOf(problem_);
  const jit::KvRow key = KeyRow(problem_), value = ValueRow(problem_);
  const int bytes = jit::KvElementBytes(spec), alignment = jit::KvAlignment(spec);
  operands_ = {
      {"k", args_.k, &args_.k_strides, bytes, alignment, jit::KvElements(spec, key.dim)},
      {"v", args_.v, &args_.v_strides, bytes, alignment, jit::KvElements(spec, value.dim)}};
  if (key.has_scale_array()) {
    constexpr int kBytes = sizeof(float);
    operands_.push_back(
        {"k_scales", args_.k_scales, &args_.k_scale_strides, kBytes, kBytes, key.scales});
    operands_.push_back(
        {"v_scales", args_.v_scales, &args_.v_scale_strides, kBytes, kBytes, value.scales});
  }
  for (Paged& operand : operands_) {
    operand.all = PagesOfOperand(operand, lowest_, std::max<int64_t>(1, highest_ - lowest_ + 1));
    if (absl::Status s = CheckOperand(operand.all, operand.alignment); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// Each sequence has a row of the table, which is long enough for its keys.
absl::Status CheckedPages::CheckTable() {
  int64_t most = 0;
  for (int64_t batch = 0; batch < args_.batch; ++batch) {
    const int64_t keys = SequenceOf(args_, batch).kv_end, pages = PagesOf(problem_, keys);
    most = std::max(most, pages);
    if (args_.batch == 1 || pages <= args_.block_table_stride) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "block_table_stride ", args_.block_table_stride, ": the ", keys, " keys of sequence ",
        batch, " need ", pages, " pages of ", problem_.page_size));
  }
  table_ = MakeOperand("block_table", args_.block_table, sizeof(int32_t), 1, 1, args_.batch, most,
                       {0, 0, args_.block_table_stride});
  return CheckOperand(table_, sizeof(int32_t));
}

absl::Status CheckedPages::CheckEntries() {
  if (problem_.bias != jit::Bias::kNone) return absl::OkStatus();
  absl::Status status;
  ForEachEntry(problem_, args_, [&](int64_t batch, int64_t index, int64_t page) {
    if (page < 0) {
      status = absl::InvalidArgumentError(
          absl::StrCat("block_table[", batch, "][", index, "] ", page, ": must be 0 or more"));
      return false;
    }
    const bool first = highest_ < 0;
    lowest_ = first ? page : std::min(lowest_, page);
    highest_ = std::max(highest_, page);
    return true;
  });
  return status;
}

Operand CheckedPages::PagesOfOperand(const Paged& operand, int64_t first, int64_t count) const {
  const int64_t(&strides)[3] = *operand.strides;
  int64_t before = 0;  // an overflow shows in the region's ends as well
  if (operand.base == nullptr ||
      __builtin_mul_overflow(first * operand.bytes, strides[0], &before)) {
    before = 0;
  }
  // Integers, since the pointer need not be one into the memory of the first page.
  const auto address = reinterpret_cast<uintptr_t>(operand.base) + static_cast<uint64_t>(before);
  return MakeOperand(operand.name, reinterpret_cast<const void*>(address), operand.bytes, count,
                     problem_.kv_heads, std::min(problem_.page_size, args_.kv_len), operand.cols,
                     strides);
}

absl::Status CheckedPages::CheckApart(const Operand& out) const {
  if (absl::Status s = CheckOut(out, {&table_}); !s.ok()) return s;
  if (highest_ < 0) return absl::OkStatus();
  for (const Paged& operand : operands_) {
    if (absl::Status s = CheckApartFrom(out, operand); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// What lies among the pages but in none that is read may be the output.
absl::Status CheckedPages::CheckApartFrom(const Operand& out, const Paged& operand) const {
  if (!MayOverlap(out.region, operand.all.region)) return absl::OkStatus();
  absl::Status status;
  ForEachEntry(problem_, args_, [&](int64_t, int64_t, int64_t page) {
    Operand one = PagesOfOperand(operand, page, 1);
    if (one.region.Measure() && !MayOverlap(out.region, one.region)) return true;
    status = absl::InvalidArgumentError(
        absl::StrCat(out.name, " overlaps page ", page, " of ", operand.name));
    return false;
  });
  return status;
}

}  // namespace jitattn::ops
