// "tiles": the bias of a tile, and the keys that it leaves visible.

#include "jit/attention/emit_bias.h"

#include "jit/parts/emit_transpose.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;
using Frame = TilesFrame;

EmitBias::EmitBias(const TilesContext& ctx, const Reg64& state)
    : ctx_(ctx),
      a_(ctx.a),
      elements_(ctx.a, ctx.spec),
      runs_(ctx, EmitBiasElements::kScanned, &Frame::kv_end),
      state_(state) {}

// The registers of a scan.
struct EmitBias::Scan {
  Scan(Assembler& a, int vecs)
      : key(a.pool().LeaseGprs("key")),
        row(a.pool().LeaseGprs("bias of the row")),
        stride(a.pool().LeaseGprs("stride of the bias")),
        rows(a.pool().LeaseGprs("rows left")),
        keys(a.pool().LeaseGprs("keys to the row's end")),
        temp(a.pool().LeaseGprs("temp")),
        hiding(a.pool().LeaseVecs("element that hides")),
        hidden(a.pool().LeaseVecs("hidden from all rows", vecs)) {}
  const Gprs key, row, stride, rows, keys, temp;
  const Vecs hiding, hidden;
};

// scan:  scan_bits = which of the next 32 keys from scan_key on, before kv_end, some row
// sees find:  scan_key = the next key that some row sees;  scan_bits begin with it
void EmitBias::EmitSubroutines() {
  SectionScope section(a_, "find keys");
  a_.AlignCode(32);
  a_.L(runs_.scan());
  EmitScan();
  runs_.EmitFind();
}

// Takes one row instead of all if all rows share their bias: some row sees any key before kv_end
// and behind first_key, as far as the mask is concerned.
void EmitBias::EmitScan() {
  Scan s(a_, elements_.scan_vecs());
  Label edge, fast, done;
  a_.mov(s.key, ctx_.at(&Frame::scan_key));
  a_.imul(s.row, s.key, elements_.bytes());
  a_.add(s.row, ctx_.at(&Frame::bias_row));
  a_.mov(s.rows, ctx_.at(&Frame::rows));
  a_.mov(s.keys, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  a_.sub(s.keys, s.key);
  elements_.EmitStart(s.hiding, s.hidden);
  a_.mov(s.temp, 1);
  a_.mov(s.stride, ctx_.arg(offsetof(AttentionArgs, bias_stride)));
  a_.test(s.stride, s.stride);
  a_.cmovz(s.rows, s.temp);
  a_.cmp(s.keys, EmitBiasElements::kScanned);
  a_.jl(edge, a_.T_NEAR);
  if (ctx_.has_right_end()) {
    a_.test(s.stride, s.stride);
    a_.jz(fast, a_.T_NEAR);
    a_.lea(s.temp, a_.ptr[s.key[0] + EmitBiasElements::kScanned - 1]);
    a_.cmp(s.temp, ctx_.at(&Frame::diagonal));
    a_.jg(edge, a_.T_NEAR);
  }
  if (ctx_.has_left_end()) {
    a_.mov(s.temp, ctx_.at(&Frame::left));
    a_.lea(s.temp, a_.ptr[s.temp[0] + s.rows[0] - 1]);
    a_.cmp(s.temp, s.key);
    a_.jg(edge, a_.T_NEAR);
  }
  a_.L(fast);
  for (const int rows : {4, 1}) {
    a_.WhileAtLeast(s.rows, rows, [&] {
      for (int i = 0; i < rows; ++i) {
        elements_.EmitTest(s.hiding, s.hidden, s.row);
        a_.add(s.row, s.stride);
      }
    });
  }
  a_.jmp(done, a_.T_NEAR);
  a_.L(edge);
  EmitEdgeOfScan(s);
  a_.L(done);
  elements_.EmitSeen(s.rows, s.hidden, s.temp);
  a_.mov(s.keys, ctx_.at(&Frame::kv_end));
  a_.sub(s.keys, s.key);
  a_.Clamp(s.keys[0], EmitBiasElements::kScanned, s.temp);
  a_.bzhi(s.rows, s.rows, s.keys);
  a_.mov(ctx_.at(&Frame::scan_bits), s.rows);
  a_.ret();
}

// Takes keys at an end of the band or at the end of all keys, where a row's last elements are
// copied before they are tested.
void EmitBias::EmitEdgeOfScan(Scan& s) {
  const Gprs at = a_.pool().LeaseGprs("elements"), bound = a_.pool().LeaseGprs("bound");
  const Gprs end = a_.pool().LeaseGprs("end of the row's keys");
  const Gprs first = a_.pool().LeaseGprs("first of the row's keys", ctx_.has_left_end() ? 1 : 0);
  const Gprs other = a_.pool().LeaseGprs("bound", ctx_.has_left_end() ? 1 : 0);
  const int scanned = EmitBiasElements::kScanned;
  if (ctx_.has_right_end()) {
    a_.mov(end, ctx_.at(&Frame::diagonal));
    a_.sub(end, s.key);
    a_.inc(end);
    a_.mov(s.temp, scanned);
    a_.test(s.stride, s.stride);
    a_.cmovz(end, s.temp);
  }
  if (ctx_.has_left_end()) {
    a_.mov(first[0], ctx_.at(&Frame::left));
    a_.sub(first[0], s.key);
    a_.test(s.stride, s.stride);
    a_.cmovz(first[0], s.stride);
  }
  a_.WhileAtLeast(s.rows, 1, [&] {
    Label whole;
    a_.mov(at, s.row);
    a_.cmp(s.keys, scanned);
    a_.jge(whole, a_.T_NEAR);
    a_.mov(bound, s.keys);
    elements_.EmitCopy(row_end(), s.row, bound, s.temp);
    a_.lea(at, a_.ptr[row_end()]);
    a_.L(whole);
    if (ctx_.has_right_end()) {
      a_.mov(bound, end);
      a_.Clamp(bound[0], scanned, s.temp);
      a_.inc(end);
    }
    if (ctx_.has_left_end()) {
      a_.mov(other[0], first[0]);
      a_.Clamp(other[0], scanned, s.temp);
      a_.inc(first[0]);
    }
    elements_.EmitTest(s.hiding, s.hidden, at, ctx_.has_left_end() ? &other[0] : nullptr,
                       ctx_.has_right_end() ? &bound[0] : nullptr, &s.temp[0]);
    a_.add(s.row, s.stride);
  });
}

void EmitBias::EmitReset() {
  const Gprs temp = a_.pool().LeaseGprs("temp");
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, bias)));
  a_.mov(ctx_.at(&Frame::bias_row), temp);
  a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, q_rows)));
  a_.mov(ctx_.at(&Frame::rows), temp);
}

void EmitBias::EmitFind() { a_.call(runs_.find()); }

void EmitBias::EmitFirst(const Label& none) {
  const Gprs key = a_.pool().LeaseGprs("first key");
  if (ctx_.has_left_end()) {
    a_.mov(key, ctx_.at(&Frame::first_key));
  } else {
    a_.mov(key, 0);
  }
  a_.mov(ctx_.at(&Frame::scan_key), key);
  EmitFind();
  a_.mov(key, ctx_.at(&Frame::scan_key));
  a_.cmp(key, ctx_.at(&Frame::kv_end));
  a_.jge(none, a_.T_NEAR);
  if (ctx_.layout.pairs) a_.and_(key, -2);
  a_.mov(ctx_.at(&Frame::first_key), key);
}

// Pairs: chunks begin with the first key of a pair.
void EmitBias::EmitChunk() {
  SectionScope section(a_, "bias");
  {
    runs_.EmitRun(&Frame::keys, ctx_.config.kv_block, [&](const Reg64& seen) {
      if (ctx_.layout.pairs) EmitPairsSeen(seen);
    });
    const Gprs next = a_.pool().LeaseGprs("first key of the next chunk");
    Label last, others;
    a_.mov(next, ctx_.at(&Frame::next_key));
    a_.cmp(next, ctx_.at(&Frame::kv_end));
    a_.jge(last, a_.T_NEAR);
    if (ctx_.layout.pairs) a_.and_(ctx_.at(&Frame::next_key), -2);
    a_.jmp(others, a_.T_NEAR);
    a_.L(last);
    a_.or_(ctx_.at(&Frame::flags), Frame::kLast);
    a_.L(others);
  }
  EmitFill();
}

// A key counts as seen if its partner is seen.
void EmitBias::EmitPairsSeen(const Reg64& seen) {
  constexpr uint32_t kEven = 0x55555555;
  const Gprs count = a_.pool().LeaseGprs("keys left"), temp = a_.pool().LeaseGprs("temp");
  a_.lea(temp, a_.ptr[seen + seen]);
  a_.and_(temp[0].cvt32(), ~kEven);
  a_.or_(temp, seen);
  a_.shr(seen, 1);
  a_.and_(seen.cvt32(), kEven);
  a_.or_(seen, temp);
  a_.mov(count, ctx_.at(&Frame::kv_end));
  a_.sub(count, ctx_.at(&Frame::scan_key));
  a_.Clamp(count[0], EmitBiasElements::kScanned, temp);
  a_.bzhi(seen, seen, count);
}

void EmitBias::EmitToNextChunk() {
  const Gprs keys = a_.pool().LeaseGprs("keys");
  a_.mov(keys, ctx_.at(&Frame::next_key));
  a_.sub(keys, ctx_.at(&Frame::first_key));
  a_.mov(ctx_.at(&Frame::keys), keys);
}

void EmitBias::EmitNextTile() {
  const Gprs stride = a_.pool().LeaseGprs("stride");
  a_.imul(stride, ctx_.arg(offsetof(AttentionArgs, bias_stride)), ctx_.layout.tile_rows);
  a_.add(ctx_.at(&Frame::bias_row), stride);
}

// Rows that share their bias need no transposition.
void EmitBias::EmitFill() {
  const Gprs rows = a_.pool().LeaseGprs("bias of these rows");
  const Gprs stride = a_.pool().LeaseGprs("stride of the bias");
  Label shared, done;
  a_.imul(rows, ctx_.at(&Frame::first_key), elements_.bytes());
  a_.add(rows, ctx_.at(&Frame::bias_row));
  a_.mov(stride, ctx_.arg(offsetof(AttentionArgs, bias_stride)));
  a_.cmp(ctx_.at(&Frame::rows), 1);
  a_.je(shared, a_.T_NEAR);
  a_.test(stride, stride);
  a_.jz(shared, a_.T_NEAR);
  EmitTransposed(rows, stride);
  a_.jmp(done, a_.T_NEAR);
  a_.L(shared);
  EmitSpread(rows);
  a_.L(done);
}

// for each vector of rows:            `left` rows, at most `lanes`
//   for each `lanes` keys j of the chunk:
//     x[i] = bias[min(i, left − 1)][j …]     from a copy where the row ends
//     transpose x
//     scores[j + i] = x[i]                   beyond the chunk too, up to a multiple of `lanes`
void EmitBias::EmitTransposed(const Reg64& rows, const Reg64& stride) {
  const TilesLayout& layout = ctx_.layout;
  const int lanes = layout.lanes;
  EmitTranspose x(a_, "square of the bias");
  RegPool& pool = a_.pool();
  const Gprs left = pool.LeaseGprs("rows left"), to = pool.LeaseGprs("scores of these rows");
  const Gprs from = pool.LeaseGprs("bias"), dst = pool.LeaseGprs("scores");
  const Gprs row = pool.LeaseGprs("row"), next = pool.LeaseGprs("next row");
  const Gprs keys = pool.LeaseGprs("keys left"), end = pool.LeaseGprs("keys to the row's end");
  const Gprs temp = pool.LeaseGprs("temp");
  const auto load = [&](bool at_end) {
    a_.mov(row, from);
    for (int i = 0; i < lanes; ++i) {
      if (at_end) {
        a_.mov(next, end);
        elements_.EmitCopy(row_end(), row, next, temp);
      }
      elements_.EmitLoad(x[i], at_end ? a_.ptr[row_end()] : a_.ptr[row[0]]);
      if (i + 1 == lanes) break;
      a_.lea(next, a_.ptr[row[0] + stride]);
      a_.cmp(left, i + 2);
      a_.cmovge(row, next);
    }
  };
  Label next_rows, next_keys, whole, loaded;
  a_.mov(left, ctx_.at(&Frame::rows));
  a_.lea(to, a_.ptr[state_ + layout.scores]);
  a_.L(next_rows);
  a_.mov(from, rows);
  a_.mov(dst, to);
  a_.mov(keys, ctx_.at(&Frame::keys));
  a_.mov(end, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  a_.sub(end, ctx_.at(&Frame::first_key));
  a_.L(next_keys);
  a_.cmp(end, lanes);
  a_.jge(whole, a_.T_NEAR);
  load(true);
  a_.jmp(loaded, a_.T_NEAR);
  a_.L(whole);
  load(false);
  a_.L(loaded);
  x.Emit();
  for (int i = 0; i < lanes; ++i) a_.StoreVec(a_.ptr[dst[0] + i * layout.tile_bytes], x[i]);
  a_.add(from, lanes * elements_.bytes());
  a_.add(dst, lanes * layout.tile_bytes);
  a_.sub(end, lanes);
  a_.sub(keys, lanes);
  a_.jg(next_keys, a_.T_NEAR);
  AddMultiple(a_, rows, stride, lanes);
  a_.add(to, layout.vec_bytes);
  a_.sub(left, lanes);
  a_.jg(next_rows, a_.T_NEAR);
}

// for each `lanes` keys j of the chunk:
//   x = bias[j …]
//   scores[j + i][…] = x[i]
void EmitBias::EmitSpread(const Reg64& row) {
  const TilesLayout& layout = ctx_.layout;
  RegPool& pool = a_.pool();
  const Vecs x = pool.LeaseVecs("bias");
  const Gprs dst = pool.LeaseGprs("scores"), keys = pool.LeaseGprs("keys left");
  const Gprs end = pool.LeaseGprs("keys to the row's end"), temp = pool.LeaseGprs("temp");
  const Gprs at = pool.LeaseGprs("elements"), count = pool.LeaseGprs("count");
  Label next, whole;
  a_.lea(dst, a_.ptr[state_ + layout.scores]);
  a_.mov(keys, ctx_.at(&Frame::keys));
  a_.mov(end, ctx_.arg(offsetof(AttentionArgs, kv_len)));
  a_.sub(end, ctx_.at(&Frame::first_key));
  a_.L(next);
  a_.mov(at, row);
  a_.cmp(end, layout.lanes);
  a_.jge(whole, a_.T_NEAR);
  a_.mov(count, end);
  elements_.EmitCopy(row_end(), row, count, temp);
  a_.lea(at, a_.ptr[row_end()]);
  a_.L(whole);
  elements_.EmitLoad(x, a_.ptr[at[0]]);
  a_.StoreVec(a_.ptr[row_end()], x);
  a_.lea(at, a_.ptr[row_end()]);
  a_.Repeat(count, layout.lanes, [&] {
    a_.Broadcast(x, a_.ptr[at[0]]);
    for (int c = 0; c < ctx_.config.q_vecs; ++c)
      a_.StoreVec(a_.ptr[dst[0] + c * layout.vec_bytes], x);
    a_.add(at, layout.elem_bytes);
    a_.add(dst, layout.tile_bytes);
  });
  a_.add(row, layout.lanes * elements_.bytes());
  a_.sub(end, layout.lanes);
  a_.sub(keys, layout.lanes);
  a_.jg(next, a_.T_NEAR);
}

void EmitBias::EmitAdd(const TilesContext& ctx, const EmitTileGemm& gemm, const Reg64& scores) {
  EmitBiasSum(ctx.a, ctx.spec).Emit(gemm.all(), [&](int i) {
    const int r = i / gemm.vecs(), c = i % gemm.vecs();
    return ctx.a.ptr[scores + (r * ctx.layout.tile_bytes + c * ctx.layout.vec_bytes)];
  });
}

}  // namespace jitattn::jit
