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
    const int row_bytes = spec.value_dim * SizeOf(spec.dtype);
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
  return std::max(whole, rest);
}

struct EmitWeightedSum::Registers {
  Registers(const RowsContext& ctx)
      : io(ctx.a, ctx.spec.dtype),
        v(ctx.a.pool().LeaseGprs("V of the key")),
        stride(ctx.a.pool().LeaseGprs("stride of V")),
        p(ctx.a.pool().LeaseGprs("P of the key")),
        sums(ctx.a.pool().LeaseGprs("sums")),
        left(ctx.a.pool().LeaseGprs("keys left")),
        run_v(ctx.a.pool().LeaseGprs("V of the run")),
        run_p(ctx.a.pool().LeaseGprs("P of the run")),
        ahead(ctx, ctx.spec.value_dim * SizeOf(ctx.spec.dtype)) {}

  VectorIo io;
  const Gprs v, stride, p, sums, left, run_v, run_p;
  EmitPrefetch ahead;
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
  a_.mov(r.stride, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.mov(r.run_v, ctx_.at(&RowsFrame::v));
  a_.lea(r.run_p, ctx_.in_scratch(ctx_.layout.scores));
  a_.mov(r.left, ctx_.at(&RowsFrame::common));
  if (ctx_.has_left_end()) EmitSkipUnseen(r);
  a_.mov(ctx_.at(&RowsFrame::block_keys), r.left);

  a_.L(next_run);
  a_.mov(r.left, ctx_.at(&RowsFrame::block_keys));
  a_.test(r.left, r.left);
  a_.jz(done, a_.T_NEAR);
  r.ahead.Start(r.run_v, r.stride, r.left);
  a_.Clamp(r.left[0], blocks.run, r.v);
  a_.mov(ctx_.at(&RowsFrame::run_keys), r.left);
  a_.sub(ctx_.at(&RowsFrame::block_keys), r.left);
  a_.lea(r.sums, ctx_.in_scratch(ctx_.layout.sums));
  if (blocks.whole > 0) {
    a_.mov(ctx_.at(&RowsFrame::columns), blocks.whole);
    a_.L(next_columns);
    EmitColumns(r, ctx_.config.pv_vecs, false);
    a_.add(r.run_v, group_bytes);
    a_.add(r.sums, ctx_.config.pv_vecs * a_.vec_bytes());
    a_.dec(ctx_.at(&RowsFrame::columns));
    a_.jnz(next_columns, a_.T_NEAR);
  }
  if (blocks.rest > 0) {
    if (blocks.tail > 0) {
      r.tail.emplace(a_);
      r.tail->Set(blocks.tail, r.left);
    }
    EmitColumns(r, blocks.rest, blocks.tail > 0);
    r.tail.reset();
  }
  a_.sub(r.run_v, blocks.whole * group_bytes);
  a_.mov(r.left, r.stride);
  a_.imul(r.left, ctx_.at(&RowsFrame::run_keys));
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
  a_.imul(r.v, r.stride);
  a_.add(r.run_v, r.v);
  a_.imul(r.v, first, ctx_.layout.rows * ctx_.layout.elem_bytes);
  a_.add(r.run_p, r.v);
  a_.xor_(r.v.regs()[0].cvt32(), r.v.regs()[0].cvt32());
  a_.sub(r.left, first);
  a_.cmovl(r.left, r.v);
}

// Takes `vecs` vectors of columns for every row. Preserves `sums` and `run_p`.
void EmitWeightedSum::EmitColumns(Registers& r, int vecs, bool masked) {
  const RowsLayout& layout = ctx_.layout;
  const int rows = ctx_.config.pv_rows, unroll = ctx_.config.pv_unroll;
  const int down = layout.rows / rows;
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
    a_.WhileAtLeast(r.left, unroll, [&] { EmitKeys(r, gemm, unroll, masked, true); });
    if (unroll > 1) a_.WhileAtLeast(r.left, 1, [&] { EmitKeys(r, gemm, 1, masked, false); });
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

void EmitWeightedSum::EmitKeys(Registers& r, EmitTileGemm& gemm, int keys, bool masked,
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
  for (int key = 0; key < keys; ++key) {
    gemm.Step([&](int row) { return r.p[0] + (key * layout.rows + row) * layout.elem_bytes; },
              [&](const Vec& x, int c) {
                const auto src = a_.ptr[r.v[0] + c * r.io.vec_bytes()];
                masked&& c + 1 == gemm.vecs() ? r.io.Load(x, src, *r.tail) : r.io.Load(x, src);
              });
    a_.add(r.v, r.stride);
    for (; line < lines * (key + 1) / keys; ++line) {
      r.ahead.Line(line % r.ahead.lines());
      if ((line + 1) % r.ahead.lines() == 0) r.ahead.NextRow();
    }
  }
  a_.add(r.p, keys * layout.rows * layout.elem_bytes);
}

// for each of the keys:
//   for each row that sees it:  sums[row] += P[key][row] · V[key]
void EmitWeightedSum::EmitDiagonal(int64_t RowsFrame::*first, int64_t RowsFrame::*end) {
  SectionScope section(a_, "diagonal");
  const RowsLayout& layout = ctx_.layout;
  const int whole = ctx_.spec.value_dim / layout.lanes, rest = ctx_.spec.value_dim % layout.lanes;
  RegPool& pool = a_.pool();
  const Vecs p = pool.LeaseVecs("P"), v = pool.LeaseVecs("V"), acc = pool.LeaseVecs("sum");
  const Gprs key = pool.LeaseGprs("key"), row = pool.LeaseGprs("row");
  const Gprs row_v = pool.LeaseGprs("V of the key"), from = pool.LeaseGprs("V");
  const Gprs p_at = pool.LeaseGprs("P of the key"), sums = pool.LeaseGprs("sums");
  const Gprs count = pool.LeaseGprs("count"), temp = pool.LeaseGprs("temp");
  VectorIo io(a_, ctx_.spec.dtype);
  std::optional<TailMask> tail;
  if (rest > 0) {
    tail.emplace(a_);
    tail->Set(rest, temp);
  }
  Label next_key, done;
  a_.mov(key, ctx_.at(first));
  a_.mov(row_v, key);
  a_.imul(row_v, ctx_.arg(offsetof(AttentionArgs, v_stride)));
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
  {
    const auto column = [&](bool partial) {
      partial ? io.Load(v, a_.ptr[from[0]], *tail) : io.Load(v, a_.ptr[from[0]]);
      a_.LoadVec(acc, a_.ptr[temp[0]]);
      a_.Fma231(acc, p, v);
      a_.StoreVec(a_.ptr[temp[0]], acc);
    };
    a_.Broadcast(p, a_.ptr[p_at[0] + row[0] * layout.elem_bytes]);
    a_.mov(from, row_v);
    a_.mov(temp, sums);
    a_.Repeat(count, whole, [&] {
      column(false);
      a_.add(from, io.vec_bytes());
      a_.add(temp, layout.vec_bytes);
    });
    if (rest > 0) column(true);
  }
  a_.L(unseen);
  a_.add(sums, layout.output_bytes);
  a_.inc(row);
  a_.cmp(row, layout.rows);
  a_.jl(next_row, a_.T_NEAR);
  a_.add(row_v, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.add(p_at, layout.rows * layout.elem_bytes);
  a_.inc(key);
  a_.jmp(next_key, a_.T_NEAR);
  a_.L(done);
}

}  // namespace jitattn::jit
