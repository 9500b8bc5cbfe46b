// The "rows" attention kernel: its loop nest.

#include "jit/attention/rows_kernel.h"

#include <optional>

#include "jit/attention/emit_addresses.h"
#include "jit/attention/emit_dots.h"
#include "jit/attention/emit_gate.h"
#include "jit/attention/emit_row_bias.h"
#include "jit/attention/emit_row_lists.h"
#include "jit/attention/emit_row_scales.h"
#include "jit/attention/emit_row_softmax.h"
#include "jit/attention/emit_scale.h"
#include "jit/attention/emit_weighted_sum.h"
#include "jit/attention/rows_layout.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;
using Frame = RowsFrame;

class RowsEmitter {
 public:
  RowsEmitter(Assembler& a, const AttentionSpec& spec, const RowsConfig& config)
      : a_(a),
        frame_(a.pool().LeaseGprs("frame")),
        scratch_(a.pool().LeaseGprs("scratch")),
        part_(a.pool().LeaseGprs("m, l and O of the tile")),
        ctx_{a, spec, config, RowsLayout(spec, config), frame_[0], scratch_[0]},
        parts_(a, spec, frame_[0] + ctx_.score_slots()),
        lists_(ctx_),
        bias_(ctx_),
        scales_(ctx_),
        addresses_(ctx_),
        dots_(ctx_),
        softmax_(ctx_, part_),
        values_(ctx_) {}

  void Emit();

 private:
  void EmitFirstTile();
  void EmitReset();
  void EmitFirstBlock();
  void EmitNextBlock();
  void EmitNextPagedBlock();
  void EmitStep();
  void EmitTile();
  void EmitValues();
  void EmitMerge();
  void EmitOutput();
  void EmitStoreLse(const Reg64& rows, const Reg64& list, const Reg64& from, const Reg64& temp);
  void Copy(int64_t Frame::*to, const Xbyak::Operand& from, const Reg64& temp);
  template <typename Body>
  void ForEachTile(Body body);

  Assembler& a_;
  const Gprs frame_, scratch_, part_;
  const RowsContext ctx_;
  EmitScoreParts parts_;
  EmitRowLists lists_;
  EmitRowBias bias_;
  EmitRowScales scales_;
  EmitAddresses addresses_;
  EmitDots dots_;
  EmitRowSoftmax softmax_;
  EmitWeightedSum values_;
};

// for each tile of rows:                  queries × heads of a group; a query's heads are adjacent
//   Q = scale · Q;  limits = keys that each row sees;  m = lowest, l = O = 0
// parts > 0: for each tile, for each part:  (m, l, O) = both merged
// else, for each block of kv_block keys that any row sees:
//   fetch the pages of its values, and of the next block's keys
//   [key-value pages: list the addresses of the block's rows]
//   for each tile:                        the block stays in the L2
//     S = score parts(Q·Kᵀ) + bias, −∞ where a row does not see the key
//     m moves, P = 2^(S − m), l = l · alpha + sums of P
//     [one scale for a key's values: P = P · scale]
//     O = O · alpha + P·V               summed from 0 and then added: over many blocks the error
//                                       grows with the number of blocks, not of keys
// for each tile:  out = O / l             [parts == kPart: m, l, O stay in `part`]
//                 [gate: · sigmoid(gate)]
void RowsEmitter::Emit() {
  SectionScope section(a_, "attention");
  Label next_block, merge, finished, done;
  a_.Prolog(ComputeType(ctx_.spec.dtype), ctx_.frame_bytes());
  a_.mov(frame_, a_.rsp);
  if (ctx_.has_bias()) bias_.EmitSubroutines();
  a_.mov(scratch_, ctx_.arg(offsetof(AttentionArgs, scratch)));
  EmitScale(a_, ctx_.at(&Frame::scale), parts_.unit());
  parts_.EmitPrepare();
  lists_.EmitFirst();
  a_.cmp(ctx_.at(&Frame::tiles), 0);
  a_.jle(done, a_.T_NEAR);
  ForEachTile([&] {
    lists_.EmitTile();
    EmitReset();
  });
  a_.cmp(ctx_.arg(offsetof(AttentionArgs, parts)), 0);
  a_.jg(merge, a_.T_NEAR);

  values_.EmitReset();
  EmitFirstBlock();
  a_.L(next_block);
  {
    const Gprs first = a_.pool().LeaseGprs("first key");
    a_.mov(first, ctx_.at(&Frame::first_key));
    a_.cmp(first, ctx_.at(&Frame::seen));
    a_.jge(finished, a_.T_NEAR);
  }
  EmitNextBlock();
  scales_.EmitBlock();
  ForEachTile([&] { EmitTile(); });
  EmitStep();
  a_.jmp(next_block, a_.T_NEAR);

  a_.L(merge);
  ForEachTile([&] { EmitMerge(); });
  a_.L(finished);
  a_.cmp(ctx_.arg(offsetof(AttentionArgs, parts)), 0);
  a_.jl(done, a_.T_NEAR);
  {
    const Gprs rows = a_.pool().LeaseGprs("rows");
    a_.mov(rows, ctx_.arg(offsetof(AttentionArgs, q_rows)));
    a_.imul(rows, ctx_.arg(offsetof(AttentionArgs, group)));
    a_.mov(ctx_.at(&Frame::rows_left), rows);
  }
  ForEachTile([&] {
    EmitOutput();
    a_.sub(ctx_.at(&Frame::rows_left), ctx_.layout.rows);
  });
  a_.L(done);
  a_.Epilog();
}

// Emits body() for every tile of the run (at least one), with Frame::tile and the part's register
// set.
template <typename Body>
void RowsEmitter::ForEachTile(Body body) {
  Label next;
  EmitFirstTile();
  a_.L(next);
  body();
  const Gprs step = a_.pool().LeaseGprs("step");
  a_.add(ctx_.at(&Frame::tile), static_cast<int>(ctx_.layout.tile_bytes));
  a_.mov(step, ctx_.at(&Frame::part_step));
  a_.add(part_, step);
  a_.dec(ctx_.at(&Frame::tiles_left));
  a_.jnz(next, a_.T_NEAR);
}

// Sets the address of the first tile's m, l and O: in `part` if a part is asked for, else in
// scratch.
void RowsEmitter::EmitFirstTile() {
  const RowsLayout& layout = ctx_.layout;
  const Gprs temp = a_.pool().LeaseGprs("temp"), step = a_.pool().LeaseGprs("step of the parts");
  Copy(&Frame::tiles_left, ctx_.at(&Frame::tiles), temp);
  a_.lea(temp, ctx_.in_scratch(layout.tiles));
  a_.mov(ctx_.at(&Frame::tile), temp);
  a_.lea(part_, a_.ptr[temp[0] + layout.part]);
  a_.mov(step, layout.tile_bytes);
  a_.mov(temp, layout.part_bytes);
  a_.cmp(ctx_.arg(offsetof(AttentionArgs, parts)), 0);
  a_.cmovl(part_, ctx_.arg(offsetof(AttentionArgs, part)));
  a_.cmovl(step, temp);
  a_.mov(ctx_.at(&Frame::part_step), step);
}

void RowsEmitter::Copy(int64_t Frame::*to, const Xbyak::Operand& from, const Reg64& temp) {
  a_.mov(temp, from);
  a_.mov(ctx_.at(to), temp);
}

void RowsEmitter::EmitReset() {
  const RowsLayout& layout = ctx_.layout;
  const Gprs count = a_.pool().LeaseGprs("count"), o = a_.pool().LeaseGprs("O");
  const Vecs zero = a_.pool().LeaseVecs("0");
  softmax_.EmitReset();
  a_.Zero(zero);
  a_.lea(o, a_.ptr[part_[0] + layout.outputs]);
  a_.Repeat(count, layout.rows * layout.output_bytes / layout.vec_bytes, [&] {
    a_.StoreVec(a_.ptr[o[0]], zero);
    a_.add(o, layout.vec_bytes);
  });
}

void RowsEmitter::EmitFirstBlock() {
  if (ctx_.has_bias()) bias_.EmitFirst();
  const bool from_later = ctx_.has_left_end() || ctx_.has_bias();
  if (ctx_.spec.paged) {
    if (!from_later) a_.mov(ctx_.at(&Frame::first_key), 0);
    return addresses_.EmitFirst();
  }
  const Gprs temp = a_.pool().LeaseGprs("temp"), keys = a_.pool().LeaseGprs("keys");
  Copy(&Frame::next_k, ctx_.arg(offsetof(AttentionArgs, k)), temp);
  Copy(&Frame::v, ctx_.arg(offsetof(AttentionArgs, v)), temp);
  if (!from_later) a_.mov(ctx_.at(&Frame::first_key), 0);
  a_.mov(keys, ctx_.at(&Frame::seen));
  if (from_later) {
    a_.sub(keys, ctx_.at(&Frame::first_key));
    for (const auto& [first, stride] :
         {std::pair(&Frame::next_k, offsetof(AttentionArgs, k_stride)),
          std::pair(&Frame::v, offsetof(AttentionArgs, v_stride))}) {
      a_.mov(temp, ctx_.at(&Frame::first_key));
      a_.imul(temp, ctx_.arg(stride));
      a_.add(ctx_.at(first), temp);
    }
  }
  a_.Clamp(keys[0], ctx_.config.kv_block, temp);
  EmitFetchPages(ctx_, ctx_.at(&Frame::next_k), ctx_.arg(offsetof(AttentionArgs, k_stride)), keys,
                 KvRow(ctx_.spec, ctx_.spec.head_dim).bytes);
}

// After the run's last block, the next block is the first one of another run.
void RowsEmitter::EmitNextBlock() {
  if (ctx_.has_bias()) bias_.EmitBlock();
  if (ctx_.spec.paged) return EmitNextPagedBlock();
  const Gprs keys = a_.pool().LeaseGprs("keys"), left = a_.pool().LeaseGprs("keys left");
  const Gprs k = a_.pool().LeaseGprs("next K"), temp = a_.pool().LeaseGprs("temp");
  a_.mov(left, ctx_.at(&Frame::seen));
  a_.sub(left, ctx_.at(&Frame::first_key));
  if (ctx_.has_bias()) {
    a_.mov(keys, ctx_.at(&Frame::next_key));
    a_.sub(keys, ctx_.at(&Frame::first_key));
  } else {
    a_.mov(keys, left);
    a_.Clamp(keys[0], ctx_.config.kv_block, temp);
    a_.mov(ctx_.at(&Frame::block), keys);
  }
  a_.mov(k, ctx_.at(&Frame::next_k));
  a_.mov(ctx_.at(&Frame::k), k);
  a_.mov(temp, keys);
  a_.imul(temp, ctx_.arg(offsetof(AttentionArgs, k_stride)));
  a_.add(k, temp);
  {
    Label within;
    a_.sub(left, keys);
    a_.jg(within, a_.T_NEAR);
    a_.mov(left, ctx_.arg(offsetof(AttentionArgs, next_keys)));
    a_.test(left, left);
    a_.cmovg(k, ctx_.arg(offsetof(AttentionArgs, next_k)));
    a_.L(within);
  }
  a_.mov(ctx_.at(&Frame::next_k), k);
  if (ctx_.has_bias()) a_.mov(keys, ctx_.at(&Frame::block));
  EmitFetchPages(ctx_, ctx_.at(&Frame::v), ctx_.arg(offsetof(AttentionArgs, v_stride)), keys,
                 KvRow(ctx_.spec, ctx_.spec.value_dim).bytes);
  a_.Clamp(left[0], ctx_.config.kv_block, temp);
  EmitFetchPages(ctx_, ctx_.at(&Frame::next_k), ctx_.arg(offsetof(AttentionArgs, k_stride)), left,
                 KvRow(ctx_.spec, ctx_.spec.head_dim).bytes);
}

void RowsEmitter::EmitNextPagedBlock() {
  if (!ctx_.has_bias()) {
    const Gprs keys = a_.pool().LeaseGprs("keys"), temp = a_.pool().LeaseGprs("temp");
    a_.mov(keys, ctx_.at(&Frame::seen));
    a_.sub(keys, ctx_.at(&Frame::first_key));
    a_.Clamp(keys[0], ctx_.config.kv_block, temp);
    a_.mov(ctx_.at(&Frame::block), keys);
  }
  addresses_.EmitBlock();
}

// Moves behind the block, or to the next block if a bias hides the keys between.
void RowsEmitter::EmitStep() {
  const Gprs step = a_.pool().LeaseGprs("step");
  if (ctx_.has_bias()) {
    a_.mov(step, ctx_.at(&Frame::next_key));
    a_.sub(step, ctx_.at(&Frame::first_key));
  } else {
    a_.mov(step, ctx_.at(&Frame::block));
  }
  a_.add(ctx_.at(&Frame::first_key), step);
  if (ctx_.spec.paged) return;
  a_.imul(step, ctx_.arg(offsetof(AttentionArgs, v_stride)));
  a_.add(ctx_.at(&Frame::v), step);
}

// Takes the current block for one tile.
void RowsEmitter::EmitTile() {
  Label all_seen, sees_none;
  {
    const Gprs keys = a_.pool().LeaseGprs("keys"), common = a_.pool().LeaseGprs("seen by all");
    const Gprs tile = a_.pool().LeaseGprs("tile"), temp = a_.pool().LeaseGprs("temp");
    const auto of_block = [&](const Reg64& keys, int64_t list, int row) {
      a_.mov(keys, a_.qword[tile[0] + (list + row * 8)]);
      a_.sub(keys, ctx_.at(&Frame::first_key));
      a_.Clamp(keys, ctx_.at(&Frame::block), temp);
    };
    const int last = ctx_.layout.rows - 1;
    a_.mov(tile, ctx_.at(&Frame::tile));
    of_block(common, ctx_.layout.kLimits, 0);
    a_.mov(ctx_.at(&Frame::common), common);
    if (ctx_.has_left_end()) {
      of_block(keys, ctx_.layout.starts, last);
      a_.mov(ctx_.at(&Frame::common_first), keys);
    }
    of_block(keys, ctx_.layout.kLimits, last);
    a_.mov(ctx_.at(&Frame::keys), keys);
    a_.test(keys, keys);
    a_.jz(sees_none, a_.T_NEAR);
  }
  dots_.EmitBlock();
  if (ctx_.spec.has_score_parts()) softmax_.EmitParts(parts_);
  if (ctx_.has_bias()) bias_.EmitAdd();
  {
    const Gprs keys = a_.pool().LeaseGprs("keys");
    Label hide;
    a_.mov(keys, ctx_.at(&Frame::keys));
    a_.cmp(keys, ctx_.at(&Frame::common));
    a_.jne(hide, a_.T_NEAR);
    if (ctx_.has_left_end()) {
      a_.cmp(ctx_.at(&Frame::common_first), 0);
      a_.jne(hide, a_.T_NEAR);
    }
    a_.test(keys, ctx_.layout.keys - 1);
    a_.jz(all_seen, a_.T_NEAR);
    a_.L(hide);
  }
  softmax_.EmitHide();
  a_.L(all_seen);
  softmax_.EmitBlock();
  scales_.EmitToWeights();
  EmitValues();
  softmax_.EmitRescale(/*add_sums=*/true);
  a_.L(sees_none);
}

// Takes the keys that all rows see at once, the others one by one.
void RowsEmitter::EmitValues() {
  values_.EmitBlock();
  if (!ctx_.has_left_end()) {
    if (ctx_.has_right_end()) values_.EmitDiagonal(&Frame::common, &Frame::keys);
    return;
  }
  a_.mov(ctx_.at(&Frame::edge), 0);
  values_.EmitDiagonal(&Frame::edge, &Frame::common_first);
  {
    const Gprs edge = a_.pool().LeaseGprs("behind the keys that all rows see");
    a_.mov(edge, ctx_.at(&Frame::common));
    a_.cmp(edge, ctx_.at(&Frame::common_first));
    a_.cmovl(edge, ctx_.at(&Frame::common_first));
    a_.mov(ctx_.at(&Frame::edge), edge);
  }
  values_.EmitDiagonal(&Frame::edge, &Frame::keys);
}

// Merges the parts in memory order.
void RowsEmitter::EmitMerge() {
  SectionScope section(a_, "merge");
  const RowsLayout& layout = ctx_.layout;
  const Vecs alpha = a_.pool().LeaseVecs("alpha of the part");
  const Gprs from = a_.pool().LeaseGprs("part"), to = a_.pool().LeaseGprs("O");
  const Gprs row = a_.pool().LeaseGprs("rows left"), count = a_.pool().LeaseGprs("count");
  const Gprs factor = a_.pool().LeaseGprs("factor of the row");
  Label next;
  Copy(&Frame::parts, ctx_.arg(offsetof(AttentionArgs, parts)), from);
  a_.mov(from, ctx_.at(&Frame::from));
  a_.add(ctx_.at(&Frame::from), static_cast<int>(layout.part_bytes));
  a_.mov(ctx_.at(&Frame::next_part), from);
  a_.L(next);
  a_.mov(from, ctx_.at(&Frame::next_part));
  softmax_.EmitMerge(from, alpha);
  softmax_.EmitRescale(/*add_sums=*/false);
  a_.StoreVec(ctx_.in_scratch(layout.scores), alpha);
  a_.lea(factor, ctx_.in_scratch(layout.scores));
  a_.add(from, layout.outputs);
  a_.lea(to, a_.ptr[part_[0] + layout.outputs]);
  {
    const Vecs x = a_.pool().LeaseVecs("O");
    a_.Repeat(row, layout.rows, [&] {
      a_.Broadcast(alpha, a_.ptr[factor[0]]);
      a_.Repeat(count, layout.output_bytes / layout.vec_bytes, [&] {
        a_.LoadVec(x, a_.ptr[to[0]]);
        a_.Fma231(x, alpha, a_.ptr[from[0]]);
        a_.StoreVec(a_.ptr[to[0]], x);
        a_.add(from, layout.vec_bytes);
        a_.add(to, layout.vec_bytes);
      });
      a_.add(factor, layout.elem_bytes);
    });
  }
  a_.mov(from, ctx_.arg(offsetof(AttentionArgs, part_stride)));
  a_.add(ctx_.at(&Frame::next_part), from);
  a_.dec(ctx_.at(&Frame::parts));
  a_.jnz(next, a_.T_NEAR);
}

// Clobbers all of the registers.
void RowsEmitter::EmitStoreLse(const Reg64& rows, const Reg64& list, const Reg64& from,
                               const Reg64& temp) {
  const Gprs to = a_.pool().LeaseGprs("address");
  softmax_.EmitLse();
  a_.mov(rows, ctx_.at(&Frame::rows_left));
  a_.Clamp(rows, ctx_.layout.rows, temp);
  a_.mov(list, ctx_.at(&Frame::tile));
  a_.lea(from, ctx_.in_scratch(ctx_.layout.sums));
  a_.WhileAtLeast(rows, 1, [&] {
    a_.mov(to, a_.qword[list + ctx_.layout.lses]);
    if (a_.elem_bytes() == 8) {
      a_.mov(temp, a_.qword[from]);
      a_.mov(a_.qword[to[0]], temp);
    } else {
      a_.mov(temp.cvt32(), a_.dword[from]);
      a_.mov(a_.dword[to[0]], temp.cvt32());
    }
    a_.add(list, 8);
    a_.add(from, ctx_.layout.elem_bytes);
  });
}

// out = O / l, or 0 for rows that see no key.
void RowsEmitter::EmitOutput() {
  SectionScope section(a_, "output");
  const RowsLayout& layout = ctx_.layout;
  const int whole = ctx_.spec.value_dim / layout.lanes, rest = ctx_.spec.value_dim % layout.lanes;
  VectorIo io(a_, ctx_.spec.dtype);
  const Vecs inverse = a_.pool().LeaseVecs("1/l of the row"), x = a_.pool().LeaseVecs("O");
  const Gprs rows = a_.pool().LeaseGprs("rows left"), count = a_.pool().LeaseGprs("count");
  const Gprs row_o = a_.pool().LeaseGprs("O of the row"), o = a_.pool().LeaseGprs("O");
  const Gprs to = a_.pool().LeaseGprs("output"), list = a_.pool().LeaseGprs("lists");
  const Gprs factor = a_.pool().LeaseGprs("1/l");
  const Gprs gates = a_.pool().LeaseGprs("gates", ctx_.spec.gate ? 1 : 0);
  std::optional<TailMask> tail;
  if (rest > 0) {
    tail.emplace(a_);
    tail->Set(rest, count);
  }
  softmax_.EmitInverse();
  if (ctx_.spec.lse) EmitStoreLse(rows, list, factor, count);
  std::optional<EmitGate> gate;
  if (ctx_.spec.gate) gate.emplace(a_, ctx_.spec.dtype);
  a_.mov(rows, ctx_.at(&Frame::rows_left));
  a_.Clamp(rows[0], layout.rows, count);
  a_.lea(row_o, a_.ptr[part_[0] + layout.outputs]);
  a_.mov(list, ctx_.at(&Frame::tile));
  a_.lea(factor, ctx_.in_scratch(layout.kAlpha));
  a_.WhileAtLeast(rows, 1, [&] {
    Label sees;
    a_.Broadcast(inverse, a_.ptr[factor[0]]);
    if (ctx_.has_left_end()) {
      a_.mov(count, a_.qword[list[0] + layout.kLimits]);
      a_.cmp(count, a_.qword[list[0] + layout.starts]);
    } else {
      a_.cmp(a_.qword[list[0] + layout.kLimits], 0);
    }
    a_.jg(sees, a_.T_NEAR);
    a_.Zero(inverse);
    a_.L(sees);
    a_.mov(to, a_.qword[list[0] + layout.outs]);
    if (gate) a_.mov(gates[0], a_.qword[list[0] + layout.gates]);
    a_.mov(o, row_o);
    a_.Repeat(count, whole, [&] {
      a_.Mul(x, inverse, a_.ptr[o[0]]);
      if (gate) {
        gate->Emit(x, a_.ptr[gates[0]]);
        a_.add(gates[0], io.vec_bytes());
      }
      io.Store(a_.ptr[to[0]], x);
      a_.add(o, layout.vec_bytes);
      a_.add(to, io.vec_bytes());
    });
    if (rest > 0) {
      a_.Mul(x, inverse, a_.ptr[o[0]]);
      if (gate) gate->Emit(x, a_.ptr[gates[0]], &*tail);
      io.Store(a_.ptr[to[0]], x, *tail);
    }
    a_.add(row_o, layout.output_bytes);
    a_.add(list, 8);
    a_.add(factor, layout.elem_bytes);
  });
}

}  // namespace

void EmitRows(Assembler& a, const AttentionSpec& spec, const RowsConfig& config) {
  RowsEmitter(a, spec, config).Emit();
}

ScratchNeeds RowsScratch(const AttentionSpec& spec, const RowsConfig& config) {
  const RowsLayout layout(spec, config);
  return {.bytes = layout.tiles, .tile_rows = layout.rows, .bytes_per_tile = layout.tile_bytes};
}

}  // namespace jitattn::jit
