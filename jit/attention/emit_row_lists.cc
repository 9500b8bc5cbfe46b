// The rows of a tile: their queries, visible keys and output addresses.

#include "jit/attention/emit_row_lists.h"

#include <bit>
#include <optional>
#include <utility>

#include "jit/attention/emit_band.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;

void EmitRowLists::EmitFirst() {
  const Gprs temp = a_.pool().LeaseGprs("temp"), bound = a_.pool().LeaseGprs("bound");
  for (const auto& [to, offset] : {std::pair(&RowsFrame::q, offsetof(AttentionArgs, q)),
                                   std::pair(&RowsFrame::out, offsetof(AttentionArgs, out)),
                                   std::pair(&RowsFrame::from, offsetof(AttentionArgs, part))}) {
    a_.mov(temp, ctx_.arg(offset));
    a_.mov(ctx_.at(to), temp);
  }
  if (ctx_.spec.lse) {
    a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, lse)));
    a_.mov(ctx_.at(&RowsFrame::lse), temp);
  }
  a_.mov(ctx_.at(&RowsFrame::head), 0);
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, q_rows)));
  a_.imul(temp, ctx_.arg(offsetof(AttentionArgs, group)));
  a_.mov(ctx_.at(&RowsFrame::rows_left), temp);
  a_.add(temp, ctx_.layout.rows - 1);
  a_.sar(temp, std::countr_zero(static_cast<unsigned>(ctx_.layout.rows)));
  a_.mov(ctx_.at(&RowsFrame::tiles), temp);
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  if (ctx_.has_right_end()) {
    // Clips the right end as EmitBandEnd does; EmitBandEnd would load kv_len again.
    a_.mov(bound, ctx_.arg(offsetof(AttentionArgs, right)));
    a_.cmp(bound, temp);
    a_.cmovl(temp, bound);
    a_.mov(bound, ctx_.arg(offsetof(AttentionArgs, q_rows)));
    a_.neg(bound);
    a_.cmp(temp, bound);
    a_.cmovl(temp, bound);
    if (ctx_.has_left_end()) EmitFirstStart(temp, bound);
    a_.inc(temp);
  }
  a_.mov(ctx_.at(&RowsFrame::limit), temp);
  if (ctx_.has_bias()) {
    a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, bias)));
    a_.mov(ctx_.at(&RowsFrame::bias), temp);
  }
  if (ctx_.spec.gate) {
    a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, gate)));
    a_.mov(ctx_.at(&RowsFrame::gate), temp);
  }
  if (!ctx_.has_places()) return;
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, first_query)));
  a_.mov(ctx_.at(&RowsFrame::query), temp);
}

// Sets the first row's first key. If it lies behind the row's last key, moves `last` to where no
// row sees a key.
void EmitRowLists::EmitFirstStart(const Reg64& last, const Reg64& temp) {
  const Gprs start = a_.pool().LeaseGprs("left end");
  EmitBandEnd(a_, offsetof(AttentionArgs, left), start, temp);
  a_.mov(ctx_.at(&RowsFrame::start), start);
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, q_rows)));
  a_.neg(temp);
  a_.cmp(start, last);
  a_.cmovg(last, temp);
  a_.Clamp(start[0], ctx_.arg(offsetof(AttentionArgs, kv_len)), temp);
  a_.mov(ctx_.at(&RowsFrame::first_key), start);
}

void EmitRowLists::EmitTile() {
  SectionScope section(a_, "pack queries");
  const RowsLayout& layout = ctx_.layout;
  const Gprs q = a_.pool().LeaseGprs("query"), out = a_.pool().LeaseGprs("its output");
  const Gprs left = a_.pool().LeaseGprs("rows left"), row = a_.pool().LeaseGprs("row");
  const Gprs to = a_.pool().LeaseGprs("packed"), list = a_.pool().LeaseGprs("lists");
  const Gprs count = a_.pool().LeaseGprs("count"), temp = a_.pool().LeaseGprs("temp");
  const Gprs head = a_.pool().LeaseGprs("head");
  const Vecs scale = a_.pool().LeaseVecs("scale"), x = a_.pool().LeaseVecs("columns of Q");
  std::optional<TailMask> tail;
  if (layout.tail() > 0) {
    tail.emplace(a_);
    tail->Set(layout.tail(), temp);
  }
  a_.Broadcast(scale, ctx_.at(&RowsFrame::scale));
  a_.mov(left, ctx_.at(&RowsFrame::rows_left));
  a_.mov(list, ctx_.at(&RowsFrame::tile));
  a_.lea(to, a_.ptr[list[0] + layout.queries]);
  a_.Repeat(row, layout.rows, [&] {
    Label last, same_query;
    a_.mov(head, ctx_.at(&RowsFrame::head));
    a_.mov(q, head);
    a_.imul(q, ctx_.arg(offsetof(AttentionArgs, q_head_stride)));
    a_.add(q, ctx_.at(&RowsFrame::q));
    a_.mov(out, head);
    a_.imul(out, ctx_.arg(offsetof(AttentionArgs, out_head_stride)));
    a_.add(out, ctx_.at(&RowsFrame::out));
    a_.mov(a_.qword[list[0] + layout.outs], out);
    EmitSeen(list, out, temp);
    if (ctx_.has_places()) EmitPlace(list, head, out);
    if (ctx_.spec.lse) {
      EmitAddress(list, ctx_.layout.lses, head, offsetof(AttentionArgs, lse_head_stride),
                  &RowsFrame::lse, out);
    }
    if (ctx_.has_bias()) {
      EmitAddress(list, ctx_.layout.biases, head, offsetof(AttentionArgs, bias_head_stride),
                  &RowsFrame::bias, out);
    }
    if (ctx_.spec.gate) {
      EmitAddress(list, ctx_.layout.gates, head, offsetof(AttentionArgs, gate_head_stride),
                  &RowsFrame::gate, out);
    }
    EmitPack(q, to, count, scale, x, tail ? &*tail : nullptr);
    a_.add(list, 8);

    a_.dec(left);
    a_.jle(last, a_.T_NEAR);
    a_.inc(head);
    a_.cmp(head, ctx_.arg(offsetof(AttentionArgs, group)));
    a_.jl(same_query, a_.T_NEAR);
    a_.xor_(head.regs()[0].cvt32(), head.regs()[0].cvt32());
    for (const auto& [first, offset] :
         {std::pair(&RowsFrame::q, offsetof(AttentionArgs, q_stride)),
          std::pair(&RowsFrame::out, offsetof(AttentionArgs, out_stride))}) {
      a_.mov(temp, ctx_.arg(offset));
      a_.add(ctx_.at(first), temp);
    }
    if (ctx_.has_right_end()) a_.inc(ctx_.at(&RowsFrame::limit));
    if (ctx_.has_left_end()) a_.inc(ctx_.at(&RowsFrame::start));
    if (ctx_.has_places()) a_.inc(ctx_.at(&RowsFrame::query));
    if (ctx_.spec.lse) {
      a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, lse_stride)));
      a_.add(ctx_.at(&RowsFrame::lse), temp);
    }
    if (ctx_.has_bias()) {
      a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, bias_stride)));
      a_.add(ctx_.at(&RowsFrame::bias), temp);
    }
    if (ctx_.spec.gate) {
      a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, gate_stride)));
      a_.add(ctx_.at(&RowsFrame::gate), temp);
    }
    a_.L(same_query);
    a_.mov(ctx_.at(&RowsFrame::head), head);
    a_.L(last);
  });
  a_.mov(ctx_.at(&RowsFrame::rows_left), left);
}

// Writes the row's range of keys.
void EmitRowLists::EmitSeen(const Reg64& list, const Reg64& key, const Reg64& temp) {
  a_.mov(key, ctx_.at(&RowsFrame::limit));
  a_.Clamp(key, ctx_.arg(offsetof(AttentionArgs, kv_len)), temp);
  a_.mov(a_.qword[list + ctx_.layout.kLimits], key);
  a_.mov(ctx_.at(&RowsFrame::seen), key);
  if (!ctx_.has_left_end()) return;
  a_.mov(key, ctx_.at(&RowsFrame::start));
  a_.Clamp(key, ctx_.arg(offsetof(AttentionArgs, kv_len)), temp);
  a_.mov(a_.qword[list + ctx_.layout.starts], key);
}

// Writes the row's query and head, for score parts and sinks.
void EmitRowLists::EmitPlace(const Reg64& list, const Reg64& head, const Reg64& temp) {
  a_.mov(temp, ctx_.at(&RowsFrame::query));
  a_.mov(a_.qword[list + ctx_.layout.of_query], temp);
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, first_head)));
  a_.add(temp, head);
  a_.mov(a_.qword[list + ctx_.layout.of_head], temp);
}

// Writes the address of the row's elements of an operand. `first`: those of the query's first head.
void EmitRowLists::EmitAddress(const Reg64& list, int64_t in_list, const Reg64& head,
                               size_t head_stride, int64_t RowsFrame::*first, const Reg64& temp) {
  a_.mov(temp, head);
  a_.imul(temp, ctx_.arg(head_stride));
  a_.add(temp, ctx_.at(first));
  a_.mov(a_.qword[list + in_list], temp);
}

void EmitRowLists::EmitPack(const Reg64& q, const Reg64& to, const Reg64& count, const Vec& scale,
                            const Vec& x, const TailMask* tail) {
  const RowsLayout& layout = ctx_.layout;
  VectorIo io(a_, layout.pairs ? DType::kF32 : ctx_.spec.dtype);
  a_.Repeat(count, layout.whole_vecs(), [&] {
    io.Load(x, a_.ptr[q]);
    if (!layout.pairs) a_.Mul(x, x, scale);
    a_.StoreVec(a_.ptr[to], x);
    a_.add(q, io.vec_bytes());
    a_.add(to, layout.vec_bytes);
  });
  if (tail == nullptr) return;
  if (layout.odd) {
    const Opmasks words = a_.pool().LeaseMasks("words of the row's end");
    a_.mov(count.cvt32(), layout.tail_words(ctx_.spec.head_dim));
    a_.kmovd(words[0], count.cvt32());
    a_.vmovdqu16(x | words[0] | Xbyak::util::T_z, a_.ptr[q]);
  } else {
    io.Load(x, a_.ptr[q], *tail);
  }
  if (!layout.pairs) a_.Mul(x, x, scale);
  a_.StoreVec(a_.ptr[to], x);
  a_.add(to, layout.vec_bytes);
}

}  // namespace jitattn::jit
