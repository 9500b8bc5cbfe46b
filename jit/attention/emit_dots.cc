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
using Xbyak::RegExp;

}  // namespace

int EmitDots::VecsNeeded(const RowsConfig& config, const AttentionSpec& spec) {
  const int lanes = Lanes(config.isa, spec.dtype);
  const int depth = config.pairs != 0 ? (spec.head_dim + 1) / 2 : spec.head_dim;
  const int tail = depth % lanes != 0 ? TailMask::VecsNeeded(config.isa) : 0;
  const int sums = config.qk_keys * config.tile_rows;
  // The last keys, fewer than a vector of scores, are taken one at a time.
  const int scales = config.qk_keys * KvIo::ScaleVecs(spec, spec.head_dim);
  return config.qk_keys + 1 + sums + EmitFold::VecsNeeded(lanes, config.tile_rows) + tail + scales;
}

struct EmitDots::Registers {
  Registers(const RowsContext& ctx)
      : io(ctx.a, ctx.spec, ctx.spec.head_dim, ctx.layout.pairs),
        k(ctx.a.pool().LeaseGprs("key")),
        stride(ctx.a.pool().LeaseGprs("stride of K")),
        q(ctx.a.pool().LeaseGprs("packed queries")),
        to(ctx.a.pool().LeaseGprs("scores")),
        left(ctx.a.pool().LeaseGprs("keys left")),
        count(ctx.a.pool().LeaseGprs("count")),
        ahead(ctx, io.row().bytes, ctx.config.qk_keys),
        list(ctx.a.pool().LeaseGprs("address of the key", ctx.spec.paged ? 1 : 0)),
        x(ctx.a.pool().LeaseVecs("columns of K", ctx.config.qk_keys)),
        y(ctx.a.pool().LeaseVecs("columns of Q")),
        sums(ctx.a.pool().LeaseVecs("sums", ctx.config.qk_keys * ctx.layout.rows)),
        scales(ctx.a.pool().LeaseVecs(
            "scale", ctx.config.qk_keys * KvIo::ScaleVecs(ctx.spec, ctx.spec.head_dim))) {
    if (ctx.layout.odd) {
      words = ctx.a.pool().LeaseMasks("words of the row's end");
    } else if (ctx.layout.tail() > 0) {
      tail.emplace(ctx.a);
    }
  }
  const Vec& sum(int key, int row, int rows) const { return sums[key * rows + row]; }

  KvIo io;
  const Gprs k, stride, q, to, left, count;
  EmitPrefetch ahead;
  // Pages: the key's entry in the list of addresses. Then `stride` leads to the step's second key.
  const Gprs list;
  const Vecs x, y, sums, scales;
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
  if (ctx_.spec.paged) {
    a_.mov(r.list[0], ctx_.at(&RowsFrame::k));
  } else {
    a_.mov(r.k, ctx_.at(&RowsFrame::k));
    a_.mov(r.stride, ctx_.arg(offsetof(AttentionArgs, k_stride)));
  }
  a_.mov(r.q, ctx_.at(&RowsFrame::tile));
  a_.add(r.q, static_cast<int>(ctx_.layout.queries));
  a_.lea(r.to, ctx_.in_scratch(ctx_.layout.scores));
  a_.mov(r.left, ctx_.at(&RowsFrame::keys));
  if (r.tail) r.tail->Set(ctx_.layout.tail(), r.count);
  if (ctx_.layout.odd) {
    a_.mov(r.count[0].cvt32(), ctx_.layout.tail_words(ctx_.spec.head_dim));
    a_.kmovd(r.words[0], r.count[0].cvt32());
  }
  ctx_.spec.paged ? r.ahead.StartInList(r.list[0]) : r.ahead.Start(r.k, r.stride, r.left);
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
    if (ctx_.spec.paged) EmitLoadAddresses(r, last ? 0 : key, together, !last);
    EmitColumns(r, key, together, !last);
    fold.Add(sums);
    if (!last) {
      for (int i = 0; i < together; ++i) {
        if (!ctx_.spec.paged) a_.add(r.k, r.stride);
        r.ahead.NextRow();
      }
    } else if (key + 1 < ctx_.layout.keys) {  // behind the last key: repeat it
      const Reg64& at = ctx_.spec.paged ? r.list[0] : r.k[0];
      ctx_.spec.paged ? a_.lea(r.count, a_.ptr[at + 8]) : a_.lea(r.count, a_.ptr[at + r.stride[0]]);
      a_.dec(r.left);
      a_.cmovg(at, r.count);
    }
  }
  if (ctx_.layout.pairs) {
    const int scale = static_cast<int>(offsetof(RowsFrame, scale));
    a_.vmulps(fold.Result(), fold.Result(), a_.ptr_b[ctx_.frame + scale]);
  }
  if (r.io.row().scaled_at_once()) {
    const auto distance = ctx_.layout.k_scales - ctx_.layout.scores;
    a_.Mul(fold.Result(), fold.Result(), a_.ptr[r.to[0] + distance]);
  }
  a_.StoreVec(a_.ptr[r.to[0]], fold.Result());
  a_.add(r.to, a_.vec_bytes());
  if (!ctx_.spec.paged || last) return;
  a_.add(r.list[0], ctx_.layout.keys * 8);
  r.ahead.EndStep();
}

// Pages: the addresses of keys from `key` of the vector on, and of those that are fetched ahead.
void EmitDots::EmitLoadAddresses(Registers& r, int key, int together, bool ahead) {
  a_.mov(r.k, a_.qword[r.list[0] + key * 8]);
  if (together > 1) {
    a_.mov(r.stride, a_.qword[r.list[0] + (key + 1) * 8]);
    a_.sub(r.stride, r.k);
  }
  if (ahead) r.ahead.LoadRows(together);
}

// x[key] ← a vector of the key `key` behind first_key, which counts in the vector of scores.
void EmitDots::LoadKey(Registers& r, int first_key, int key, int vec, bool partial) {
  const RowsLayout& layout = ctx_.layout;
  const RegExp row = key == 0 ? RegExp(r.k[0]) : r.k[0] + r.stride[0];
  if (partial && layout.odd) {
    a_.vmovdqu16(r.x[key] | r.words[0] | Xbyak::util::T_z, a_.ptr[row + r.io.Offset(vec)]);
    return;
  }
  const TailMask* tail = partial ? &*r.tail : nullptr;
  if (!r.io.row().scaled_in_blocks()) return r.io.Load(r.x[key], row, vec, tail);
  if (r.io.StartsBlock(vec)) {
    const int64_t of_key = layout.k_scales - layout.scores +
                           int64_t{first_key + key} * layout.rows * layout.elem_bytes;
    r.io.LoadScale(r.scales[key], row, vec, r.to[0] + (of_key + layout.ScaleAt(r.io.BlockOf(vec))));
  }
  r.io.Load(r.x[key], row, vec, tail, r.scales[key]);
}

void EmitDots::EmitColumns(Registers& r, int first_key, int together, bool ahead) {
  const int rows = ctx_.layout.rows;
  const int bytes = a_.vec_bytes(), key_bytes = r.io.vec_bytes();
  const int whole = ctx_.layout.whole_vecs(), tail = ctx_.layout.tail();
  const int unroll = ctx_.config.depth_vecs;
  // The place of a block's scale is constant in straight code only.
  const int loops = whole > unroll && !r.io.row().scaled_in_blocks() ? whole / unroll : 0;

  const auto multiply = [&](const Vec& sum, const Vec& x, const Xbyak::Operand& y) {
    ctx_.layout.pairs ? a_.vdpbf16ps(sum, x, y) : a_.Fma231(sum, x, y);
  };
  const auto column = [&](int i, bool partial) {
    for (int key = 0; key < together; ++key) LoadKey(r, first_key, key, i, partial);
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
    const int line = r.io.Offset(i) / 64;
    if (loops == 0 && (i == 0 || line != r.io.Offset(i - 1) / 64)) fetch(line, 1);
    column(i, moved + i == whole);
  }
  // A row ends a few bytes behind its last vector's line if scales lie in it.
  const int last = r.io.Offset(std::max(0, whole + (tail > 0) - 1)) / 64;
  if (loops == 0) fetch(last + 1, r.ahead.lines() - last - 1);
  if (moved > 0) {
    a_.sub(r.k, moved * key_bytes);
    a_.sub(r.q, moved * bytes);
  }
}

}  // namespace jitattn::jit
