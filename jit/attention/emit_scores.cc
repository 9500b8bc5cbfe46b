// S = Q·Kᵀ for one column group of the tile, and the operations on its accumulators.

#include "jit/attention/emit_scores.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <optional>

#include "jit/attention/emit_bias.h"
#include "jit/attention/emit_sum.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

using Xbyak::Label;
using Xbyak::Reg64;

int EmitScores::VecsNeeded(const TilesConfig& config, const AttentionSpec& spec) {
  const int accumulators = config.qk_keys * config.qk_vecs;
  const int ends = config.isa == Isa::kAvx512 ? 2 : 3;
  const int beside = std::max(
      EmitSoftmax::VecsNeeded(config, config.qk_vecs),
      std::max({HasLeftEnd(spec.mask) ? ends : 0, EmitScoreParts::VecsNeeded(spec, config.isa),
                EmitBiasSum::VecsNeeded(spec, config.isa)}));
  return std::max(EmitTileGemm::VecsNeeded(config.qk_keys, config.qk_vecs, config.qk_embed),
                  accumulators + beside);
}

// A narrower block takes more keys, up to 12, to keep the number of accumulators. With fewer
// accumulators the FMAs would wait for each other or for loads (AVX2: 6 × 1 has 7 loads for 6 FMAs,
// 12 × 1 has 13 for 12). More keys also mean fewer blocks and less overhead per block.
int EmitScores::KeysAt(int vecs) const {
  constexpr int kMost = 12;
  const TilesConfig& c = ctx_.config;
  return std::max(c.qk_keys, std::min(kMost, c.qk_keys * c.qk_vecs / vecs));
}

EmitScores::EmitScores(const TilesContext& ctx, const Reg64& state)
    : ctx_(ctx),
      a_(ctx.a),
      softmax_(ctx),
      parts_(ctx.a, ctx.spec, ctx.frame + ctx.score_slots()),
      entry_(ctx.config.qk_vecs + 1),
      rescale_(ctx.config.qk_vecs + 1),
      state_(state) {
  const Gprs any = a_.pool().LeaseGprs("arguments of the scores", 5);
  k_ = any[0], stride_ = any[1], keys_ = any[2], hidden_ = any[3], scores_ = any[4];
}

EmitScores::Arguments EmitScores::LeaseArguments() {
  RegPool& pool = a_.pool();
  return {pool.LeaseGpr("K", k_), pool.LeaseGpr("stride of K", stride_),
          pool.LeaseGpr("keys left", keys_), pool.LeaseGpr("hidden lanes", hidden_),
          pool.LeaseGpr("scores", scores_)};
}

// for each column group of qk_vecs vectors:
//   keys that all of its queries see:          the whole group
//   causal, for each step of `lanes` keys:     the columns from the step's on, the first one masked
//   windows:        all keys that any of its queries sees at once, blocks at an end masked
void EmitScores::EmitChunk() {
  SectionScope section(a_, "scores");
  const Arguments arguments = LeaseArguments();
  const Gprs temp = a_.pool().LeaseGprs("temp");
  const int group_bytes = ctx_.config.qk_vecs * a_.vec_bytes();

  softmax_.EmitResetChunk(state_);
  ctx_.LoadKeyStride(stride_);
  a_.mov(ctx_.at(&TilesFrame::group), state_);
  a_.mov(temp, ctx_.at(&TilesFrame::vecs));
  a_.mov(ctx_.at(&TilesFrame::group_vecs), temp);
  if (ctx_.has_right_end()) {
    a_.mov(temp, ctx_.at(&TilesFrame::diagonal));
    a_.sub(temp, ctx_.at(&TilesFrame::first_key));
    a_.mov(ctx_.at(&TilesFrame::group_diagonal), temp);
  }

  Label next_group;
  a_.L(next_group);
  a_.mov(temp, ctx_.at(&TilesFrame::group_vecs));
  a_.Clamp(temp[0], ctx_.config.qk_vecs, keys_);
  a_.mov(ctx_.at(&TilesFrame::width), temp);
  a_.mov(k_, ctx_.at(&TilesFrame::v));
  a_.mov(ctx_.at(&TilesFrame::first_values), k_);
  a_.mov(k_, ctx_.at(&TilesFrame::k));
  a_.lea(scores_, a_.ptr[state_ + ctx_.layout.scores]);
  if (ctx_.spec.has_score_parts()) {
    a_.mov(temp, ctx_.arg(offsetof(AttentionArgs, first_key)));
    a_.add(temp, ctx_.at(&TilesFrame::first_key));
    a_.mov(ctx_.at(&TilesFrame::block_key), temp);
  }
  if (ctx_.has_left_end()) {
    EmitSkipUnseen(temp);
  } else if (ctx_.has_right_end()) {
    a_.mov(keys_, ctx_.at(&TilesFrame::group_diagonal));
    a_.Clamp(keys_, ctx_.at(&TilesFrame::keys), temp);
    a_.mov(ctx_.at(&TilesFrame::key), keys_);
    a_.mov(hidden_, -1);
  } else {
    a_.mov(keys_, ctx_.at(&TilesFrame::keys));
  }
  EmitCall();
  if (ctx_.has_right_end() && !ctx_.has_left_end()) EmitDiagonal();
  a_.mov(state_, ctx_.at(&TilesFrame::group));
  a_.add(state_, group_bytes);
  a_.mov(ctx_.at(&TilesFrame::group), state_);
  if (ctx_.has_right_end())
    a_.add(ctx_.at(&TilesFrame::group_diagonal), ctx_.config.qk_vecs * a_.lanes());
  a_.sub(ctx_.at(&TilesFrame::group_vecs), ctx_.config.qk_vecs);
  a_.jg(next_group, a_.T_NEAR);

  a_.mov(state_, ctx_.arg(offsetof(AttentionArgs, scratch)));
  if (!ctx_.config.fuse_exp) {
    softmax_.EmitStored(state_, scores_, rescale_[1]);
    a_.mov(state_, ctx_.arg(offsetof(AttentionArgs, scratch)));
  }
}

// Windows: moves k_, keys_, scores_ and hidden_ to the first chunk key that the group sees.
void EmitScores::EmitSkipUnseen(const Reg64& temp) {
  a_.mov(keys_, ctx_.at(&TilesFrame::group_diagonal));
  a_.mov(hidden_, keys_);
  a_.add(keys_, ctx_.config.qk_vecs * a_.lanes());
  a_.Clamp(keys_, ctx_.at(&TilesFrame::keys), temp);
  a_.sub(hidden_, ctx_.at(&TilesFrame::span));
  a_.inc(hidden_);
  a_.Clamp(hidden_, keys_, temp);
  if (ctx_.layout.pairs) a_.and_(hidden_, -2);
  a_.sub(keys_, hidden_);
  if (ctx_.spec.has_score_parts()) a_.add(ctx_.at(&TilesFrame::block_key), hidden_);
  a_.mov(temp, hidden_);
  a_.imul(temp, stride_);
  a_.add(k_, temp);
  a_.imul(temp, hidden_, ctx_.layout.tile_bytes);
  a_.add(scores_, temp);
  a_.sub(hidden_, ctx_.at(&TilesFrame::group_diagonal));
}

// Step s of the diagonal takes the group's columns s, s + 1, … and the `lanes` chunk keys from
// group_diagonal + lanes·s on, clipped to the chunk. Lane i of column s sees the first i + 1 keys.
void EmitScores::EmitDiagonal() {
  const Gprs temp = a_.pool().LeaseGprs("temp"), step = a_.pool().LeaseGprs("step");
  Label next_step, end, skip;
  a_.mov(step, ctx_.at(&TilesFrame::group_diagonal));
  a_.mov(ctx_.at(&TilesFrame::step), step);
  a_.L(next_step);
  a_.mov(temp, ctx_.at(&TilesFrame::key));
  a_.cmp(temp, ctx_.at(&TilesFrame::keys));
  a_.jge(end, a_.T_NEAR);
  a_.mov(hidden_, temp);
  a_.sub(hidden_, ctx_.at(&TilesFrame::step));
  a_.add(ctx_.at(&TilesFrame::step), a_.lanes());
  a_.mov(keys_, ctx_.at(&TilesFrame::step));
  a_.Clamp(keys_, ctx_.at(&TilesFrame::keys), step);
  a_.mov(ctx_.at(&TilesFrame::key), keys_);
  a_.sub(keys_, temp);
  EmitCall();
  a_.add(state_, a_.vec_bytes());
  a_.add(scores_, a_.vec_bytes());
  a_.dec(ctx_.at(&TilesFrame::width));
  a_.jnz(next_step, a_.T_NEAR);
  a_.L(end);
}

void EmitScores::EmitCall() {
  const Gprs width = a_.pool().LeaseGprs("width");
  Label done;
  a_.mov(width, ctx_.at(&TilesFrame::width));
  for (int vecs = ctx_.config.qk_vecs; vecs > 1; --vecs) {
    Label other;
    a_.cmp(width, vecs);
    a_.jne(other, a_.T_NEAR);
    a_.call(entry_[vecs]);
    a_.jmp(done, a_.T_NEAR);
    a_.L(other);
  }
  a_.call(entry_[1]);
  a_.L(done);
}

void EmitScores::EmitSubroutines() {
  for (int vecs = ctx_.config.qk_vecs; vecs >= 1; --vecs) {
    const Arguments arguments = LeaseArguments();
    {
      SectionScope section(a_, "qk × " + std::to_string(vecs));
      a_.AlignCode(32);
      a_.L(entry_[vecs]);
      for (int keys : BlockSizes(KeysAt(vecs)))
        a_.WhileAtLeast(keys_, keys, [&] { EmitBlock(keys, vecs); });
      a_.ret();
    }
    // The largest block's accumulators are live at the start of rescaling.
    const Vecs accumulators = a_.pool().LeaseVecs("scores", KeysAt(vecs) * vecs);
    a_.L(rescale_[vecs]);
    softmax_.EmitRescale(vecs, state_, scores_);
  }
}

void EmitScores::EmitBlock(int keys, int vecs) {
  EmitTileGemm gemm(a_, "scores", keys, vecs, ctx_.config.qk_embed, ctx_.layout.pairs);
  const Gprs temp = a_.pool().LeaseGprs("iterations");
  EmitProducts(gemm, temp);
  EmitFinish(gemm, temp);
  EmitFetchValues(keys);
}

// acc[key][c] = 0
// for d: acc[key][c] += K[key][d] · Qt[d][c]
void EmitScores::EmitProducts(EmitTileGemm& gemm, const Reg64& temp) {
  const TilesLayout& layout = ctx_.layout;
  const int depth = layout.depth - (layout.odd ? 1 : 0);  // whole elements
  const int unroll = std::clamp(depth, 1, ctx_.config.qk_unroll);
  const int iterations = depth / unroll;
  RowAddresses rows(a_, k_, stride_, gemm.rows());
  const Gprs q = a_.pool().LeaseGprs("queries");
  rows.Set();
  a_.lea(q, a_.ptr[state_ + layout.queries]);
  for (int r = 0; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c) a_.Zero(gemm.acc(r, c));
  const auto step = [&](int u, const EmitTileGemm::Part& part) {
    gemm.Step([&](int r) { return rows(r) + u * layout.elem_bytes; },
              [&](const Vec& x, int c) {
                a_.LoadVec(x, a_.ptr[q[0] + (u * layout.tile_bytes + c * layout.vec_bytes)]);
              },
              part);
  };
  const auto steps = [&](int count) {
    for (int u = 0; u < count; ++u) step(u, {});
  };
  a_.Repeat(temp, iterations, [&] {
    EmitFetchAhead(gemm.rows());
    steps(unroll);
    rows.Advance(unroll * layout.elem_bytes);
    a_.add(q, unroll * layout.tile_bytes);
  });
  const int rest = depth - iterations * unroll;
  steps(rest);
  if (layout.odd) {
    const Opmasks lower = a_.pool().LeaseMasks("lower words");
    const Vecs pair = a_.pool().LeaseVecs("last column");
    a_.mov(temp.cvt32(), 0x55555555);
    a_.kmovd(lower[0], temp.cvt32());
    step(rest, {.lower = &lower[0], .pair = &pair[0]});
  }
  a_.sub(k_, iterations * unroll * layout.elem_bytes);
  AddMultiple(a_, k_, stride_, gemm.rows());
  gemm.ReleaseOperands();
}

// acc = score parts applied to acc, plus the bias
// acc = −∞ where a query does not see the key
// softmax on the accumulators; S[key][c] = acc[key][c]
void EmitScores::EmitFinish(const EmitTileGemm& gemm, const Reg64& temp) {
  const TilesLayout& layout = ctx_.layout;
  const int keys = gemm.rows(), vecs = gemm.vecs();
  if (layout.pairs) {
    const Vecs scale = a_.pool().LeaseVecs("scale");
    a_.Broadcast(scale, ctx_.at(&TilesFrame::scale));
    for (int r = 0; r < keys; ++r)
      for (int c = 0; c < vecs; ++c) a_.Mul(gemm.acc(r, c), gemm.acc(r, c), scale);
  }
  if (ctx_.spec.has_score_parts()) EmitParts(gemm, temp);
  if (ctx_.has_bias()) EmitBias::EmitAdd(ctx_, gemm, scores_);
  if (ctx_.has_left_end()) {
    EmitHideOutsideWindow(gemm, temp);
  } else if (ctx_.has_right_end()) {
    EmitHide(gemm, temp);
  }
  if (ctx_.config.fuse_exp) {
    softmax_.EmitFused(gemm, state_, temp, rescale_[vecs]);
  } else {
    softmax_.EmitChunkMaximum(gemm, state_);
  }
  for (int r = 0; r < keys; ++r) {
    for (int c = 0; c < vecs; ++c)
      a_.StoreVec(a_.ptr[scores_ + (r * layout.tile_bytes + c * layout.vec_bytes)], gemm.acc(r, c));
  }
  a_.add(scores_, keys * layout.tile_bytes);
}

// Fetches the first value columns of this block's keys, where P·V begins.
void EmitScores::EmitFetchValues(int keys) {
  if (ctx_.config.pv_ahead == 0) return;
  const Gprs row = a_.pool().LeaseGprs("values"), stride = a_.pool().LeaseGprs("their stride");
  const int bytes =
      ctx_.config.pv == PvForm::kTransposed ? 1 : ctx_.config.pv_vecs * a_.vec_bytes();
  const int rows = ctx_.layout.pairs ? (keys + 1) / 2 : keys;
  a_.mov(row, ctx_.at(&TilesFrame::first_values));
  ctx_.LoadValueStride(stride);
  for (int r = 0; r < rows; ++r) {
    for (int at = 0; at < bytes; at += 64) EmitFetch(a_, ctx_.config.pv_ahead, a_.ptr[row[0] + at]);
    a_.add(row, stride);
  }
  a_.mov(ctx_.at(&TilesFrame::first_values), row);
}

// Fetches the next block's keys at this block's position in the row. From beyond the L2 they would
// arrive too late for the broadcasts. A line is fetched several times; the extra fetches use no
// scarce resource. (Rows a multiple of 2 KiB apart share one or two sets of the L1, which cannot
// hold both blocks.)
void EmitScores::EmitFetchAhead(int keys) {
  if (ctx_.config.qk_ahead == 0) return;
  const Gprs row = a_.pool().LeaseGprs("next block's keys");
  a_.mov(row, k_);
  AddMultiple(a_, row, stride_, keys);
  for (int r = 0; r < keys; ++r) {
    if (r > 0 && r % 3 == 0) AddMultiple(a_, row, stride_, 3);
    EmitFetch(a_, ctx_.config.qk_ahead,
              r % 3 == 0 ? a_.ptr[row[0]] : a_.ptr[row[0] + stride_ * (r % 3)]);
  }
}

Xbyak::Address EmitScores::FirstCoordinate(Coordinate what) {
  const size_t offset = offsetof(TilesFrame, coordinates) + static_cast<size_t>(what) * 8;
  return a_.qword[ctx_.frame + offset];
}

// All scores of a call are of one head, with one slope.
void EmitScores::EmitPrepareParts() {
  parts_.EmitPrepare();
  if (!parts_.Needs(Coordinate::kSlope)) return;
  const Vecs lease = a_.pool().LeaseVecs("slope");
  const Gprs slopes = a_.pool().LeaseGprs("slopes");
  const Xbyak::Xmm slope(lease[0].getIdx());
  a_.mov(slopes, ctx_.arg(offsetof(AttentionArgs, alibi_slopes)));
  EmitFloat(a_, slope, a_.ptr[slopes[0]]);
  a_.vmovq(FirstCoordinate(Coordinate::kSlope), slope);
}

// Relative to the block's first score, vector (r, c) is r keys and c · lanes queries further; each
// lane is one more query further.
void EmitScores::EmitParts(const EmitTileGemm& gemm, const Reg64& temp) {
  for (const Coordinate what : kCoordinates) {
    if (!parts_.Needs(what) || what == Coordinate::kSlope) continue;
    const Vecs x = a_.pool().LeaseVecs("coordinate");
    EmitFirstCoordinate(what, temp);
    a_.BroadcastInteger(x, temp);
    a_.vmovq(FirstCoordinate(what), Xbyak::Xmm(x[0].getIdx()));
  }
  parts_.EmitApply(gemm.all(), [&](Coordinate what, const Vec& to, int i) {
    const int key = i / gemm.vecs(), query = i % gemm.vecs() * a_.lanes();
    a_.Broadcast(to, FirstCoordinate(what));
    if (what == Coordinate::kHead || what == Coordinate::kSlope) return;
    std::vector<double> further;
    for (int lane = 0; lane < a_.lanes(); ++lane) {
      further.push_back(what == Coordinate::kQuery ? query + lane
                        : what == Coordinate::kKey ? key
                                                   : key - query - lane);
    }
    a_.Add(to, to, a_.Consts(further));
  });
  a_.add(ctx_.at(&TilesFrame::block_key), gemm.rows());
}

// to ← the coordinate of the block's first score: key block_key, first query of state_.
void EmitScores::EmitFirstCoordinate(Coordinate what, const Reg64& to) {
  if (what == Coordinate::kKey) return a_.mov(to, ctx_.at(&TilesFrame::block_key));
  if (what == Coordinate::kHead) return a_.mov(to, ctx_.arg(offsetof(AttentionArgs, first_head)));
  a_.mov(to, state_);
  a_.sub(to, ctx_.arg(offsetof(AttentionArgs, scratch)));
  a_.shr(to, std::countr_zero(static_cast<unsigned>(a_.elem_bytes())));
  a_.add(to, ctx_.arg(offsetof(AttentionArgs, first_query)));
  a_.add(to, ctx_.arg(offsetof(AttentionArgs, q_rows)));
  a_.sub(to, ctx_.at(&TilesFrame::rows_left));
  if (what == Coordinate::kQuery) return;
  a_.neg(to);
  a_.add(to, ctx_.at(&TilesFrame::block_key));
}

void EmitScores::EmitHide(const EmitTileGemm& gemm, const Reg64& temp) {
  Label seen;
  a_.test(hidden_, hidden_);
  a_.js(seen, a_.T_NEAR);
  TailMask mask(a_);
  for (int r = 0; r < gemm.rows(); ++r) {
    mask.Set(hidden_, temp);
    mask.Fill(gemm.acc(r, 0), a_.Const(-std::numeric_limits<double>::infinity()));
    a_.inc(hidden_);
  }
  a_.L(seen);
}

// Lane i of the group sees the block's key r if hidden_ + r ≤ i < hidden_ + r + span. A block whose
// keys are visible to all lanes is unchanged.
void EmitScores::EmitHideOutsideWindow(const EmitTileGemm& gemm, const Reg64& temp) {
  constexpr int kLessOrEqual = 2, kGreater = 14;  // predicates; no operand is NaN
  const bool f64 = a_.compute() == DType::kF64;
  const Vecs first = a_.pool().LeaseVecs("first lane that sees the key");
  const Vecs end = a_.pool().LeaseVecs("first lane that does not any more");
  const Vecs hidden = a_.pool().LeaseVecs("hidden lanes", a_.avx512() ? 0 : 1);
  const Opmasks mask = a_.pool().LeaseMasks("hidden lanes", a_.avx512() ? 1 : 0);
  const auto infinity = a_.Const(-std::numeric_limits<double>::infinity());
  const auto hide = [&](const Vec& x, const Vec& bound, const Xbyak::Address& lanes, int beyond) {
    if (a_.avx512()) {
      f64 ? a_.vcmppd(mask[0], bound, lanes, beyond) : a_.vcmpps(mask[0], bound, lanes, beyond);
      f64 ? a_.vmovapd(x | mask[0], infinity) : a_.vmovaps(x | mask[0], infinity);
    } else {
      f64 ? a_.vcmppd(hidden[0], bound, lanes, beyond) : a_.vcmpps(hidden[0], bound, lanes, beyond);
      f64 ? a_.vblendvpd(x, x, infinity, hidden[0]) : a_.vblendvps(x, x, infinity, hidden[0]);
    }
  };
  Label edge, seen;
  a_.lea(temp, a_.ptr[hidden_ + (gemm.rows() - 1)]);
  a_.test(temp, temp);
  a_.jg(edge, a_.T_NEAR);
  a_.mov(temp, hidden_);
  a_.add(temp, ctx_.at(&TilesFrame::span));
  a_.cmp(temp, gemm.vecs() * a_.lanes());
  a_.jge(seen, a_.T_NEAR);
  a_.L(edge);
  a_.BroadcastInteger(first, hidden_);
  a_.mov(temp, hidden_);
  a_.add(temp, ctx_.at(&TilesFrame::span));
  a_.BroadcastInteger(end, temp);
  std::vector<double> lanes(a_.lanes());
  for (int r = 0; r < gemm.rows(); ++r) {
    for (int c = 0; c < gemm.vecs(); ++c) {
      std::iota(lanes.begin(), lanes.end(), c * a_.lanes());
      hide(gemm.acc(r, c), first, a_.Consts(lanes), kGreater);
      hide(gemm.acc(r, c), end, a_.Consts(lanes), kLessOrEqual);
    }
    if (r + 1 == gemm.rows()) break;
    a_.Add(first, first, a_.Const(1));
    a_.Add(end, end, a_.Const(1));
  }
  a_.L(seen);
  a_.add(hidden_, gemm.rows());
}

}  // namespace jitattn::jit
