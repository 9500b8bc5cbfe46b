// Packs queries: scales them and transposes them into lanes.

#include "jit/attention/emit_pack.h"

#include <algorithm>
#include <optional>
#include <span>

#include "jit/parts/emit_tile_gemm.h"
#include "jit/parts/emit_transpose.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

using Xbyak::Opmask;
using Xbyak::Reg64;

namespace {

// x ← `columns` floats at `row`, at most two vectors of them, rounded: pairs of bf16. The columns
// behind them are 0.
void EmitRoundedColumns(Assembler& a, const Vec& x, const Vec& high, const Reg64& row,
                        std::span<const Xbyak::Opmask> ends) {
  const auto load = [&](const Vec& to, int vec) {
    const auto src = a.ptr[row + vec * a.vec_bytes()];
    ends.empty() ? a.vmovups(to, src) : a.vmovups(to | ends[vec] | Xbyak::util::T_z, src);
  };
  load(high, 1);
  load(x, 0);
  a.vcvtne2ps2bf16(x, high, x);
}

}  // namespace

// Pairs are copied unscaled (scale is 1 here); their scores are scaled instead.
//
// for each vector of rows:            `left` rows, at most `lanes`
//   for each `lanes` columns d:
//     x[i] = scale · Q[min(i, left − 1)][d …]
//     transpose x
//     Qt[d + i] = x[i]
void EmitPackQueries(const TilesContext& ctx, const Reg64& state) {
  Assembler& a = ctx.a;
  SectionScope section(a, "pack queries");
  const TilesLayout& layout = ctx.layout;
  const int lanes = layout.lanes;
  const int in_square = layout.pairs ? 2 * lanes : lanes;  // columns
  const int whole = ctx.spec.head_dim / in_square;
  const int tail = layout.depth - whole * lanes;

  VectorIo io(a, layout.pairs ? DType::kF32 : ctx.spec.dtype);
  EmitTranspose x(a, "square of queries");
  const Vecs scale = a.pool().LeaseVecs("scale");
  std::optional<TailMask> tail_mask;
  if (tail > 0 && !layout.rounds) tail_mask.emplace(a);
  const Gprs rows = a.pool().LeaseGprs("rows of this vector"),
             stride = a.pool().LeaseGprs("stride");
  const Gprs left = a.pool().LeaseGprs("rows left"), to = a.pool().LeaseGprs("packed");
  const Gprs from = a.pool().LeaseGprs("queries"), dst = a.pool().LeaseGprs("store");
  const Gprs row = a.pool().LeaseGprs("row"), next = a.pool().LeaseGprs("next row");
  const Gprs blocks = a.pool().LeaseGprs("blocks");
  const Opmasks words = a.pool().LeaseMasks("words of the row's end", layout.odd ? 1 : 0);
  const Opmasks ends = a.pool().LeaseMasks("both vectors of the row's end", layout.rounds ? 2 : 0);
  const Vecs high = a.pool().LeaseVecs("upper columns", layout.rounds ? 1 : 0);

  auto square = [&](int columns, bool end) {
    a.mov(row, from);
    for (int i = 0; i < lanes; ++i) {
      if (layout.rounds) {
        EmitRoundedColumns(a, x[i], high[0], row, end ? ends.regs() : std::span<const Opmask>());
      } else if (end && layout.odd) {
        a.vmovdqu16(x[i] | words[0] | Xbyak::util::T_z, a.ptr[row[0]]);
      } else if (!end && !layout.converts) {
        a.Mul(x[i], scale, a.ptr[row[0]]);
      } else {
        end ? io.Load(x[i], a.ptr[row[0]], *tail_mask) : io.Load(x[i], a.ptr[row[0]]);
        if (!layout.pairs) a.Mul(x[i], scale, x[i]);
      }
      if (i + 1 == lanes) break;
      a.lea(next, a.ptr[row[0] + stride[0]]);
      a.cmp(left, i + 2);
      a.cmovge(row, next);
    }
    x.Emit();
    for (int i = 0; i < columns; ++i) a.StoreVec(a.ptr[dst[0] + i * layout.tile_bytes], x[i]);
  };

  a.Broadcast(scale, ctx.at(&TilesFrame::scale));
  if (tail_mask && !layout.odd) tail_mask->Set(tail, blocks);
  for (int vec = 0; layout.rounds && vec < 2; ++vec) {
    const int columns = std::clamp(ctx.spec.head_dim - whole * in_square - vec * lanes, 0, lanes);
    a.mov(blocks[0].cvt32(), (1u << columns) - 1);
    a.kmovw(ends[vec], blocks[0].cvt32());
  }
  if (layout.odd) {
    a.mov(blocks[0].cvt32(), (1u << (ctx.spec.head_dim - whole * lanes * 2)) - 1);
    a.kmovd(words[0], blocks[0].cvt32());
  }
  a.mov(stride, ctx.arg(offsetof(AttentionArgs, q_stride)));
  a.mov(rows, ctx.at(&TilesFrame::q));
  a.mov(left, ctx.at(&TilesFrame::rows));
  a.lea(to, a.ptr[state + layout.queries]);
  Xbyak::Label top;
  a.L(top);
  a.mov(from, rows);
  a.mov(dst, to);
  a.Repeat(blocks, whole, [&] {
    square(lanes, false);
    a.add(from, layout.rounds ? 2 * a.vec_bytes() : io.vec_bytes());
    a.add(dst, lanes * layout.tile_bytes);
  });
  if (tail > 0) square(tail, true);
  AddMultiple(a, rows, stride, lanes);
  a.add(to, layout.vec_bytes);
  a.sub(left, lanes);
  a.jg(top, a.T_NEAR);
}

}  // namespace jitattn::jit
