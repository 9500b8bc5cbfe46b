// Stages keys and values: copies them into scratch as contiguous rows, 16-bit types as floats.

#include "jit/attention/emit_stage.h"

#include <optional>

#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Reg64;

// Rows up to this length are copied without a loop over their vectors.
constexpr int kStraightVecs = 8;

// to[row] = the rows of `dim` elements at `from`, padded with zeros. Clobbers `from`, `to`,
// `count`.
void EmitCopy(const TilesContext& ctx, int dim, size_t stride, const Reg64& from, const Reg64& to,
              const Reg64& count) {
  Assembler& a = ctx.a;
  const int whole = dim / a.lanes(), tail = dim % a.lanes();
  VectorIo io(a, ctx.spec.dtype);
  const Vecs x = a.pool().LeaseVecs("copied", 2);
  const Gprs columns = a.pool().LeaseGprs("columns"), blocks = a.pool().LeaseGprs("blocks");
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a);
    mask->Set(tail, blocks);
  }
  a.WhileAtLeast(count, 1, [&] {
    int in = 0, out = 0;  // displacements behind the loop's vectors
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

// to[pair] = pairs of the elements of rows 2·pair and 2·pair + 1. The partners of an odd last row
// are zeros. `second`: takes one row, whose partners before it are zeros.
void EmitInterleave(const TilesContext& ctx, const Reg64& from, const Reg64& to, const Reg64& count,
                    bool second = false) {
  Assembler& a = ctx.a;
  const int vecs = (ctx.spec.value_dim + a.lanes() - 1) / a.lanes();
  const int tail = ctx.spec.value_dim % a.lanes();
  const Vecs low = a.pool().LeaseVecs("first of each pair"), high = a.pool().LeaseVecs("second");
  const Gprs next = a.pool().LeaseGprs("next row"), temp = a.pool().LeaseGprs("temp");
  const Opmasks end = a.pool().LeaseMasks("row end");
  a.mov(temp[0].cvt32(), tail == 0 ? 0xFFFF : (1 << tail) - 1);
  a.kmovw(end[0], temp[0].cvt32());
  const auto row = [&](bool odd) {
    for (int i = 0; i < vecs; ++i) {
      const auto load = [&](const Vec& x, const Reg64& base) {
        const auto src = a.ptr[base + i * a.vec_bytes() / 2];
        i + 1 == vecs ? a.vpmovzxwd(x | end[0] | Xbyak::util::T_z, src) : a.vpmovzxwd(x, src);
      };
      load(low, from);
      if (second) a.vpslld(low, low, 16);
      if (!odd) {
        load(high, next);
        a.vpslld(high, high, 16);
        a.vpord(low, low, high);
      }
      a.StoreVec(a.ptr[to + i * a.vec_bytes()], low);
    }
  };
  if (second) return row(true);
  Xbyak::Label done;
  const auto stride = ctx.arg(offsetof(AttentionArgs, v_stride));
  a.WhileAtLeast(count, 2, [&] {
    a.mov(next, from);
    a.add(next, stride);
    row(false);
    a.mov(from, next);
    a.add(from, stride);
    a.add(to, ctx.layout.value_row_bytes);
  });
  a.test(count, count);
  a.jle(done, a.T_NEAR);
  row(true);
  a.L(done);
}

// Bias: first, seen ← the next run of keys, from scan_key on, that some query sees. Jumps to `done`
// if there is none. Clobbers all other registers.
//
// Pairs: a run that begins with the second key of a pair has a hidden first key. It becomes 0.
void EmitNextRun(const TilesContext& ctx, EmitBias& bias, const Reg64& first, const Reg64& seen,
                 const Reg64& from, const Reg64& to, const Xbyak::Label& done) {
  Assembler& a = ctx.a;
  const TilesLayout& layout = ctx.layout;
  bias.EmitFind();
  a.mov(first, ctx.at(&TilesFrame::scan_key));
  a.cmp(first, ctx.at(&TilesFrame::kv_end));
  a.jge(done, a.T_NEAR);
  a.mov(seen, ctx.at(&TilesFrame::scan_bits));
  a.not_(seen);
  a.tzcnt(seen, seen);
  a.lea(from, a.ptr[first + seen]);
  if (layout.pairs) {  // a scan always begins with the first key of a pair
    a.inc(from);
    a.and_(from, -2);
  }
  a.mov(ctx.at(&TilesFrame::scan_key), from);
  if (!layout.pairs) return;
  Xbyak::Label even;
  a.test(first, 1);
  a.jz(even, a.T_NEAR);
  EmitStagedAddresses(ctx, from, to);
  a.imul(from, first, layout.value_row_bytes / 2);
  a.lea(to, a.ptr[to + from - layout.value_row_bytes / 2]);
  a.mov(from, first);
  a.imul(from, ctx.arg(offsetof(AttentionArgs, v_stride)));
  a.add(from, ctx.arg(offsetof(AttentionArgs, v)));
  EmitInterleave(ctx, from, to, from, /*second=*/true);
  a.inc(first);
  a.dec(seen);
  a.L(even);
}

}  // namespace

void EmitStagedAddresses(const TilesContext& ctx, const Reg64& keys, const Reg64& values) {
  Assembler& a = ctx.a;
  a.mov(keys, ctx.arg(offsetof(AttentionArgs, scratch)));
  // Pairs: an odd number of keys ends half a row behind kv_len · staged_bytes.
  const int odd = ctx.layout.pairs ? ctx.layout.value_row_bytes : 0;
  a.add(keys, static_cast<int>(ctx.layout.bytes) - odd);
  a.imul(values, ctx.arg(offsetof(AttentionArgs, kv_len)), ctx.layout.key_row_bytes);
  a.add(values, keys);
  if (ctx.layout.pairs) a.mov(keys, ctx.arg(offsetof(AttentionArgs, k)));
}

void EmitStage(const TilesContext& ctx, EmitBias& bias) {
  Assembler& a = ctx.a;
  SectionScope section(a, "stage keys and values");
  const Gprs seen = a.pool().LeaseGprs("keys seen"), count = a.pool().LeaseGprs("rows left");
  const Gprs keys = a.pool().LeaseGprs("staged keys"), values = a.pool().LeaseGprs("staged values");
  const Gprs from = a.pool().LeaseGprs("rows");
  a.mov(seen, ctx.arg(offsetof(AttentionArgs, kv_len)));
  if (ctx.has_right_end()) {  // the last query sees the most keys
    a.mov(count, ctx.at(&TilesFrame::diagonal));
    a.add(count, ctx.arg(offsetof(AttentionArgs, q_rows)));
    a.cmp(count, seen);
    a.cmovl(seen, count);
  }
  const bool from_zero = !ctx.has_left_end() && !ctx.has_bias();
  const Gprs first = a.pool().LeaseGprs("first key seen", from_zero ? 0 : 1);
  if (ctx.has_left_end()) {  // the first query's left end
    a.mov(first[0], ctx.at(&TilesFrame::left));
    a.Clamp(first[0], ctx.arg(offsetof(AttentionArgs, kv_len)), count);
    if (ctx.layout.pairs) a.and_(first[0], -2);
    if (!ctx.has_bias()) a.sub(seen, first[0]);
  }
  Xbyak::Label next_run, done;
  if (ctx.has_bias()) {
    if (!ctx.has_left_end()) a.mov(first[0], 0);
    a.mov(ctx.at(&TilesFrame::scan_key), first[0]);
    a.mov(ctx.at(&TilesFrame::kv_end), seen);
    a.L(next_run);
    EmitNextRun(ctx, bias, first[0], seen, from, values, done);
  }
  EmitStagedAddresses(ctx, keys, values);
  // from, to ← the addresses of the first visible row and of its copy.
  const auto start = [&](size_t rows, size_t stride, const Reg64& to, int row_bytes) {
    a.mov(from, ctx.arg(rows));
    if (from_zero) return;
    a.imul(count, first[0], row_bytes);
    a.add(to, count);
    a.mov(count, first[0]);
    a.imul(count, ctx.arg(stride));
    a.add(from, count);
  };
  const TilesLayout& layout = ctx.layout;
  if (layout.pairs) {
    start(offsetof(AttentionArgs, v), offsetof(AttentionArgs, v_stride), values,
          layout.value_row_bytes / 2);
    EmitInterleave(ctx, from, values, seen);
  } else {
    start(offsetof(AttentionArgs, k), offsetof(AttentionArgs, k_stride), keys,
          layout.key_row_bytes);
    a.mov(count, seen);
    EmitCopy(ctx, ctx.spec.head_dim, offsetof(AttentionArgs, k_stride), from, keys, count);
    start(offsetof(AttentionArgs, v), offsetof(AttentionArgs, v_stride), values,
          layout.value_row_bytes);
    a.mov(count, seen);
    EmitCopy(ctx, ctx.spec.value_dim, offsetof(AttentionArgs, v_stride), from, values, count);
  }
  if (!ctx.has_bias()) return;
  a.jmp(next_run, a.T_NEAR);
  a.L(done);
}

}  // namespace jitattn::jit
