// "rows": the bias of a block of keys, and the keys that it leaves visible.

#include "jit/attention/emit_row_bias.h"

#include <bit>

#include "jit/parts/emit_transpose.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;
using Frame = RowsFrame;

EmitRowBias::EmitRowBias(const RowsContext& ctx)
    : ctx_(ctx),
      a_(ctx.a),
      elements_(ctx.a, ctx.spec),
      runs_(ctx, EmitBiasElements::kScanned, &Frame::seen) {}

// The registers of a scan.
struct EmitRowBias::Scan {
  Scan(Assembler& a, int vecs)
      : key(a.pool().LeaseGprs("key")),
        keys(a.pool().LeaseGprs("keys to the row's end")),
        row(a.pool().LeaseGprs("bias of the row")),
        first(a.pool().LeaseGprs("first key seen")),
        end(a.pool().LeaseGprs("end of the keys seen")),
        temp(a.pool().LeaseGprs("temp")),
        hiding(a.pool().LeaseVecs("element that hides")),
        hidden(a.pool().LeaseVecs("hidden from all rows", vecs)) {}
  const Gprs key, keys, row, first, end, temp;
  const Vecs hiding, hidden;
};

void EmitRowBias::EmitSubroutines() {
  SectionScope section(a_, "find keys");
  Label behind;
  a_.jmp(behind, a_.T_NEAR);
  a_.AlignCode(32);
  a_.L(runs_.scan());
  EmitScan();
  runs_.EmitFind();
  a_.AlignCode(32);
  a_.L(behind);
}

// scan_bits = which of the next 32 keys from scan_key on, before `seen`, some row sees
//
// Takes one row instead of all if all rows share their bias: some row sees any key before `seen`
// and behind first_key, as far as the mask is concerned.
void EmitRowBias::EmitScan() {
  const RowsLayout& layout = ctx_.layout;
  Scan s(a_, elements_.scan_vecs());
  const Gprs tile = a_.pool().LeaseGprs("tile"), tiles = a_.pool().LeaseGprs("tiles left");
  const Gprs list = a_.pool().LeaseGprs("lists"), rows = a_.pool().LeaseGprs("rows left");
  Label next, all, done;
  a_.mov(s.key, ctx_.at(&Frame::scan_key));
  a_.mov(s.keys, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  a_.sub(s.keys, s.key);
  elements_.EmitStart(s.hiding, s.hidden);
  a_.lea(tile, ctx_.in_scratch(layout.tiles));
  a_.cmp(ctx_.at(&Frame::shared_bias), 0);
  a_.je(all, a_.T_NEAR);
  EmitScanRow(s, tile, /*limited=*/false);
  a_.jmp(done, a_.T_NEAR);
  a_.L(all);
  a_.mov(tiles, ctx_.at(&Frame::tiles));
  a_.L(next);
  a_.mov(list, tile);
  a_.Repeat(rows, layout.rows, [&] {
    EmitScanRow(s, list, /*limited=*/true);
    a_.add(list, 8);
  });
  a_.add(tile, static_cast<int>(layout.tile_bytes));
  a_.dec(tiles);
  a_.jnz(next, a_.T_NEAR);
  a_.L(done);
  elements_.EmitSeen(rows, s.hidden, s.temp);
  a_.mov(s.keys, ctx_.at(&Frame::seen));
  a_.sub(s.keys, s.key);
  a_.Clamp(s.keys[0], EmitBiasElements::kScanned, s.temp);
  a_.bzhi(rows, rows, s.keys);
  a_.mov(ctx_.at(&Frame::scan_bits), rows);
  a_.ret();
}

// Takes one row. Where it ends, its last elements are copied before they are tested.
void EmitRowBias::EmitScanRow(Scan& s, const Reg64& list, bool limited) {
  const RowsLayout& layout = ctx_.layout;
  const int scanned = EmitBiasElements::kScanned;
  const bool left = limited && ctx_.has_left_end(), right = limited && ctx_.has_right_end();
  Label whole;
  a_.imul(s.row, s.key, elements_.bytes());
  a_.add(s.row, a_.qword[list + layout.biases]);
  a_.cmp(s.keys, scanned);
  a_.jge(whole, a_.T_NEAR);
  a_.mov(s.end, s.keys);
  elements_.EmitCopy(row_end(), s.row, s.end, s.temp);
  a_.lea(s.row, a_.ptr[row_end()]);
  a_.L(whole);
  const auto load = [&](const Gprs& bound, int64_t entry) {
    a_.mov(bound, a_.qword[list + entry]);
    a_.sub(bound, s.key);
    a_.Clamp(bound[0], scanned, s.temp);
  };
  if (left) load(s.first, layout.starts);
  if (right) load(s.end, layout.kLimits);
  elements_.EmitTest(s.hiding, s.hidden, s.row, left ? &s.first[0] : nullptr,
                     right ? &s.end[0] : nullptr, &s.temp[0]);
}

// All rows share their bias where no stride leads from one to another.
void EmitRowBias::EmitFirst() {
  const Gprs key = a_.pool().LeaseGprs("first key"), one = a_.pool().LeaseGprs("1");
  Label many;
  a_.mov(ctx_.at(&Frame::shared_bias), 0);
  for (const auto& [count, stride] :
       {std::pair(offsetof(AttentionArgs, q_rows), offsetof(AttentionArgs, bias_stride)),
        std::pair(offsetof(AttentionArgs, group), offsetof(AttentionArgs, bias_head_stride))}) {
    Label shared;
    a_.cmp(ctx_.arg(count), 1);
    a_.je(shared, a_.T_NEAR);
    a_.cmp(ctx_.arg(stride), 0);
    a_.jne(many, a_.T_NEAR);
    a_.L(shared);
  }
  a_.mov(ctx_.at(&Frame::shared_bias), 1);
  a_.L(many);
  if (ctx_.has_left_end()) {
    a_.mov(key, ctx_.at(&Frame::first_key));
  } else {
    a_.mov(key, 0);
  }
  a_.mov(ctx_.at(&Frame::scan_key), key);
  a_.call(runs_.find());
  a_.mov(key, ctx_.at(&Frame::scan_key));
  a_.mov(ctx_.at(&Frame::first_key), key);
}

void EmitRowBias::EmitBlock() {
  runs_.EmitRun(&Frame::block, ctx_.config.kv_block, [](const Reg64&) {});
}

// for each vector of scores:  S = S + bias
void EmitRowBias::EmitAdd() {
  SectionScope section(a_, "bias");
  const RowsLayout& layout = ctx_.layout;
  EmitFill();
  EmitBiasSum sum(a_, ctx_.spec);
  const Vecs x = a_.pool().LeaseVecs("scores");
  const Gprs at = a_.pool().LeaseGprs("scores"), keys = a_.pool().LeaseGprs("keys left");
  const auto from_scores = static_cast<int>(layout.bias_block - layout.scores);
  a_.lea(at, ctx_.in_scratch(layout.scores));
  a_.mov(keys, ctx_.at(&Frame::keys));
  a_.add(keys, layout.keys - 1);
  a_.WhileAtLeast(keys, layout.keys, [&] {
    a_.LoadVec(x, a_.ptr[at[0]]);
    sum.Emit(x.regs(), [&](int) { return a_.ptr[at[0] + from_scores]; });
    a_.StoreVec(a_.ptr[at[0]], x);
    a_.add(at, layout.vec_bytes);
  });
}

// for each `lanes` keys j:
//   x[r] = bias[r][j …]    for r < rows; from a copy where the row ends
//   transpose x
//   bias_block[j + i][…] = x[i]    only the first `rows` elements count: the next key's overwrite
//                                  the others
void EmitRowBias::EmitFill() {
  const RowsLayout& layout = ctx_.layout;
  const int lanes = layout.lanes, key_bytes = layout.rows * layout.elem_bytes;
  EmitTranspose x(a_, "square of the bias");
  RegPool& pool = a_.pool();
  const Gprs key = pool.LeaseGprs("bytes before the key"), end = pool.LeaseGprs("keys to the end");
  const Gprs keys = pool.LeaseGprs("keys left"), to = pool.LeaseGprs("bias block");
  const Gprs list = pool.LeaseGprs("lists"), row = pool.LeaseGprs("bias of the row");
  const Gprs count = pool.LeaseGprs("count"), temp = pool.LeaseGprs("temp");
  const auto load = [&](bool at_end) {
    for (int r = 0; r < layout.rows; ++r) {
      a_.mov(row, a_.qword[list[0] + layout.biases + r * 8]);
      a_.add(row, key);
      if (at_end) {
        a_.mov(count, end);
        elements_.EmitCopy(row_end(), row, count, temp);
      }
      elements_.EmitLoad(x[r], at_end ? a_.ptr[row_end()] : a_.ptr[row[0]]);
    }
  };
  Label next, whole, loaded;
  a_.mov(list, ctx_.at(&Frame::tile));
  a_.mov(keys, ctx_.at(&Frame::keys));
  a_.mov(end, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  a_.mov(key, ctx_.at(&Frame::first_key));
  a_.sub(end, key);
  a_.imul(key, key, elements_.bytes());
  a_.lea(to, ctx_.in_scratch(layout.bias_block));
  a_.L(next);
  a_.cmp(end, lanes);
  a_.jge(whole, a_.T_NEAR);
  load(true);
  a_.jmp(loaded, a_.T_NEAR);
  a_.L(whole);
  load(false);
  a_.L(loaded);
  if (layout.rows > 1) x.Emit();
  for (int i = 0; i < (layout.rows > 1 ? lanes : 1); ++i)
    a_.StoreVec(a_.ptr[to[0] + i * key_bytes], x[i]);
  a_.add(to, lanes * key_bytes);
  a_.add(key, lanes * elements_.bytes());
  a_.sub(end, lanes);
  a_.sub(keys, lanes);
  a_.jg(next, a_.T_NEAR);
}

}  // namespace jitattn::jit
