// O = O·alpha + P·V with O in the output.

#include "jit/attention/emit_values.h"

#include <algorithm>
#include <optional>

#include "jit/attention/emit_gate.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;
using Xbyak::RegExp;

// The value columns, split into groups of pv_vecs vectors and a rest.
struct ColumnGroups {
  ColumnGroups(const AttentionSpec& spec, const TilesConfig& config, int lanes) {
    tail = spec.value_dim % lanes;
    const int vecs = (spec.value_dim + lanes - 1) / lanes;
    // A group with a partial last vector is emitted separately, with a mask.
    whole = (spec.value_dim / lanes) / config.pv_vecs;
    rest = vecs - whole * config.pv_vecs;
  }
  int whole, rest, tail;
};

}  // namespace

int EmitValues::VecsNeeded(const TilesConfig& config, const AttentionSpec& spec) {
  const int lanes = Lanes(config.isa, spec.dtype);
  const ColumnGroups groups(spec, config, lanes);
  const int whole = groups.whole > 0
                        ? EmitTileGemm::VecsNeeded(config.pv_rows, config.pv_vecs, config.pv_embed)
                        : 0;
  const int rest = groups.rest > 0
                       ? EmitTileGemm::VecsNeeded(config.pv_rows, groups.rest, config.pv_embed) +
                             (groups.tail > 0 ? TailMask::VecsNeeded(config.isa) : 0)
                       : 0;
  return std::max(whole, rest);
}

EmitValues::EmitValues(const TilesContext& ctx, const Reg64& state)
    : ctx_(ctx), a_(ctx.a), io_(ctx.a, ComputeType(ctx.spec.dtype)), state_(state) {}

// for each group of value columns:
//   for each pv_rows rows of the tile:
//     O = O·alpha                         if the chunk rescaled
//     acc = 0
//     for each key that all rows see:     acc[r][c] += P[key][r] · V[key][c]
//     causal, for i = 1 …:                the one key that only rows ≥ i see
//     windows, for each row:              its keys before and behind the common ones
//     O = O + acc                         first chunk: O = acc; last chunk: · (1/l)
void EmitValues::EmitChunk() {
  SectionScope section(a_, "values");
  const ColumnGroups groups(ctx_.spec, ctx_.config, ctx_.layout.lanes);
  RegPool& pool = a_.pool();
  p_ = pool.LeaseGprs("P of the rows");
  out_ = pool.LeaseGprs("output rows");
  v_ = pool.LeaseGprs("V of the columns");
  v_stride_ = pool.LeaseGprs("stride of V");
  out_stride_ = pool.LeaseGprs("stride of the output");
  p_key_ = pool.LeaseGprs("P of the key");
  v_key_ = pool.LeaseGprs("V of the key");
  count_ = pool.LeaseGprs("keys left");

  const int group_bytes = ctx_.config.pv_vecs * a_.vec_bytes();
  ctx_.LoadValueStride(v_stride_);
  if (ctx_.layout.converts) {
    a_.mov(out_stride_, ctx_.layout.value_row_bytes);
    a_.lea(out_, a_.ptr[state_ + static_cast<int>(ctx_.layout.outputs)]);
  } else {
    a_.mov(out_stride_, ctx_.arg(offsetof(AttentionArgs, out_stride)));
    a_.mov(out_, ctx_.at(&TilesFrame::out));
  }
  a_.mov(v_, ctx_.at(&TilesFrame::v));
  if (groups.whole > 0) {
    Label top;
    a_.mov(ctx_.at(&TilesFrame::columns), groups.whole);
    a_.L(top);
    columns_follow_ = groups.whole + (groups.rest > 0) > 1;
    EmitColumns(ctx_.config.pv_vecs, 0);
    a_.add(v_, group_bytes);
    a_.add(out_, group_bytes);
    a_.dec(ctx_.at(&TilesFrame::columns));
    a_.jnz(top, a_.T_NEAR);
  }
  columns_follow_ = false;
  if (groups.rest > 0) EmitColumns(groups.rest, groups.tail);
  for (Gprs* lease : {&p_, &out_, &v_, &v_stride_, &out_stride_, &p_key_, &v_key_, &count_})
    lease->Release();
}

void EmitValues::EmitColumns(int vecs, int tail) {
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a_);
    mask->Set(tail, p_);
  }
  a_.mov(p_, ctx_.at(&TilesFrame::rows));
  a_.mov(ctx_.at(&TilesFrame::rows_todo), p_);
  if (ctx_.has_right_end()) {  // chunk keys that the tile's first row sees
    a_.mov(p_, ctx_.at(&TilesFrame::diagonal));
    a_.sub(p_, ctx_.at(&TilesFrame::first_key));
    a_.inc(p_);
    a_.mov(ctx_.at(&TilesFrame::seen), p_);
  }
  a_.lea(p_, a_.ptr[state_ + ctx_.layout.scores]);
  a_.mov(ctx_.at(&TilesFrame::out_column), out_);
  for (int rows : BlockSizes(ctx_.config.pv_rows)) {
    Label top, end;
    a_.L(top);
    a_.cmp(ctx_.at(&TilesFrame::rows_todo), rows);
    a_.jl(end, a_.T_NEAR);
    EmitBlock(rows, vecs, mask ? &*mask : nullptr);
    a_.add(p_, rows * a_.elem_bytes());
    AddMultiple(a_, out_, out_stride_, rows);
    if (ctx_.has_right_end()) a_.add(ctx_.at(&TilesFrame::seen), rows);
    a_.sub(ctx_.at(&TilesFrame::rows_todo), rows);
    a_.jmp(top, a_.T_NEAR);
    a_.L(end);
  }
  a_.mov(out_, ctx_.at(&TilesFrame::out_column));
}

void EmitValues::EmitBlock(int rows, int vecs, const TailMask* tail) {
  const bool pairs = ctx_.layout.pairs;
  EmitTileGemm gemm(a_, "outputs", rows, vecs, ctx_.config.pv_embed, pairs);
  RowAddresses out(a_, out_, out_stride_, rows);
  out.Set();
  EmitBegin(gemm, out, tail);
  if (ctx_.has_left_end()) {
    EmitWindow(gemm, tail);
  } else if (pairs) {
    EmitPairs(gemm, tail);
  } else {
    EmitKeys(gemm, tail);
    if (ctx_.has_right_end()) EmitTriangle(gemm, tail);
  }
  EmitEnd(gemm, out, tail);
}

void EmitValues::Load(const Vec& x, const RegExp& src, int col, int vecs, const TailMask* tail) {
  const auto address = a_.ptr[src + col * a_.vec_bytes()];
  tail != nullptr&& col + 1 == vecs ? io_.Load(x, address, *tail) : io_.Load(x, address);
}

void EmitValues::EmitBegin(const EmitTileGemm& gemm, const RowAddresses& out,
                           const TailMask* tail) {
  Label zero;
  a_.mov(count_, ctx_.at(&TilesFrame::flags));
  a_.and_(count_[0].cvt32(), TilesFrame::kFirst | TilesFrame::kRescale);
  a_.cmp(count_[0].cvt32(), TilesFrame::kRescale);
  a_.jne(zero, a_.T_NEAR);
  for (int r = 0; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c) Load(gemm.acc(r, c), out(r), c, gemm.vecs(), tail);
  EmitScale(gemm, TilesLayout::kAlpha);
  EmitStore(gemm, out, tail);
  a_.L(zero);
  for (int r = 0; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c) a_.Zero(gemm.acc(r, c));
}

// The state's quantities of a row are as far from the state as P's rows are from the scores.
void EmitValues::EmitScale(const EmitTileGemm& gemm, TilesLayout::State factor) {
  const Vec& x = gemm.free_operand();
  const int from_scores = ctx_.layout.state(factor) - static_cast<int>(ctx_.layout.scores);
  for (int r = 0; r < gemm.rows(); ++r) {
    a_.Broadcast(x, a_.ptr[p_[0] + (from_scores + r * a_.elem_bytes())]);
    for (int c = 0; c < gemm.vecs(); ++c) a_.Mul(gemm.acc(r, c), gemm.acc(r, c), x);
  }
}

void EmitValues::EmitKey(EmitTileGemm& gemm, const TailMask* tail, int key,
                         const EmitTileGemm::Part& part) {
  gemm.Step([&](int r) { return p_key_[0] + (key * ctx_.layout.tile_bytes + r * a_.elem_bytes()); },
            [&](const Vec& x, int c) { Load(x, RegExp(v_key_[0]), c, gemm.vecs(), tail); }, part);
  if (ctx_.config.prefetch > 0) {
    for (int c = 0; c < gemm.vecs(); ++c) {
      a_.prefetcht0(a_.ptr[v_key_[0] + v_stride_[0] * ctx_.config.prefetch + c * a_.vec_bytes()]);
    }
  }
  if (ctx_.config.pv_ahead != 0 && columns_follow_) {
    const int bytes = gemm.vecs() * a_.vec_bytes();
    for (int at = 0; at < bytes; at += 64)
      EmitFetch(a_, ctx_.config.pv_ahead, a_.ptr[v_key_[0] + (bytes + at)]);
  }
  a_.add(v_key_, v_stride_);
}

void EmitValues::EmitKeys(EmitTileGemm& gemm, const TailMask* tail) {
  if (ctx_.has_right_end()) {
    a_.mov(count_, ctx_.at(&TilesFrame::seen));
    a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
  } else {
    a_.mov(count_, ctx_.at(&TilesFrame::keys));
  }
  a_.mov(p_key_, p_);
  a_.mov(v_key_, v_);
  EmitRun(gemm, tail);
}

// Takes count_ keys, or pairs of keys, for every row, from p_key_ and v_key_ on.
void EmitValues::EmitRun(EmitTileGemm& gemm, const TailMask* tail) {
  for (int keys : BlockSizes(ctx_.config.pv_unroll)) {
    a_.WhileAtLeast(count_, keys, [&] {
      for (int key = 0; key < keys; ++key) EmitKey(gemm, tail, key, {});
      a_.add(p_key_, keys * ctx_.layout.tile_bytes);
    });
  }
}

// Row i of the group sees one key more than row i − 1. Hence each of the last keys takes one row
// less, unmasked, and hidden values are not even loaded.
void EmitValues::EmitTriangle(EmitTileGemm& gemm, const TailMask* tail) {
  for (int row = 1; row < gemm.rows(); ++row) {
    Label outside;
    a_.mov(count_, ctx_.at(&TilesFrame::seen));
    a_.add(count_, row - 1);
    a_.cmp(count_, ctx_.at(&TilesFrame::keys));
    a_.jae(outside, a_.T_NEAR);  // past the chunk, or unsigned: before its first key
    EmitKey(gemm, tail, 0, {.first_row = row});
    a_.add(p_key_, ctx_.layout.tile_bytes);
    a_.L(outside);
  }
}

// Takes one key of a pair, number count_ in the chunk, for some rows. The other key's values are
// not loaded: rows that do not see that key have P = 0 there, and 0 · NaN is NaN.
void EmitValues::EmitHalf(EmitTileGemm& gemm, const EmitTileGemm::Part& part) {
  const Opmasks half = a_.pool().LeaseMasks("words of the key");
  a_.mov(p_key_, count_);
  a_.shr(p_key_, 1);
  a_.mov(v_key_, p_key_);
  a_.imul(p_key_, p_key_, ctx_.layout.tile_bytes);
  a_.add(p_key_, p_);
  a_.imul(v_key_, v_stride_);
  a_.add(v_key_, v_);
  a_.and_(count_, 1);
  a_.inc(count_);
  a_.imul(count_[0].cvt32(), count_[0].cvt32(), 0x55555555);  // the even or the odd words
  a_.kmovd(half[0], count_[0].cvt32());
  gemm.Step([&](int r) { return p_key_[0] + r * a_.elem_bytes(); },
            [&](const Vec& x, int c) {
              a_.vmovdqu16(x | half[0] | Xbyak::util::T_z, a_.ptr[v_key_[0] + c * a_.vec_bytes()]);
            },
            part);
}

// Takes the pairs that all rows see, then single keys: a last odd key that all rows see and,
// causal, the key that each row sees beyond the previous row. Without a mask, the last pair of an
// odd number of keys is padded with zeros.
void EmitValues::EmitPairs(EmitTileGemm& gemm, const TailMask* tail) {
  const auto seen_of_chunk = [&] {
    a_.mov(count_, ctx_.at(&TilesFrame::seen));
    a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
  };
  if (ctx_.has_right_end()) {
    seen_of_chunk();
  } else {
    a_.mov(count_, ctx_.at(&TilesFrame::keys));
    a_.inc(count_);
  }
  a_.shr(count_, 1);
  a_.mov(p_key_, p_);
  a_.mov(v_key_, v_);
  EmitRun(gemm, tail);
  if (!ctx_.has_right_end()) return;
  {
    Label even;
    seen_of_chunk();
    a_.test(count_, 1);
    a_.jz(even, a_.T_NEAR);
    a_.dec(count_);
    EmitHalf(gemm, {});
    a_.L(even);
  }
  for (int row = 1; row < gemm.rows(); ++row) {
    Label outside;
    a_.mov(count_, ctx_.at(&TilesFrame::seen));
    a_.add(count_, row - 1);
    a_.cmp(count_, ctx_.at(&TilesFrame::keys));
    a_.jae(outside, a_.T_NEAR);  // past the chunk, or unsigned: before its first key
    EmitHalf(gemm, {.first_row = row});
    a_.L(outside);
  }
}

// Row i of the block sees the chunk's keys in [seen − span + i, seen + i).
//   for each row:        its keys before the common ones
//   the common keys      for all rows at once
//   for each row:        its keys behind the common ones
// Without a common key, a row's keys are split at the place where the common ones would be.
void EmitValues::EmitWindow(EmitTileGemm& gemm, const TailMask* tail) {
  const bool pairs = ctx_.layout.pairs;
  EmitCommonKeys(gemm);
  EmitEdges(gemm, tail, /*behind=*/false);
  a_.mov(v_key_, ctx_.at(&TilesFrame::common));
  a_.mov(count_, ctx_.at(&TilesFrame::common_end));
  a_.sub(count_, v_key_);
  if (pairs) a_.shr(count_, 1), a_.shr(v_key_, 1);
  a_.imul(p_key_, v_key_, ctx_.layout.tile_bytes);
  a_.add(p_key_, p_);
  a_.imul(v_key_, v_stride_);
  a_.add(v_key_, v_);
  EmitRun(gemm, tail);
  EmitEdges(gemm, tail, /*behind=*/true);
}

// Sets the range of common keys: from the last row's first key to the first row's end. Pairs: whole
// pairs only.
void EmitValues::EmitCommonKeys(const EmitTileGemm& gemm) {
  a_.mov(count_, ctx_.at(&TilesFrame::seen));
  a_.mov(v_key_, count_);
  a_.sub(count_, ctx_.at(&TilesFrame::span));
  a_.add(count_, gemm.rows() - 1);
  a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
  a_.Clamp(v_key_[0], ctx_.at(&TilesFrame::keys), p_key_);
  if (ctx_.layout.pairs) {
    a_.inc(count_);
    a_.and_(count_, -2);
    a_.and_(v_key_, -2);
  }
  a_.cmp(v_key_, count_);
  a_.cmovl(v_key_, count_);
  a_.mov(ctx_.at(&TilesFrame::common), count_);
  a_.mov(ctx_.at(&TilesFrame::common_end), v_key_);
}

// Takes each row's keys before (or behind) the common ones, one by one.
void EmitValues::EmitEdges(EmitTileGemm& gemm, const TailMask* tail, bool behind) {
  for (int row = 0; row < gemm.rows(); ++row) {
    Label next, end;
    a_.mov(count_, ctx_.at(&TilesFrame::seen));
    a_.add(count_, row);
    if (behind) {
      a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
      a_.mov(v_key_, ctx_.at(&TilesFrame::common_end));
    } else {
      a_.mov(v_key_, count_);
      a_.sub(v_key_, ctx_.at(&TilesFrame::span));
      a_.Clamp(v_key_[0], ctx_.at(&TilesFrame::keys), p_key_);
      a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
      a_.mov(p_key_, ctx_.at(&TilesFrame::common));
      a_.cmp(count_, p_key_);
      a_.cmovg(count_, p_key_);
    }
    a_.mov(ctx_.at(&TilesFrame::edge_key), v_key_);
    a_.mov(ctx_.at(&TilesFrame::edge_end), count_);
    a_.L(next);
    a_.mov(count_, ctx_.at(&TilesFrame::edge_key));
    a_.cmp(count_, ctx_.at(&TilesFrame::edge_end));
    a_.jge(end, a_.T_NEAR);
    EmitOneKey(gemm, tail, {.first_row = row, .rows = 1});
    a_.inc(ctx_.at(&TilesFrame::edge_key));
    a_.jmp(next, a_.T_NEAR);
    a_.L(end);
  }
}

// Takes the key with number count_ in the chunk.
void EmitValues::EmitOneKey(EmitTileGemm& gemm, const TailMask* tail,
                            const EmitTileGemm::Part& part) {
  if (ctx_.layout.pairs) return EmitHalf(gemm, part);
  a_.imul(p_key_, count_, ctx_.layout.tile_bytes);
  a_.add(p_key_, p_);
  a_.mov(v_key_, count_);
  a_.imul(v_key_, v_stride_);
  a_.add(v_key_, v_);
  EmitKey(gemm, tail, 0, part);
}

void EmitValues::EmitEnd(const EmitTileGemm& gemm, const RowAddresses& out, const TailMask* tail) {
  Label first, store;
  a_.test(ctx_.at(&TilesFrame::flags), TilesFrame::kFirst);
  a_.jnz(first, a_.T_NEAR);
  for (int r = 0; r < gemm.rows(); ++r) {
    for (int c = 0; c < gemm.vecs(); ++c) {
      const auto address = a_.ptr[out(r) + c * a_.vec_bytes()];
      if (tail != nullptr && c + 1 == gemm.vecs()) {
        io_.Load(gemm.free_operand(), address, *tail);
        a_.Add(gemm.acc(r, c), gemm.acc(r, c), gemm.free_operand());
      } else {
        a_.Add(gemm.acc(r, c), gemm.acc(r, c), address);
      }
    }
  }
  a_.L(first);
  a_.test(ctx_.at(&TilesFrame::flags), TilesFrame::kLast);
  a_.jz(store, a_.T_NEAR);
  EmitScale(gemm, TilesLayout::kInverse);
  a_.L(store);
  EmitStore(gemm, out, tail);
}

void EmitValues::EmitStore(const EmitTileGemm& gemm, const RowAddresses& out,
                           const TailMask* tail) {
  for (int r = 0; r < gemm.rows(); ++r) {
    for (int c = 0; c < gemm.vecs(); ++c) {
      const auto address = a_.ptr[out(r) + c * a_.vec_bytes()];
      tail != nullptr&& c + 1 == gemm.vecs() ? io_.Store(address, gemm.acc(r, c), *tail)
                                             : io_.Store(address, gemm.acc(r, c));
    }
  }
}

// for each row:  out = O [· sigmoid(gate)], rounded
// O of types that are not converted lies in the output already, and still in the L1.
void EmitValues::EmitOutput() {
  SectionScope section(a_, "output");
  const int whole = ctx_.spec.value_dim / a_.lanes(), tail = ctx_.spec.value_dim % a_.lanes();
  const bool converts = ctx_.layout.converts;
  VectorIo io(a_, ctx_.spec.dtype, ctx_.layout.pairs ? Denormals::kMayFlush : Denormals::kKeep);
  RegPool& pool = a_.pool();
  const Vecs x = pool.LeaseVecs("outputs");
  const Gprs from = pool.LeaseGprs("outputs of the row"), row = pool.LeaseGprs("output row");
  const Gprs to = pool.LeaseGprs("output columns"), rows = pool.LeaseGprs("rows left");
  const Gprs blocks = pool.LeaseGprs("blocks");
  std::optional<TailMask> mask;
  if (tail > 0) {
    mask.emplace(a_);
    mask->Set(tail, blocks);
  }
  std::optional<EmitGate> gate;
  const int gate_regs = ctx_.spec.gate ? 1 : 0;
  const Gprs gate_row = pool.LeaseGprs("gates of the row", gate_regs);
  const Gprs gates = pool.LeaseGprs("gates", gate_regs);
  if (ctx_.spec.gate) {
    gate.emplace(a_, ctx_.spec.dtype);
    ctx_.LoadGates(gate_row[0]);
  }
  if (converts) a_.lea(from, a_.ptr[state_ + static_cast<int>(ctx_.layout.outputs)]);
  a_.mov(row, ctx_.at(&TilesFrame::out));
  a_.mov(rows, ctx_.at(&TilesFrame::rows));
  a_.WhileAtLeast(rows, 1, [&] {
    a_.mov(to, row);
    if (gate) a_.mov(gates[0], gate_row[0]);
    a_.Repeat(blocks, whole, [&] {
      converts ? a_.LoadVec(x, a_.ptr[from[0]]) : io.Load(x, a_.ptr[to[0]]);
      if (gate) {
        gate->Emit(x, a_.ptr[gates[0]]);
        a_.add(gates[0], io.vec_bytes());
      }
      io.Store(a_.ptr[to[0]], x);
      if (converts) a_.add(from, a_.vec_bytes());
      a_.add(to, io.vec_bytes());
    });
    if (tail > 0) {
      converts ? a_.LoadVec(x, a_.ptr[from[0]]) : io.Load(x, a_.ptr[to[0]], *mask);
      if (gate) gate->Emit(x, a_.ptr[gates[0]], &*mask);
      io.Store(a_.ptr[to[0]], x, *mask);
      if (converts) a_.add(from, a_.vec_bytes());
    }
    a_.add(row, ctx_.arg(offsetof(AttentionArgs, out_stride)));
    if (gate) a_.add(gate_row[0], ctx_.arg(offsetof(AttentionArgs, gate_stride)));
  });
}

}  // namespace jitattn::jit
