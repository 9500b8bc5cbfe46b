// The scales of a block's keys and values, in the order of the scores.

#include "jit/attention/emit_row_scales.h"

#include "jit/attention/emit_pages.h"

namespace jitattn::jit {

using Xbyak::Reg64;

namespace {

// Stores the first `count` elements of x, a power of two.
void StoreFirst(Assembler& a, const Xbyak::Address& to, const Vec& x, int count) {
  const Xbyak::Xmm low(x.getIdx());
  if (count == 1) return a.vmovss(to, low);
  if (count == 2) return a.vmovlps(to, low);
  if (count == 4) return a.vmovups(to, low);
  if (count < a.lanes()) return a.vmovups(to, Xbyak::Ymm(x.getIdx()));
  a.StoreVec(to, x);
}

}  // namespace

// for each key of the block:   both records, at a constant distance from each other
void EmitRowScales::EmitBlock() {
  const KvRow key(ctx_.spec, ctx_.spec.head_dim), value(ctx_.spec, ctx_.spec.value_dim);
  if (!key.has_scale_array()) return;
  SectionScope section(a_, "scales");
  if (ctx_.spec.paged) return EmitPages();
  const RowsLayout& layout = ctx_.layout;
  const Gprs of_key = a_.pool().LeaseGprs("scales of the key"),
             of_value = a_.pool().LeaseGprs("scales of its values");
  const Gprs left = a_.pool().LeaseGprs("keys left"), to = a_.pool().LeaseGprs("copies");
  const Gprs temp = a_.pool().LeaseGprs("scale");
  const Vecs scale = a_.pool().LeaseVecs("scale", 2);
  const auto start = [&](const Reg64& from, size_t array, size_t stride) {
    a_.mov(from, ctx_.at(&RowsFrame::first_key));
    a_.imul(from, ctx_.arg(stride));
    a_.add(from, ctx_.arg(array));
  };
  start(of_key, offsetof(AttentionArgs, k_scales), offsetof(AttentionArgs, k_scale_stride));
  start(of_value, offsetof(AttentionArgs, v_scales), offsetof(AttentionArgs, v_scale_stride));
  a_.lea(to, ctx_.in_scratch(layout.k_scales));
  a_.mov(left, ctx_.at(&RowsFrame::block));
  for (int i = 0; i < 2; ++i) a_.Zero(scale[i]);
  const Xbyak::RegExp to_key = to[0], to_value = to[0] + (layout.v_scales - layout.k_scales);
  a_.WhileAtLeast(left, 1, [&] {
    EmitRecord(key, of_key, to_key, temp, scale[0]);
    EmitRecord(value, of_value, to_value, temp, scale[1]);
    a_.add(of_key, ctx_.arg(offsetof(AttentionArgs, k_scale_stride)));
    a_.add(of_value, ctx_.arg(offsetof(AttentionArgs, v_scale_stride)));
    a_.add(to, layout.rows * layout.elem_bytes);
  });
  // The vector of scores behind the last key is multiplied as a whole.
  if (key.scaled_at_once()) a_.StoreVec(a_.ptr[to_key], scale[0]);
  if (value.scaled_at_once()) a_.StoreVec(a_.ptr[to_value], scale[1]);
}

// for keys, and for values:
//   for each part of the block, in one page:   fetch its scales
// for keys, and for values:
//   for each part of the block:                the records of its keys
// Pages lie anywhere: the lines of all of them are fetched at once, before the first one is waited
// for.
void EmitRowScales::EmitPages() {
  const RowsLayout& layout = ctx_.layout;
  const Gprs entry = a_.pool().LeaseGprs("entry of the table");
  const Gprs row = a_.pool().LeaseGprs("row in its page"), left = a_.pool().LeaseGprs("keys left");
  const Gprs to = a_.pool().LeaseGprs("copies"), temp = a_.pool().LeaseGprs("scale");
  const Vecs scale = a_.pool().LeaseVecs("scale");
  const auto for_parts = [&](const PagedRows& scales, auto body) {
    a_.mov(row, ctx_.at(&RowsFrame::first_key));
    EmitFindPage(a_, row, entry);
    a_.mov(left, ctx_.at(&RowsFrame::block));
    EmitParts(a_, scales, ctx_.arg(scales.base), entry, row, left, body);
  };
  for (const PagedRows& scales : {kPagedKeyScales, kPagedValueScales}) {
    for_parts(scales, [&](const Reg64& from, const Reg64& count) {
      Xbyak::Label next;
      a_.imul(count, ctx_.arg(scales.stride));
      a_.add(count, from);
      a_.L(next);
      a_.prefetcht0(a_.ptr[from]);
      a_.add(from, 64);
      a_.cmp(from, count);
      a_.jl(next, a_.T_NEAR);
    });
  }
  const auto copy = [&](const KvRow& of, const PagedRows& scales, int64_t plane) {
    a_.Zero(scale);
    a_.lea(to, ctx_.in_scratch(plane));
    for_parts(scales, [&](const Reg64& from, const Reg64& count) {
      a_.WhileAtLeast(count, 1, [&] {
        EmitRecord(of, from, Xbyak::RegExp(to[0]), temp, scale);
        a_.add(from, ctx_.arg(scales.stride));
        a_.add(to, layout.rows * layout.elem_bytes);
      });
    });
    // The vector of scores behind the last key is multiplied as a whole.
    if (of.scaled_at_once()) a_.StoreVec(a_.ptr[to[0]], scale);
  };
  copy(KvRow(ctx_.spec, ctx_.spec.head_dim), kPagedKeyScales, layout.k_scales);
  copy(KvRow(ctx_.spec, ctx_.spec.value_dim), kPagedValueScales, layout.v_scales);
}

// to ← the scales of the row, in the order of RowsLayout.
void EmitRowScales::EmitRecord(const KvRow& row, const Reg64& from, const Xbyak::RegExp& to,
                               const Reg64& temp, const Vec& all) {
  const RowsLayout& layout = ctx_.layout;
  if (row.scaled_at_once()) {
    a_.Broadcast(all, a_.ptr[from]);
    return StoreFirst(a_, a_.ptr[to], all, layout.rows);
  }
  const int together = ctx_.config.pv_rows * layout.elem_bytes;
  for (int block = 0; block < row.scales; ++block) {
    a_.mov(temp.cvt32(), a_.dword[from + block * layout.elem_bytes]);
    for (int copy = 0; copy < layout.rows / ctx_.config.pv_rows; ++copy)
      a_.mov(a_.dword[to + (layout.ScaleAt(block) + copy * together)], temp.cvt32());
  }
}

void EmitRowScales::EmitToWeights() {
  const RowsLayout& layout = ctx_.layout;
  const KvRow value(ctx_.spec, ctx_.spec.value_dim);
  if (!value.has_scale_array() || !value.scaled_at_once()) return;
  SectionScope section(a_, "scale weights");
  const Gprs weights = a_.pool().LeaseGprs("weights"), left = a_.pool().LeaseGprs("keys left");
  const Vecs x = a_.pool().LeaseVecs("weights");
  a_.lea(weights, ctx_.in_scratch(layout.scores));
  a_.mov(left, ctx_.at(&RowsFrame::keys));
  a_.add(left, layout.keys - 1);
  a_.WhileAtLeast(left, layout.keys, [&] {
    a_.LoadVec(x, a_.ptr[weights[0]]);
    a_.Mul(x, x, a_.ptr[weights[0] + (layout.v_scales - layout.scores)]);
    a_.StoreVec(a_.ptr[weights[0]], x);
    a_.add(weights, layout.vec_bytes);
  });
}

}  // namespace jitattn::jit
