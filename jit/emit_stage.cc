// Keys and values of a 16-bit type, as floats in scratch.

#include "jit/emit_stage.h"

#include <optional>

#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Reg64;

// Rows as short as this are converted without a loop over their vectors.
constexpr int kStraightVecs = 8;

// to[row] = rows of `dim` elements at `from`, padded with zeros; both and `count` are clobbered.
void EmitConvert(const AttentionContext& ctx, int dim, size_t stride, const Reg64& from,
                 const Reg64& to, const Reg64& count) {
  Assembler& a = ctx.a;
  const int whole = dim / a.lanes(), tail = dim % a.lanes();
  VectorIo io(a, ctx.spec.dtype);
  const Vecs x = a.pool().LeaseVecs("converted", 2);
  const Gprs columns = a.pool().LeaseGprs("columns"), blocks = a.pool().LeaseGprs("blocks");
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a);
    mask->Set(tail, blocks);
  }
  a.WhileAtLeast(count, 1, [&] {
    int in = 0, out = 0;  // displacements of what follows the loop
    a.mov(columns, from);
    if (whole <= kStraightVecs) {
      for (int i = 0; i < whole; ++i) {
        io.Load(x[i % 2], a.ptr[columns[0] + i * io.vec_bytes()]);
        a.StoreVec(a.ptr[to + i * a.vec_bytes()], x[i % 2]);
      }
      in = whole * io.vec_bytes(), out = whole * a.vec_bytes();
    } else {
      a.Repeat(blocks, whole, [&] {
        io.Load(x[0], a.ptr[columns[0]]);
        a.StoreVec(a.ptr[to], x[0]);
        a.add(columns, io.vec_bytes());
        a.add(to, a.vec_bytes());
      });
    }
    if (tail > 0) {
      io.Load(x[0], a.ptr[columns[0] + in], *mask);
      a.StoreVec(a.ptr[to + out], x[0]);
      out += a.vec_bytes();
    }
    if (out > 0) a.add(to, out);
    a.add(from, ctx.arg(stride));
  });
}

}  // namespace

void EmitStagedAddresses(const AttentionContext& ctx, const Reg64& keys, const Reg64& values) {
  Assembler& a = ctx.a;
  a.mov(keys, ctx.arg(offsetof(AttentionArgs, scratch)));
  a.add(keys, static_cast<int>(ctx.layout.bytes));
  a.imul(values, ctx.arg(offsetof(AttentionArgs, kv_len)), ctx.layout.key_row_bytes);
  a.add(values, keys);
}

void EmitStage(const AttentionContext& ctx) {
  Assembler& a = ctx.a;
  SectionScope section(a, "stage keys and values");
  const Gprs seen = a.pool().LeaseGprs("keys seen"), count = a.pool().LeaseGprs("rows left");
  const Gprs keys = a.pool().LeaseGprs("staged keys"), values = a.pool().LeaseGprs("staged values");
  const Gprs from = a.pool().LeaseGprs("rows");
  a.mov(seen, ctx.arg(offsetof(AttentionArgs, kv_len)));
  if (ctx.causal()) {  // the last query sees most
    a.mov(count, ctx.at(&AttentionFrame::diagonal));
    a.add(count, ctx.arg(offsetof(AttentionArgs, q_rows)));
    a.cmp(count, seen);
    a.cmovl(seen, count);
  }
  EmitStagedAddresses(ctx, keys, values);
  a.mov(from, ctx.arg(offsetof(AttentionArgs, k)));
  a.mov(count, seen);
  EmitConvert(ctx, ctx.spec.head_dim, offsetof(AttentionArgs, k_stride), from, keys, count);
  a.mov(from, ctx.arg(offsetof(AttentionArgs, v)));
  a.mov(count, seen);
  EmitConvert(ctx, ctx.spec.value_dim, offsetof(AttentionArgs, v_stride), from, values, count);
}

}  // namespace jitattn::jit
