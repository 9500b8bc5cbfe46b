// Packs queries: scales them and transposes them into lanes.

#include "jit/attention/emit_pack.h"

#include <optional>

#include "jit/parts/emit_tile_gemm.h"
#include "jit/parts/emit_transpose.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

using Xbyak::Reg64;

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
  const int whole = (layout.depth - (layout.odd ? 1 : 0)) / lanes;
  const int tail = layout.depth - whole * lanes;

  VectorIo io(a, layout.pairs ? DType::kF32 : ctx.spec.dtype);
  EmitTranspose x(a, "square of queries");
  const Vecs scale = a.pool().LeaseVecs("scale");
  std::optional<TailMask> tail_mask;
  if (tail > 0) tail_mask.emplace(a);
  const Gprs rows = a.pool().LeaseGprs("rows of this vector"),
             stride = a.pool().LeaseGprs("stride");
  const Gprs left = a.pool().LeaseGprs("rows left"), to = a.pool().LeaseGprs("packed");
  const Gprs from = a.pool().LeaseGprs("queries"), dst = a.pool().LeaseGprs("store");
  const Gprs row = a.pool().LeaseGprs("row"), next = a.pool().LeaseGprs("next row");
  const Gprs blocks = a.pool().LeaseGprs("blocks");
  const Opmasks words = a.pool().LeaseMasks("words of the row's end", layout.odd ? 1 : 0);

  auto square = [&](int columns, bool end) {
    a.mov(row, from);
    for (int i = 0; i < lanes; ++i) {
      if (end && layout.odd) {
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
  if (tail > 0 && !layout.odd) tail_mask->Set(tail, blocks);
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
    a.add(from, io.vec_bytes());
    a.add(dst, lanes * layout.tile_bytes);
  });
  if (tail > 0) square(tail, true);
  AddMultiple(a, rows, stride, lanes);
  a.add(to, layout.vec_bytes);
  a.sub(left, lanes);
  a.jg(top, a.T_NEAR);
}

}  // namespace jitattn::jit
