// S[key][row] = Q[row] · K[key] for a block of keys.

#include "jit/attention/emit_dots.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace jitattn::jit {
namespace {

using Xbyak::Address;
using Xbyak::Label;
using Xbyak::Reg64;

}  // namespace

int EmitDots::VecsNeeded(const RowsConfig& config, const AttentionSpec& spec) {
  const int lanes = Lanes(config.isa, spec.dtype);
  const int depth = config.pairs != 0 ? (spec.head_dim + 1) / 2 : spec.head_dim;
  const int tail = depth % lanes != 0 ? TailMask::VecsNeeded(config.isa) : 0;
  const int sums = config.qk_keys * config.tile_rows;
  // The last keys, fewer than a vector of scores, are taken one at a time.
  return config.qk_keys + 1 + sums + EmitFold::VecsNeeded(lanes, config.tile_rows) + tail;
}

struct EmitDots::Registers {
  Registers(const RowsContext& ctx)
      : io(ctx.a, ctx.layout.pairs ? DType::kF32 : ctx.spec.dtype),
        k(ctx.a.pool().LeaseGprs("key")),
        stride(ctx.a.pool().LeaseGprs("stride of K")),
        q(ctx.a.pool().LeaseGprs("packed queries")),
        to(ctx.a.pool().LeaseGprs("scores")),
        left(ctx.a.pool().LeaseGprs("keys left")),
        count(ctx.a.pool().LeaseGprs("count")),
        ahead(ctx, ctx.spec.head_dim * SizeOf(ctx.spec.dtype)),
        x(ctx.a.pool().LeaseVecs("columns of K", ctx.config.qk_keys)),
        y(ctx.a.pool().LeaseVecs("columns of Q")),
        sums(ctx.a.pool().LeaseVecs("sums", ctx.config.qk_keys * ctx.layout.rows)) {
    if (ctx.layout.odd) {
      words = ctx.a.pool().LeaseMasks("words of the row's end");
    } else if (ctx.layout.tail() > 0) {
      tail.emplace(ctx.a);
    }
  }
  const Vec& sum(int key, int row, int rows) const { return sums[key * rows + row]; }

  VectorIo io;
  const Gprs k, stride, q, to, left, count;
  EmitPrefetch ahead;
  const Vecs x, y, sums;
  std::optional<TailMask> tail;
  Opmasks words;  // replaces `tail` if the row ends in half a pair
};

// for each vector of scores:           holds `keys` keys for all rows
//   for each qk_keys of these keys:
//     sums[key][row] = Σ over vectors of columns  K[key] · Q[row]
//     fold the sums across their lanes
void EmitDots::EmitBlock() {
  SectionScope section(a_, "dots");
  const int keys = ctx_.layout.keys;
  Registers r(ctx_);
  Label next, rest, done;
  a_.mov(r.k, ctx_.at(&RowsFrame::k));
  a_.mov(r.stride, ctx_.arg(offsetof(AttentionArgs, k_stride)));
  a_.mov(r.q, ctx_.at(&RowsFrame::tile));
  a_.add(r.q, static_cast<int>(ctx_.layout.queries));
  a_.lea(r.to, ctx_.in_scratch(ctx_.layout.scores));
  a_.mov(r.left, ctx_.at(&RowsFrame::keys));
  if (r.tail) r.tail->Set(ctx_.layout.tail(), r.count);
  if (ctx_.layout.odd) {
    a_.mov(r.count[0].cvt32(), ctx_.layout.tail_words(ctx_.spec.head_dim));
    a_.kmovd(r.words[0], r.count[0].cvt32());
  }
  r.ahead.Start(r.k, r.stride, r.left);
  a_.sub(r.left, keys);
  a_.jl(rest, a_.T_NEAR);
  a_.AlignCode(32);
  a_.L(next);
  r.ahead.Turn(keys, ctx_.at(&RowsFrame::v), ctx_.arg(offsetof(AttentionArgs, v_stride)));
  EmitVector(r, ctx_.config.qk_keys, /*last=*/false);
  a_.sub(r.left, keys);
  a_.jge(next, a_.T_NEAR);
  a_.L(rest);
  if (keys > 1) {
    a_.add(r.left, keys);
    a_.jz(done, a_.T_NEAR);
    EmitVector(r, 1, /*last=*/true);
    a_.L(done);
  }
}

void EmitDots::EmitVector(Registers& r, int together, bool last) {
  const int rows = ctx_.layout.rows;
  EmitFold fold(a_, together * rows);
  std::vector<Vec> sums(r.sums.regs().begin(), r.sums.regs().begin() + together * rows);
  for (int key = 0; key < ctx_.layout.keys; key += together) {
    EmitColumns(r, together, !last);
    fold.Add(sums);
    if (!last) {
      for (int i = 0; i < together; ++i) {
        a_.add(r.k, r.stride);
        r.ahead.NextRow();
      }
    } else if (key + 1 < ctx_.layout.keys) {  // behind the last key: repeat it
      a_.lea(r.count, a_.ptr[r.k[0] + r.stride[0]]);
      a_.dec(r.left);
      a_.cmovg(r.k, r.count);
    }
  }
  if (ctx_.layout.pairs) {
    const int scale = static_cast<int>(offsetof(RowsFrame, scale));
    a_.vmulps(fold.Result(), fold.Result(), a_.ptr_b[ctx_.frame + scale]);
  }
  a_.StoreVec(a_.ptr[r.to[0]], fold.Result());
  a_.add(r.to, a_.vec_bytes());
}

void EmitDots::EmitColumns(Registers& r, int together, bool ahead) {
  const int rows = ctx_.layout.rows;
  const int bytes = a_.vec_bytes(), key_bytes = r.io.vec_bytes();
  const int whole = ctx_.layout.whole_vecs(), tail = ctx_.layout.tail();
  const int unroll = ctx_.config.depth_vecs;
  const int loops = whole > unroll ? whole / unroll : 0;

  const auto multiply = [&](const Vec& sum, const Vec& x, const Xbyak::Operand& y) {
    ctx_.layout.pairs ? a_.vdpbf16ps(sum, x, y) : a_.Fma231(sum, x, y);
  };
  const auto column = [&](int i, bool partial) {
    for (int key = 0; key < together; ++key) {
      const Address src =
          key == 0 ? a_.ptr[r.k[0] + i * key_bytes] : a_.ptr[r.k[0] + r.stride[0] + i * key_bytes];
      if (partial && ctx_.layout.odd) {
        a_.vmovdqu16(r.x[key] | r.words[0] | Xbyak::util::T_z, src);
      } else {
        partial ? r.io.Load(r.x[key], src, *r.tail) : r.io.Load(r.x[key], src);
      }
    }
    for (int row = 0; row < rows; ++row) {
      const Address q = a_.ptr[r.q[0] + row * ctx_.layout.query_bytes + i * bytes];
      if (together > 1) a_.LoadVec(r.y, q);
      for (int key = 0; key < together; ++key) {
        together > 1 ? multiply(r.sum(key, row, rows), r.x[key], r.y[0])
                     : multiply(r.sum(key, row, rows), r.x[key], q);
      }
    }
  };
  const auto fetch = [&](int first_line, int lines) {
    for (int key = 0; key < together && ahead; ++key)
      for (int line = first_line; line < first_line + lines; ++line) r.ahead.Line(line, key);
  };

  for (int i = 0; i < together * rows; ++i) a_.Zero(r.sums[i]);
  // A row that needs a loop is long and the next row is far away, so all its lines are fetched
  // here.
  if (loops > 0) fetch(0, r.ahead.lines());
  a_.Repeat(r.count, loops, [&] {
    for (int i = 0; i < unroll; ++i) column(i, false);
    a_.add(r.k, unroll * key_bytes);
    a_.add(r.q, unroll * bytes);
  });
  const int moved = loops * unroll;
  for (int i = 0; moved + i < whole + (tail > 0); ++i) {
    if (loops == 0 && i * key_bytes % 64 == 0) fetch(i * key_bytes / 64, 1);
    column(i, moved + i == whole);
  }
  if (moved > 0) {
    a_.sub(r.k, moved * key_bytes);
    a_.sub(r.q, moved * bytes);
  }
}

}  // namespace jitattn::jit
