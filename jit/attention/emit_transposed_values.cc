// Oᵀ = Oᵀ·alpha + Vᵀ·P with Oᵀ in scratch.

#include "jit/attention/emit_transposed_values.h"

#include <optional>

#include "jit/attention/emit_gate.h"
#include "jit/parts/emit_transpose.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;

int EmitTransposedValues::VecsNeeded(const TilesConfig& config, const AttentionSpec& spec) {
  const int mask = HasRightEnd(spec.mask) ? TailMask::VecsNeeded(config.isa) : 0;
  return EmitTileGemm::VecsNeeded(config.pv_rows, config.pv_vecs, config.pv_embed) + mask;
}

EmitTransposedValues::EmitTransposedValues(const TilesContext& ctx, const Reg64& state)
    : ctx_(ctx), a_(ctx.a), state_(state) {}

// for each group of pv_vecs vectors of queries:
//   for each pv_rows value columns:
//     acc = 0
//     for each key that the whole group sees:  acc[r][c] += V[key][r] · P[key][c]
//     causal, for each step of `lanes` keys:   the vectors from the step's on, the first one masked
//     windows, for each key before or behind:  each vector, masked
//     Ot = Ot·alpha + acc                      first chunk: Ot = acc; last chunk: · (1/l)
void EmitTransposedValues::EmitChunk() {
  SectionScope section(a_, "values, transposed");
  RegPool& pool = a_.pool();
  group_ = pool.LeaseGprs("state of the queries");
  out_ = pool.LeaseGprs("outputs, transposed");
  v_ = pool.LeaseGprs("V of the columns");
  v_stride_ = pool.LeaseGprs("stride of V");
  p_key_ = pool.LeaseGprs("P of the key");
  v_key_ = pool.LeaseGprs("V of the key");
  count_ = pool.LeaseGprs("keys left");

  ctx_.LoadValueStride(v_stride_);
  a_.mov(group_, state_);
  a_.mov(count_, ctx_.at(&TilesFrame::vecs));
  a_.mov(ctx_.at(&TilesFrame::group_vecs), count_);
  if (ctx_.has_right_end()) {
    a_.mov(count_, ctx_.at(&TilesFrame::diagonal));
    a_.sub(count_, ctx_.at(&TilesFrame::first_key));
    a_.mov(ctx_.at(&TilesFrame::group_diagonal), count_);
  }
  for (int vecs = ctx_.config.pv_vecs; vecs >= 1; --vecs) {
    Label top, end;
    a_.L(top);
    a_.cmp(ctx_.at(&TilesFrame::group_vecs), vecs);
    a_.jl(end, a_.T_NEAR);
    EmitGroup(vecs);
    a_.add(group_, vecs * a_.vec_bytes());
    if (ctx_.has_right_end()) a_.add(ctx_.at(&TilesFrame::group_diagonal), vecs * a_.lanes());
    a_.sub(ctx_.at(&TilesFrame::group_vecs), vecs);
    a_.jmp(top, a_.T_NEAR);
    a_.L(end);
  }
  for (Gprs* lease : {&group_, &out_, &v_, &v_stride_, &p_key_, &v_key_, &count_}) lease->Release();
}

void EmitTransposedValues::EmitGroup(int vecs) {
  a_.mov(v_, ctx_.at(&TilesFrame::v));
  a_.lea(out_, a_.ptr[group_[0] + static_cast<int>(ctx_.layout.outputs)]);
  a_.mov(ctx_.at(&TilesFrame::rows_todo), ctx_.spec.value_dim);
  for (int rows : BlockSizes(ctx_.config.pv_rows)) {
    Label top, end;
    if (rows > ctx_.spec.value_dim) continue;
    a_.L(top);
    a_.cmp(ctx_.at(&TilesFrame::rows_todo), rows);
    a_.jl(end, a_.T_NEAR);
    EmitBlock(rows, vecs);
    a_.add(v_, rows * a_.elem_bytes());
    a_.add(out_, rows * ctx_.layout.tile_bytes);
    a_.sub(ctx_.at(&TilesFrame::rows_todo), rows);
    a_.jmp(top, a_.T_NEAR);
    a_.L(end);
  }
}

void EmitTransposedValues::EmitBlock(int rows, int vecs) {
  EmitTileGemm gemm(a_, "outputs", rows, vecs, ctx_.config.pv_embed);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < vecs; ++c) a_.Zero(gemm.acc(r, c));
  if (ctx_.has_left_end()) {
    EmitWindow(gemm);
  } else {
    EmitKeys(gemm);
    if (ctx_.has_right_end()) EmitDiagonal(gemm);
  }
  EmitEnd(gemm);
}

Xbyak::Address EmitTransposedValues::Accumulator(int r, int c) {
  return a_.ptr[out_[0] + (r * ctx_.layout.tile_bytes + c * a_.vec_bytes())];
}

void EmitTransposedValues::EmitKey(EmitTileGemm& gemm, int key, const EmitTileGemm::Part& part) {
  gemm.Step([&](int r) { return v_key_[0] + r * a_.elem_bytes(); },
            [&](const Vec& x, int c) {
              a_.LoadVec(x,
                         a_.ptr[p_key_[0] + (key * ctx_.layout.tile_bytes + c * a_.vec_bytes())]);
            },
            part);
  if (ctx_.config.prefetch > 0)
    a_.prefetcht0(a_.ptr[v_key_[0] + v_stride_[0] * ctx_.config.prefetch]);
  // The next blocks' columns begin in this line and continue in the next one.
  if (ctx_.config.pv_ahead != 0) EmitFetch(a_, ctx_.config.pv_ahead, a_.ptr[v_key_[0] + 64]);
  a_.add(v_key_, v_stride_);
}

void EmitTransposedValues::EmitKeys(EmitTileGemm& gemm) {
  if (ctx_.has_right_end()) {
    a_.mov(count_, ctx_.at(&TilesFrame::group_diagonal));
    a_.Clamp(count_[0], ctx_.at(&TilesFrame::keys), p_key_);
    a_.mov(ctx_.at(&TilesFrame::key), count_);
  } else {
    a_.mov(count_, ctx_.at(&TilesFrame::keys));
  }
  a_.lea(p_key_, a_.ptr[group_[0] + static_cast<int>(ctx_.layout.scores)]);
  a_.mov(v_key_, v_);
  EmitRun(gemm);
}

// Takes count_ keys for the whole group, from p_key_ and v_key_ on.
void EmitTransposedValues::EmitRun(EmitTileGemm& gemm) {
  for (int keys : BlockSizes(ctx_.config.pv_unroll)) {
    a_.WhileAtLeast(count_, keys, [&] {
      for (int key = 0; key < keys; ++key) EmitKey(gemm, key, {});
      a_.add(p_key_, keys * ctx_.layout.tile_bytes);
    });
  }
}

// Takes the same steps as EmitScores: key group_diagonal + lanes·s + i is hidden from the first i
// lanes of vector s, and from all vectors before it.
void EmitTransposedValues::EmitDiagonal(EmitTileGemm& gemm) {
  const Gprs hidden = a_.pool().LeaseGprs("hidden lanes"), temp = a_.pool().LeaseGprs("temp");
  TailMask mask(a_);
  Label end;
  a_.mov(hidden, ctx_.at(&TilesFrame::key));
  a_.sub(hidden, ctx_.at(&TilesFrame::group_diagonal));
  for (int c = 0; c < gemm.vecs(); ++c) {
    Label next_key, next_vector;
    a_.L(next_key);
    a_.cmp(hidden, a_.lanes());
    a_.jge(next_vector, a_.T_NEAR);
    a_.mov(temp, ctx_.at(&TilesFrame::key));
    a_.cmp(temp, ctx_.at(&TilesFrame::keys));
    a_.jge(end, a_.T_NEAR);
    mask.Set(hidden, temp);
    EmitKey(gemm, 0, {.first_col = c, .hidden = &mask});
    a_.add(p_key_, ctx_.layout.tile_bytes);
    a_.inc(hidden);
    a_.inc(ctx_.at(&TilesFrame::key));
    a_.jmp(next_key, a_.T_NEAR);
    a_.L(next_vector);
    a_.sub(hidden, a_.lanes());
  }
  a_.L(end);
}

// Lane i of the group sees the chunk's keys from group_diagonal − span + 1 + i to group_diagonal +
// i. All lanes see the common keys; keys before and behind these are masked.
void EmitTransposedValues::EmitWindow(EmitTileGemm& gemm) {
  const int lanes = gemm.vecs() * a_.lanes();
  // v_key_ ← the begin or end of the first lane's keys, plus `further`, clipped to the chunk.
  const auto load = [&](bool begin, int further) {
    a_.mov(v_key_, ctx_.at(&TilesFrame::group_diagonal));
    if (begin) a_.sub(v_key_, ctx_.at(&TilesFrame::span));
    a_.add(v_key_, 1 + further);
    a_.Clamp(v_key_[0], ctx_.at(&TilesFrame::keys), p_key_);
  };
  const auto address = [&] {  // p_key_, v_key_ ← P and V of key v_key_
    a_.imul(p_key_, v_key_, ctx_.layout.tile_bytes);
    a_.lea(p_key_, a_.ptr[p_key_[0] + group_[0] + static_cast<int>(ctx_.layout.scores)]);
    a_.imul(v_key_, v_stride_);
    a_.add(v_key_, v_);
  };
  load(true, lanes - 1);
  a_.mov(ctx_.at(&TilesFrame::common), v_key_);
  a_.mov(ctx_.at(&TilesFrame::edge_end), v_key_);
  a_.mov(count_, v_key_);
  load(false, 0);
  a_.cmp(v_key_, count_);
  a_.cmovl(v_key_, count_);
  a_.mov(ctx_.at(&TilesFrame::common_end), v_key_);

  load(true, 0);
  a_.mov(ctx_.at(&TilesFrame::edge_key), v_key_);
  address();
  EmitEdge(gemm);
  a_.mov(v_key_, ctx_.at(&TilesFrame::common));
  a_.mov(count_, ctx_.at(&TilesFrame::common_end));
  a_.sub(count_, v_key_);
  address();
  EmitRun(gemm);
  load(false, lanes - 1);
  a_.mov(ctx_.at(&TilesFrame::edge_end), v_key_);
  a_.mov(v_key_, ctx_.at(&TilesFrame::common_end));
  a_.mov(ctx_.at(&TilesFrame::edge_key), v_key_);
  address();
  EmitEdge(gemm);
}

// Takes the keys in [edge_key, edge_end). p_key_ and v_key_ point to P and V of the first one. P
// may be undefined for vectors that do not see a key.
void EmitTransposedValues::EmitEdge(EmitTileGemm& gemm) {
  const Gprs first = a_.pool().LeaseGprs("first lane that sees the key");
  const Gprs end = a_.pool().LeaseGprs("first lane that does not any more");
  const Gprs temp = a_.pool().LeaseGprs("temp");
  TailMask hidden(a_);
  Label next, done;
  a_.L(next);
  a_.mov(first, ctx_.at(&TilesFrame::edge_key));
  a_.cmp(first, ctx_.at(&TilesFrame::edge_end));
  a_.jge(done, a_.T_NEAR);
  for (int c = 0; c < gemm.vecs(); ++c) {
    Label unseen;
    a_.mov(first, ctx_.at(&TilesFrame::edge_key));
    a_.sub(first, ctx_.at(&TilesFrame::group_diagonal));
    a_.sub(first, c * a_.lanes());
    a_.mov(end, first);
    a_.add(end, ctx_.at(&TilesFrame::span));
    a_.Clamp(first[0], a_.lanes(), temp);
    a_.Clamp(end[0], a_.lanes(), temp);
    a_.cmp(first, end);
    a_.jge(unseen, a_.T_NEAR);
    hidden.SetOutside(first, end, temp);
    gemm.Step(
        [&](int r) { return v_key_[0] + r * a_.elem_bytes(); },
        [&](const Vec& x, int col) { a_.LoadVec(x, a_.ptr[p_key_[0] + col * a_.vec_bytes()]); },
        {.first_col = c, .cols = 1, .hidden = &hidden});
    a_.L(unseen);
  }
  a_.add(p_key_, ctx_.layout.tile_bytes);
  a_.add(v_key_, v_stride_);
  a_.inc(ctx_.at(&TilesFrame::edge_key));
  a_.jmp(next, a_.T_NEAR);
  a_.L(done);
}

void EmitTransposedValues::EmitEnd(const EmitTileGemm& gemm) {
  Label first, store;
  a_.test(ctx_.at(&TilesFrame::flags), TilesFrame::kFirst);
  a_.jnz(first, a_.T_NEAR);
  // alpha is 1 if nothing was rescaled; the product costs no more than the sum.
  for (int c = 0; c < gemm.vecs(); ++c) {
    const int alpha = ctx_.layout.state(TilesLayout::kAlpha) + c * a_.vec_bytes();
    a_.LoadVec(gemm.free_operand(), a_.ptr[group_[0] + alpha]);
    for (int r = 0; r < gemm.rows(); ++r)
      a_.Fma231(gemm.acc(r, c), gemm.free_operand(), Accumulator(r, c));
  }
  a_.L(first);
  a_.test(ctx_.at(&TilesFrame::flags), TilesFrame::kLast);
  a_.jz(store, a_.T_NEAR);
  for (int c = 0; c < gemm.vecs(); ++c) {
    const int inverse = ctx_.layout.state(TilesLayout::kInverse) + c * a_.vec_bytes();
    a_.LoadVec(gemm.free_operand(), a_.ptr[group_[0] + inverse]);
    for (int r = 0; r < gemm.rows(); ++r)
      a_.Mul(gemm.acc(r, c), gemm.acc(r, c), gemm.free_operand());
  }
  a_.L(store);
  for (int r = 0; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c) a_.StoreVec(Accumulator(r, c), gemm.acc(r, c));
}

// Registers and emitters of the output.
struct EmitTransposedValues::Output {
  Output(Assembler& a, const AttentionSpec& spec, int lanes)
      : io(a, spec.dtype), x(a, "square of outputs") {
    if (spec.value_dim % lanes > 0) mask.emplace(a);
    RegPool& pool = a.pool();
    rows = pool.LeaseGprs("rows of this vector");
    stride = pool.LeaseGprs("stride");
    left = pool.LeaseGprs("rows left");
    from = pool.LeaseGprs("outputs, transposed");
    src = pool.LeaseGprs("load");
    dst = pool.LeaseGprs("output columns");
    row = pool.LeaseGprs("row");
    blocks = pool.LeaseGprs("blocks");
    if (!spec.gate) return;
    gate_rows = pool.LeaseGprs("gates of the rows of this vector");
    gate_columns = pool.LeaseGprs("gate columns");
    gates = pool.LeaseGprs("gates of the row");
    gate.emplace(a, spec.dtype);
  }

  VectorIo io;
  EmitTranspose x;
  std::optional<TailMask> mask;
  Gprs rows, stride, left, from, src, dst, row, blocks;
  Gprs gate_rows, gate_columns, gates;
  std::optional<EmitGate> gate;
};

// for each vector of rows:            `left` rows, at most `lanes`
//   for each `lanes` columns d:
//     x[i] = Ot[d + i]
//     transpose x
//     O[i][d …] = x[i] [· sigmoid(gate)]   for i < left
void EmitTransposedValues::EmitOutput() {
  SectionScope section(a_, "output");
  const TilesLayout& layout = ctx_.layout;
  const int lanes = layout.lanes;
  const int whole = ctx_.spec.value_dim / lanes, tail = ctx_.spec.value_dim % lanes;
  Output o(a_, ctx_.spec, lanes);
  if (tail > 0) o.mask->Set(tail, o.blocks);
  if (o.gate) ctx_.LoadGates(o.gate_rows[0]);
  a_.mov(o.stride, ctx_.arg(offsetof(AttentionArgs, out_stride)));
  a_.mov(o.rows, ctx_.at(&TilesFrame::out));
  a_.mov(o.left, ctx_.at(&TilesFrame::rows));
  a_.lea(o.from, a_.ptr[state_ + static_cast<int>(layout.outputs)]);
  Label top;
  a_.L(top);
  a_.mov(o.src, o.from);
  a_.mov(o.dst, o.rows);
  if (o.gate) a_.mov(o.gate_columns[0], o.gate_rows[0]);
  a_.Repeat(o.blocks, whole, [&] {
    EmitSquare(o, lanes);
    a_.add(o.src, lanes * layout.tile_bytes);
    a_.add(o.dst, o.io.vec_bytes());
    if (o.gate) a_.add(o.gate_columns[0], o.io.vec_bytes());
  });
  if (tail > 0) EmitSquare(o, tail);
  AddMultiple(a_, o.rows, o.stride, lanes);
  if (o.gate) {
    a_.imul(o.blocks, ctx_.arg(offsetof(AttentionArgs, gate_stride)), lanes);
    a_.add(o.gate_rows[0], o.blocks);
  }
  a_.add(o.from, layout.vec_bytes);
  a_.sub(o.left, lanes);
  a_.jg(top, a_.T_NEAR);
}

void EmitTransposedValues::EmitSquare(Output& o, int columns) {
  const int lanes = ctx_.layout.lanes;
  const TailMask* const tail = columns == lanes ? nullptr : &*o.mask;
  for (int i = 0; i < columns; ++i)
    a_.LoadVec(o.x[i], a_.ptr[o.src[0] + i * ctx_.layout.tile_bytes]);
  o.x.Emit();
  Label end;
  a_.mov(o.row, o.dst);
  if (o.gate) a_.mov(o.gates[0], o.gate_columns[0]);
  for (int i = 0; i < lanes; ++i) {
    if (i > 0) {
      a_.cmp(o.left, i);
      a_.jle(end, a_.T_NEAR);
      a_.add(o.row, o.stride);
      if (o.gate) a_.add(o.gates[0], ctx_.arg(offsetof(AttentionArgs, gate_stride)));
    }
    if (o.gate) o.gate->Emit(o.x[i], a_.ptr[o.gates[0]], tail);
    tail == nullptr ? o.io.Store(a_.ptr[o.row[0]], o.x[i])
                    : o.io.Store(a_.ptr[o.row[0]], o.x[i], *tail);
  }
  a_.L(end);
}

}  // namespace jitattn::jit
