// sums[row] += Σ over keys P[key][row] · V[key] for a block of keys.

#include "jit/attention/emit_weighted_sum.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;

// Bytes of V that stay in the L1 during several passes of register blocks.
constexpr int kPassBytes = 16 << 10;

// The register blocks that cover the output.
struct Blocks {
  Blocks(const AttentionSpec& spec, const RowsConfig& config) {
    const int lanes = Lanes(config.isa, spec.dtype);
    const int vecs = (spec.value_dim + lanes - 1) / lanes;
    tail = spec.value_dim % lanes;
    whole = (spec.value_dim / lanes) / config.pv_vecs;
    rest = vecs - whole * config.pv_vecs;
    down = config.tile_rows / config.pv_rows;
    passes = (whole + (rest > 0)) * down;
    // With one pass each key is read once, so the whole block is one run.
    const int row_bytes = KvRow(spec, spec.value_dim).bytes;
    run = passes == 1
              ? config.kv_block
              : std::max<int>(config.pv_unroll,
                              std::bit_floor(static_cast<unsigned>(kPassBytes / row_bytes)));
  }
  int whole, rest, tail;  // groups of pv_vecs vectors; vectors behind them, the last with `tail`
  int down;               // blocks of pv_rows rows
  int passes;             // over V
  int run;                // keys of a run
};

}  // namespace

int EmitWeightedSum::VecsNeeded(const RowsConfig& config, const AttentionSpec& spec) {
  const Blocks blocks(spec, config);
  const int whole =
      blocks.whole > 0 ? EmitTileGemm::VecsNeeded(config.pv_rows, config.pv_vecs, false) : 0;
  const int rest = blocks.rest > 0 ? EmitTileGemm::VecsNeeded(config.pv_rows, blocks.rest, false) +
                                         (blocks.tail > 0 ? TailMask::VecsNeeded(config.isa) : 0)
                                   : 0;
  return std::max(whole, rest) + KvIo::ScaleVecs(spec, spec.value_dim);
}

struct EmitWeightedSum::Registers {
  Registers(const RowsContext& ctx)
      : io(ctx.a, ctx.spec, ctx.spec.value_dim),
        v(ctx.a.pool().LeaseGprs("V of the key")),
        stride(ctx.a.pool().LeaseGprs("stride of V")),
        p(ctx.a.pool().LeaseGprs("P of the key")),
        sums(ctx.a.pool().LeaseGprs("sums")),
        left(ctx.a.pool().LeaseGprs("keys left")),
        run_v(ctx.a.pool().LeaseGprs("V of the run")),
        run_p(ctx.a.pool().LeaseGprs("P of the run")),
        ahead(ctx, io.row().bytes),
        scale(ctx.a.pool().LeaseVecs("scale", KvIo::ScaleVecs(ctx.spec, ctx.spec.value_dim))),
        row(ctx.a.pool().LeaseGprs("address of V", ctx.spec.paged ? 1 : 0)) {}

  KvIo io;
  const Gprs v, stride, p, sums, left, run_v, run_p;
  EmitPrefetch ahead;
  const Vecs scale;
  // Pages: the address of V of the key, which `v` points to, as run_v does to that of the run. Then
  // `stride` leads to the first of the columns.
  const Gprs row;
  Xbyak::RegExp values() const { return row.size() > 0 ? row[0] + stride[0] : Xbyak::RegExp(v[0]); }
  std::optional<TailMask> tail;
};

void EmitWeightedSum::EmitReset() {
  const Gprs count = a_.pool().LeaseGprs("count"), sums = a_.pool().LeaseGprs("sums");
  const Vecs zero = a_.pool().LeaseVecs("0");
  a_.Zero(zero);
  a_.lea(sums, ctx_.in_scratch(ctx_.layout.sums));
  a_.Repeat(count, ctx_.layout.rows * ctx_.layout.output_bytes / ctx_.layout.vec_bytes, [&] {
    a_.StoreVec(a_.ptr[sums[0]], zero);
    a_.add(sums, ctx_.layout.vec_bytes);
  });
}

// for each run of keys:                 fits the L1, or is the whole block
//   for each pv_vecs vectors of columns:
//     for each pv_rows rows:
//       acc = sums
//       for each key of the run:  acc[r][c] += P[key][r] · V[key][c]
//       sums = acc
void EmitWeightedSum::EmitBlock() {
  SectionScope section(a_, "weighted sum");
  const Blocks blocks(ctx_.spec, ctx_.config);
  Registers r(ctx_);
  const int group_bytes = ctx_.config.pv_vecs * r.io.vec_bytes();
  Label next_run, next_columns, done;
  const bool paged = ctx_.spec.paged;
  const Gprs& columns = paged ? r.stride : r.run_v;
  if (!paged) a_.mov(r.stride, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.mov(r.run_v, ctx_.at(&RowsFrame::v));
  a_.lea(r.run_p, ctx_.in_scratch(ctx_.layout.scores));
  a_.mov(r.left, ctx_.at(&RowsFrame::common));
  if (ctx_.has_left_end()) EmitSkipUnseen(r);
  a_.mov(ctx_.at(&RowsFrame::block_keys), r.left);

  a_.L(next_run);
  a_.mov(r.left, ctx_.at(&RowsFrame::block_keys));
  a_.test(r.left, r.left);
  a_.jz(done, a_.T_NEAR);
  paged ? r.ahead.StartInList(r.run_v) : r.ahead.Start(r.run_v, r.stride, r.left);
  if (paged) a_.xor_(r.stride.regs()[0].cvt32(), r.stride.regs()[0].cvt32());
  a_.Clamp(r.left[0], blocks.run, r.v);
  a_.mov(ctx_.at(&RowsFrame::run_keys), r.left);
  a_.sub(ctx_.at(&RowsFrame::block_keys), r.left);
  a_.lea(r.sums, ctx_.in_scratch(ctx_.layout.sums));
  const int vecs = ctx_.config.pv_vecs;
  // The place of a block's scale is constant in straight code only.
  const bool straight = r.io.row().scaled_in_blocks();
  for (int group = 0; straight && group < blocks.whole; ++group) {
    EmitColumns(r, {.first = group * vecs, .vecs = vecs, .masked = false});
    a_.add(r.sums, vecs * a_.vec_bytes());
  }
  if (!straight && blocks.whole > 0) {
    a_.mov(ctx_.at(&RowsFrame::columns), blocks.whole);
    a_.L(next_columns);
    EmitColumns(r, {.first = 0, .vecs = vecs, .masked = false});
    a_.add(columns, group_bytes);
    a_.add(r.sums, vecs * a_.vec_bytes());
    a_.dec(ctx_.at(&RowsFrame::columns));
    a_.jnz(next_columns, a_.T_NEAR);
  }
  if (blocks.rest > 0) {
    if (blocks.tail > 0) {
      r.tail.emplace(a_);
      r.tail->Set(blocks.tail, r.left);
    }
    EmitColumns(r, {.first = straight ? blocks.whole * vecs : 0,
                    .vecs = blocks.rest,
                    .masked = blocks.tail > 0});
    r.tail.reset();
  }
  if (paged) {
    a_.imul(r.left, ctx_.at(&RowsFrame::run_keys), 8);
  } else {
    if (!straight) a_.sub(r.run_v, blocks.whole * group_bytes);
    a_.mov(r.left, r.stride);
    a_.imul(r.left, ctx_.at(&RowsFrame::run_keys));
  }
  a_.add(r.run_v, r.left);
  a_.imul(r.left, ctx_.at(&RowsFrame::run_keys), ctx_.layout.rows * ctx_.layout.elem_bytes);
  a_.add(r.run_p, r.left);
  a_.jmp(next_run, a_.T_NEAR);
  a_.L(done);
}

// Windows: moves run_v, run_p and left to the first key that all rows see, if there is one.
void EmitWeightedSum::EmitSkipUnseen(Registers& r) {
  const auto first = ctx_.at(&RowsFrame::common_first);
  a_.mov(r.v, first);
  ctx_.spec.paged ? a_.shl(r.v, 3) : a_.imul(r.v, r.stride);
  a_.add(r.run_v, r.v);
  a_.imul(r.v, first, ctx_.layout.rows * ctx_.layout.elem_bytes);
  a_.add(r.run_p, r.v);
  a_.xor_(r.v.regs()[0].cvt32(), r.v.regs()[0].cvt32());
  a_.sub(r.left, first);
  a_.cmovl(r.left, r.v);
}

// Takes the columns for every row. Preserves `sums` and `run_p`.
void EmitWeightedSum::EmitColumns(Registers& r, const Columns& columns) {
  const RowsLayout& layout = ctx_.layout;
  const int rows = ctx_.config.pv_rows, unroll = ctx_.config.pv_unroll;
  const int down = layout.rows / rows, vecs = columns.vecs;
  EmitTileGemm gemm(a_, "outputs", rows, vecs, false);
  const auto sum = [&](int row, int c) {
    return a_.ptr[r.sums[0] + row * layout.output_bytes + c * layout.vec_bytes];
  };
  const auto block = [&] {
    a_.mov(r.v, r.run_v);
    a_.mov(r.p, r.run_p);
    a_.mov(r.left, ctx_.at(&RowsFrame::run_keys));
    for (int row = 0; row < rows; ++row)
      for (int c = 0; c < vecs; ++c) a_.LoadVec(gemm.acc(row, c), sum(row, c));
    a_.WhileAtLeast(r.left, unroll, [&] { EmitKeys(r, gemm, unroll, columns, true); });
    if (unroll > 1) a_.WhileAtLeast(r.left, 1, [&] { EmitKeys(r, gemm, 1, columns, false); });
    for (int row = 0; row < rows; ++row)
      for (int c = 0; c < vecs; ++c) a_.StoreVec(sum(row, c), gemm.acc(row, c));
  };
  if (down == 1) return block();
  Label next;
  a_.mov(ctx_.at(&RowsFrame::row_blocks), down);
  a_.L(next);
  block();
  a_.add(r.run_p, rows * layout.elem_bytes);
  a_.add(r.sums, rows * layout.output_bytes);
  a_.dec(ctx_.at(&RowsFrame::row_blocks));
  a_.jnz(next, a_.T_NEAR);
  a_.sub(r.run_p, layout.rows * layout.elem_bytes);
  a_.sub(r.sums, layout.rows * layout.output_bytes);
}

// x ← vector c of the columns, of the key `key` behind P's.
void EmitWeightedSum::LoadValue(Registers& r, const Vec& x, int key, int c,
                                const Columns& columns) {
  const RowsLayout& layout = ctx_.layout;
  const int vec = columns.first + c;
  const TailMask* tail = columns.masked && c + 1 == columns.vecs ? &*r.tail : nullptr;
  if (!r.io.row().scaled_in_blocks()) return r.io.Load(x, r.values(), vec, tail);
  if (c == 0 || r.io.StartsBlock(vec)) {
    const int64_t of_key = layout.v_scales - layout.scores + key * layout.rows * layout.elem_bytes;
    r.io.LoadScale(r.scale, r.values(), vec, r.p[0] + (of_key + layout.ScaleAt(r.io.BlockOf(vec))));
  }
  r.io.Load(x, r.values(), vec, tail, r.scale);
}

void EmitWeightedSum::EmitKeys(Registers& r, EmitTileGemm& gemm, int keys, const Columns& columns,
                               bool ahead) {
  const RowsLayout& layout = ctx_.layout;
  const Blocks blocks(ctx_.spec, ctx_.config);
  // All passes together fetch as many rows ahead as they read.
  const int fetched = ahead ? std::max(1, keys / blocks.passes) : 0;
  if (fetched > 0) {
    r.ahead.Turn(fetched, ctx_.at(&RowsFrame::next_k), ctx_.arg(offsetof(AttentionArgs, k_stride)));
  }
  int line = 0;
  const int lines = fetched * r.ahead.lines();
  const bool paged = ctx_.spec.paged;
  for (int key = 0; key < keys; ++key) {
    if (paged) a_.mov(r.row[0], a_.qword[r.v[0] + key * 8]);
    gemm.Step([&](int row) { return r.p[0] + (key * layout.rows + row) * layout.elem_bytes; },
              [&](const Vec& x, int c) { LoadValue(r, x, key, c, columns); });
    if (!paged) a_.add(r.v, r.stride);
    for (; line < lines * (key + 1) / keys; ++line) {
      if (paged && line % r.ahead.lines() == 0) r.ahead.LoadRows(1);
      r.ahead.Line(line % r.ahead.lines());
      if ((line + 1) % r.ahead.lines() == 0) r.ahead.NextRow();
    }
  }
  a_.add(r.p, keys * layout.rows * layout.elem_bytes);
  if (!paged) return;
  a_.add(r.v, keys * 8);
  r.ahead.EndStep();
}

// to += p · the key's values. Clobbers v, acc, from, to and count.
void EmitWeightedSum::EmitAddRow(const AddedRow& r, const TailMask* tail) {
  const RowsLayout& layout = ctx_.layout;
  const int whole = ctx_.spec.value_dim / layout.lanes;
  KvIo io(a_, ctx_.spec, ctx_.spec.value_dim);
  const auto add = [&] {
    a_.LoadVec(r.acc, a_.ptr[r.to]);
    a_.Fma231(r.acc, r.p, r.v);
    a_.StoreVec(a_.ptr[r.to], r.acc);
  };
  if (!io.row().scaled_in_blocks()) {
    a_.Repeat(r.count, whole, [&] {
      io.Load(r.v, r.from, 0);
      add();
      a_.add(r.from, io.vec_bytes());
      a_.add(r.to, layout.vec_bytes);
    });
    if (tail == nullptr) return;
    io.Load(r.v, r.from, 0, tail);
    return add();
  }
  const Vecs scale = a_.pool().LeaseVecs("scale");
  const int64_t scales = layout.v_scales - layout.scores;
  for (int vec = 0; vec < whole + (tail != nullptr); ++vec) {
    if (io.StartsBlock(vec))
      io.LoadScale(scale, r.from, vec, r.p_at + (scales + layout.ScaleAt(io.BlockOf(vec))));
    io.Load(r.v, r.from, vec, vec == whole ? tail : nullptr, scale);
    add();
    a_.add(r.to, layout.vec_bytes);
  }
}

// for each of the keys:
//   for each row that sees it:  sums[row] += P[key][row] · V[key]
void EmitWeightedSum::EmitDiagonal(int64_t RowsFrame::*first, int64_t RowsFrame::*end) {
  SectionScope section(a_, "diagonal");
  const RowsLayout& layout = ctx_.layout;
  const int rest = ctx_.spec.value_dim % layout.lanes;
  RegPool& pool = a_.pool();
  const Vecs p = pool.LeaseVecs("P"), v = pool.LeaseVecs("V"), acc = pool.LeaseVecs("sum");
  const Gprs key = pool.LeaseGprs("key"), row = pool.LeaseGprs("row");
  const Gprs row_v = pool.LeaseGprs("V of the key"), from = pool.LeaseGprs("V");
  const Gprs p_at = pool.LeaseGprs("P of the key"), sums = pool.LeaseGprs("sums");
  const Gprs count = pool.LeaseGprs("count"), temp = pool.LeaseGprs("temp");
  std::optional<TailMask> tail;
  if (rest > 0) {
    tail.emplace(a_);
    tail->Set(rest, temp);
  }
  Label next_key, done;
  a_.mov(key, ctx_.at(first));
  const bool paged = ctx_.spec.paged;  // row_v is the list of the addresses of V
  a_.mov(row_v, key);
  paged ? a_.shl(row_v, 3) : a_.imul(row_v, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.add(row_v, ctx_.at(&RowsFrame::v));
  a_.imul(p_at, key, layout.rows * layout.elem_bytes);
  a_.lea(p_at, a_.ptr[p_at[0] + ctx_.scratch + layout.scores]);
  a_.L(next_key);
  a_.cmp(key, ctx_.at(end));
  a_.jge(done, a_.T_NEAR);
  a_.lea(sums, ctx_.in_scratch(layout.sums));
  a_.xor_(row.regs()[0].cvt32(), row.regs()[0].cvt32());
  Label next_row, unseen;
  a_.L(next_row);
  a_.mov(temp, ctx_.at(&RowsFrame::first_key));
  a_.add(temp, key);
  a_.mov(count, ctx_.at(&RowsFrame::tile));
  a_.cmp(temp, a_.qword[count[0] + row[0] * 8 + layout.kLimits]);
  a_.jge(unseen, a_.T_NEAR);
  if (ctx_.has_left_end()) {
    a_.cmp(temp, a_.qword[count[0] + row[0] * 8 + layout.starts]);
    a_.jl(unseen, a_.T_NEAR);
  }
  a_.Broadcast(p, a_.ptr[p_at[0] + row[0] * layout.elem_bytes]);
  paged ? a_.mov(from, a_.qword[row_v[0]]) : a_.mov(from, row_v);
  a_.mov(temp, sums);
  EmitAddRow({.p = p, .v = v, .acc = acc, .from = from, .to = temp, .p_at = p_at, .count = count},
             tail ? &*tail : nullptr);
  a_.L(unseen);
  a_.add(sums, layout.output_bytes);
  a_.inc(row);
  a_.cmp(row, layout.rows);
  a_.jl(next_row, a_.T_NEAR);
  paged ? a_.add(row_v, 8) : a_.add(row_v, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.add(p_at, layout.rows * layout.elem_bytes);
  a_.inc(key);
  a_.jmp(next_key, a_.T_NEAR);
  a_.L(done);
}

}  // namespace jitattn::jit
