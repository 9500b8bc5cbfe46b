// The arguments of an append.

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sizes.h"
#include "ops/attention/append.h"
#include "ops/attention/append_rows.h"
#include "ops/attention/problem.h"
#include "ops/check_operand.h"

namespace jitattn::ops {
namespace {

using AppendArgs = jitattn_append_args;
using absl::InvalidArgumentError;
using absl::StrCat;

absl::Status CheckEnum(const char* name, int32_t value, int32_t last, const char* names) {
  if (value >= 0 && value <= last) return absl::OkStatus();
  return InvalidArgumentError(StrCat(name, " ", value, ": must be ", names));
}

absl::Status CheckTypes(const AppendArgs& args) {
  constexpr const char* kFloats = "JITATTN_F32 (0) to JITATTN_F16 (3)";
  for (const absl::Status& s :
       {CheckEnum("from_type", args.from_type, JITATTN_F16, kFloats),
        CheckEnum("to_type", args.to_type, JITATTN_KV_Q8_0,
                  "JITATTN_KV_OWN (0) to JITATTN_KV_Q8_0 (5)"),
        CheckEnum("norm", args.norm, JITATTN_NORM_RMS,
                  "JITATTN_NORM_NONE (0) or JITATTN_NORM_RMS (1)"),
        CheckEnum("norm_weight_type", args.norm_weight_type, JITATTN_F16, kFloats),
        CheckEnum("rope", args.rope, JITATTN_ROPE_NEIGHBOURS,
                  "JITATTN_ROPE_NONE (0), JITATTN_ROPE_HALVES (1) or JITATTN_ROPE_NEIGHBOURS "
                  "(2)")}) {
    if (!s.ok()) return s;
  }
  if (args.from_type == JITATTN_F64 && args.to_type != JITATTN_KV_OWN) {
    return InvalidArgumentError(
        StrCat("to_type ", args.to_type, ": must be JITATTN_KV_OWN (0) for rows of JITATTN_F64"));
  }
  return absl::OkStatus();
}

absl::Status CheckSizes(const AppendArgs& args) {
  const std::pair<const char*, int64_t> sizes[] = {
      {"batch", args.batch}, {"heads", args.heads}, {"rows", args.rows}, {"to_len", args.to_len}};
  for (const auto& [name, size] : sizes) {
    if (size < 0) return InvalidArgumentError(StrCat(name, " ", size, ": must be 0 or more"));
  }
  if (args.dim < 1 || args.dim > kMaxHeadDim) {
    return InvalidArgumentError(StrCat("dim ", args.dim, ": must be in 1 … ", kMaxHeadDim));
  }
  if (SizeProduct({args.batch, args.heads, args.rows, args.dim}) == kTooLarge) {
    return InvalidArgumentError(StrCat("batch ", args.batch, ", heads ", args.heads, ", rows ",
                                       args.rows, ", dim ", args.dim,
                                       ": more elements than memory can hold"));
  }
  return absl::OkStatus();
}

absl::Status CheckBlocks(const AppendArgs& args) {
  if (args.to_type == JITATTN_KV_Q8_0 && args.dim % kQ8Elements != 0) {
    return InvalidArgumentError(
        StrCat("dim ", args.dim, ": must be a multiple of ", kQ8Elements, " for JITATTN_KV_Q8_0"));
  }
  if (args.to_type != JITATTN_KV_I8) return absl::OkStatus();
  if (args.scale_block < 0 || args.scale_block % 32 != 0) {
    return InvalidArgumentError(
        StrCat("scale_block ", args.scale_block, ": must be 0 or a multiple of 32"));
  }
  return absl::OkStatus();
}

// A batch of any size is checked at once, unless an array has an entry for each sequence.
int64_t DistinctSequences(const AppendArgs& args) { return HaveSameRows(args) ? 1 : args.batch; }

absl::Status CheckLengths(const AppendArgs& args) {
  for (const absl::Status& s :
       {CheckEach("from_lens", args.from_lens, args.batch, args.rows),
        CheckOffsets("from_offsets", args.from_offsets, args.from_lens, args.batch, args.rows),
        CheckEach("to_begins", args.to_begins, args.batch, args.to_len)}) {
    if (!s.ok()) return s;
  }
  if (args.to_begins == nullptr && (args.to_begin < 0 || args.to_begin > args.to_len)) {
    return InvalidArgumentError(
        StrCat("to_begin ", args.to_begin, ": must be in 0 … ", args.to_len, ", to_len"));
  }
  for (int64_t b = 0; b < DistinctSequences(args); ++b) {
    const AppendedRows rows = RowsOf(args, b);
    if (rows.count <= args.to_len - rows.begin) continue;
    return InvalidArgumentError(StrCat("sequence ", b, ": ", rows.count, " rows from row ",
                                       rows.begin, " on exceed to_len ", args.to_len));
  }
  return absl::OkStatus();
}

absl::Status CheckNorm(const AppendArgs& args) {
  if (args.norm == JITATTN_NORM_NONE) return absl::OkStatus();
  if (!(args.norm_eps >= 0) || std::isinf(args.norm_eps)) {
    return InvalidArgumentError(
        StrCat("norm_eps ", args.norm_eps, ": must be 0 or more, and finite"));
  }
  if (!std::isfinite(args.norm_offset)) {
    return InvalidArgumentError(StrCat("norm_offset ", args.norm_offset, ": must be finite"));
  }
  if (args.norm_weight == nullptr) return absl::OkStatus();
  const int bytes = SizeOf(static_cast<DType>(args.norm_weight_type));
  Operand weight = MakeOperand("norm_weight", args.norm_weight, bytes, 1, 1, 1, args.dim, {});
  return CheckOperand(weight, bytes);
}

absl::Status CheckPositions(const AppendArgs& args) {
  const bool alike = args.positions == nullptr || args.position_stride == 0;
  const int64_t sequences = alike ? DistinctSequences(args) : args.batch;
  for (int64_t b = 0; b < sequences; ++b) {
    const AppendedRows rows = RowsOf(args, b);
    // Without positions they are consecutive.
    const int64_t step = args.positions == nullptr ? std::max<int64_t>(rows.count - 1, 1) : 1;
    for (int64_t i = 0; i < rows.count; i += step) {
      const int64_t position = PositionOf(args, rows, i);
      if (position >= 0 && position < args.rotary_len) continue;
      return InvalidArgumentError(StrCat("sequence ", b, ", row ", i, ": position ", position,
                                         " is not in the tables, whose rotary_len is ",
                                         args.rotary_len));
    }
  }
  return absl::OkStatus();
}

// A table of cosines or sines.
absl::Status CheckTable(const AppendArgs& args, const char* name, const float* table) {
  const int64_t pairs = args.rotary_dim / 2;
  const int64_t stride = args.rotary_stride == 0 ? pairs : args.rotary_stride;
  Operand operand = MakeOperand(name, table, sizeof(float), 1, args.rotary_len, pairs, 1,
                                {0, stride, args.rotary_inner == 0 ? 1 : args.rotary_inner});
  return CheckOperand(operand, sizeof(float));
}

absl::Status CheckRope(const AppendArgs& args) {
  if (args.rope == JITATTN_ROPE_NONE) return absl::OkStatus();
  if (args.rotary_dim < 0 || args.rotary_dim > args.dim || args.rotary_dim % 2 != 0) {
    return InvalidArgumentError(
        StrCat("rotary_dim ", args.rotary_dim, ": must be even and in 0 … ", args.dim, ", dim"));
  }
  if (args.rotary_begin < 0 || args.rotary_begin > args.dim - args.rotary_dim) {
    return InvalidArgumentError(StrCat("rotary_begin ", args.rotary_begin, ": must be in 0 … ",
                                       args.dim - args.rotary_dim, ", dim less rotary_dim"));
  }
  if (args.rotary_len < 0) {
    return InvalidArgumentError(StrCat("rotary_len ", args.rotary_len, ": must be 0 or more"));
  }
  if (args.positions != nullptr) {
    const bool ragged = args.from_offsets != nullptr;
    Operand positions = MakeOperand(
        "positions", args.positions, sizeof(int64_t), ragged ? 1 : args.batch, 1, 1,
        ragged ? args.from_offsets[args.batch] : args.rows, {args.position_stride, 0, 0});
    if (absl::Status s = CheckOperand(positions, sizeof(int64_t)); !s.ok()) return s;
  }
  if (absl::Status s = CheckPositions(args); !s.ok()) return s;
  if (absl::Status s = CheckTable(args, "cos_table", args.cos_table); !s.ok()) return s;
  return CheckTable(args, "sin_table", args.sin_table);
}

// The number of rows, from the first on, that a sequence of `to` needs.
int64_t RowsNeeded(const AppendArgs& args) {
  int64_t needed = 0;
  for (int64_t b = 0; b < DistinctSequences(args); ++b) {
    const AppendedRows rows = RowsOf(args, b);
    if (rows.count > 0) needed = std::max(needed, rows.begin + rows.count);
  }
  return needed;
}

// Counts the pages up to the last one that is written.
absl::Status CheckPages(const AppendArgs& args, int64_t* pages) {
  if (args.page_size < 0) {
    return InvalidArgumentError(StrCat("page_size ", args.page_size, ": must be 0 or more"));
  }
  if (args.page_size == 0) return absl::OkStatus();
  if (args.block_table_stride == 0 && args.batch > 1) {
    return InvalidArgumentError(StrCat("block_table_stride 0: batch ", args.batch,
                                       " sequences would be moved to the same pages"));
  }
  const int64_t entries = (RowsNeeded(args) - 1) / args.page_size + 1;
  Operand table = MakeOperand("block_table", args.block_table, sizeof(int32_t), args.batch, 1, 1,
                              entries, {args.block_table_stride, 0, 0});
  if (absl::Status s = CheckOperand(table, sizeof(int32_t)); !s.ok()) return s;
  for (int64_t b = 0; b < args.batch; ++b) {
    const AppendedRows rows = RowsOf(args, b);
    absl::Status status;
    ForEachPage(args, rows, [&](int64_t first, int64_t) {
      const int64_t page = TargetPlace(args, b, rows.begin + first).part;
      *pages = std::max(*pages, page + 1);
      if (page >= 0 || !status.ok()) return;
      status = InvalidArgumentError(StrCat("block_table: page ", page, " of sequence ", b, ", row ",
                                           rows.begin + first, ": must be 0 or more"));
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// ---- What is written, and what is read ---------------------------------------------------------

// Rows of `parts` sequences of an operand, from a place on. REQUIRES: they are within it, and it
// has been measured.
Operand PartOf(const Operand& whole, const RowPlace& place, int64_t parts, int64_t rows) {
  Operand part = whole;
  MemoryRegion& region = part.region;
  region.base = static_cast<const char*>(region.base) + place.part * region.stride[0] +
                place.row * region.stride[2];
  region.count[0] = parts;
  region.count[2] = rows;
  region.Measure();
  return part;
}

// Whether rows stay where they are.
bool AreSame(const MemoryRegion& a, const MemoryRegion& b) {
  bool same = a.base == b.base && a.row_bytes == b.row_bytes;
  for (int axis = 0; axis < 3; ++axis) {
    same = same && (a.count[axis] <= 1 || a.stride[axis] == b.stride[axis]);
  }
  return same;
}

struct Memory {
  Operand from = {"from", {}}, to = {"to", {}}, scales = {"scales", {}};
};

// Rows that lie at even distances: of one page or sequence, or of all sequences.
absl::Status CheckOverlap(const AppendArgs& args, const Memory& memory, const RowPlace& source,
                          const RowPlace& target, int64_t parts, int64_t rows) {
  const Operand to = PartOf(memory.to, target, parts, rows);
  if (absl::Status s = CheckOut(to, {}); !s.ok()) return s;
  const bool in_place = AreSame(to.region, PartOf(memory.from, source, parts, rows).region);
  if (!in_place && MayOverlap(to.region, memory.from.region)) {
    return InvalidArgumentError("to overlaps from, and the rows do not stay where they are");
  }
  if (args.to_type != JITATTN_KV_I8) return absl::OkStatus();
  const Operand scales = PartOf(memory.scales, target, parts, rows);
  if (args.fixed_scales != 0) return CheckOut(to, {&scales});
  return CheckOut(scales, {&to, &memory.from});
}

absl::Status CheckOverlaps(const AppendArgs& args, const Memory& memory) {
  if (IsEven(args)) {
    return CheckOverlap(args, memory, {0, 0}, {0, args.to_begin}, args.batch, args.rows);
  }
  absl::Status status;
  for (int64_t b = 0; b < args.batch && status.ok(); ++b) {
    const AppendedRows rows = RowsOf(args, b);
    ForEachPage(args, rows, [&](int64_t first, int64_t count) {
      if (!status.ok()) return;
      const RowPlace source = {rows.source.part, rows.source.row + first};
      status =
          CheckOverlap(args, memory, source, TargetPlace(args, b, rows.begin + first), 1, count);
    });
  }
  return status;
}

absl::Status CheckMemory(const AppendArgs& args, int64_t pages) {
  const bool ragged = args.from_offsets != nullptr, paged = args.page_size > 0;
  const RowUnit unit = TargetUnit(args);
  const int bytes = SizeOf(static_cast<DType>(args.from_type));
  const int64_t parts = paged ? pages : args.batch;
  const int64_t rows = paged ? std::min(args.page_size, RowsNeeded(args)) : RowsNeeded(args);
  Memory memory;
  memory.from =
      MakeOperand("from", args.from, bytes, ragged ? 1 : args.batch, args.heads,
                  ragged ? args.from_offsets[args.batch] : args.rows, args.dim, args.from_strides);
  if (absl::Status s = CheckOperand(memory.from, bytes); !s.ok()) return s;
  memory.to = MakeOperand("to", args.to, unit.bytes, parts, args.heads, rows,
                          args.dim / unit.elements, args.to_strides);
  if (absl::Status s = CheckOperand(memory.to, unit.alignment); !s.ok()) return s;
  if (args.to_type == JITATTN_KV_I8) {
    memory.scales = MakeOperand("scales", args.scales, sizeof(float), parts, args.heads, rows,
                                ScaleBlocks(args), args.scale_strides);
    if (absl::Status s = CheckOperand(memory.scales, sizeof(float)); !s.ok()) return s;
  }
  return CheckOverlaps(args, memory);
}

}  // namespace

absl::Status CheckAppend(const AppendArgs& args) {
  if (absl::Status s = CheckTypes(args); !s.ok()) return s;
  if (absl::Status s = CheckSizes(args); !s.ok()) return s;
  if (absl::Status s = CheckBlocks(args); !s.ok()) return s;
  if (absl::Status s = CheckLengths(args); !s.ok()) return s;
  if (absl::Status s = CheckNorm(args); !s.ok()) return s;
  const bool is_empty = args.batch == 0 || args.heads == 0 || args.rows == 0;
  if (is_empty || RowsNeeded(args) == 0) return absl::OkStatus();  // no row is moved
  if (absl::Status s = CheckRope(args); !s.ok()) return s;
  int64_t pages = 0;
  if (absl::Status s = CheckPages(args, &pages); !s.ok()) return s;
  return CheckMemory(args, pages);
}

}  // namespace jitattn::ops
