// The online softmax. All steps are vertical: a lane is a query.

#include "jit/attention/emit_softmax.h"

#include <algorithm>
#include <limits>
#include <numbers>
#include <vector>

#include "jit/attention/config_rules.h"
#include "jit/attention/emit_sum.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using Xbyak::Address;
using Xbyak::Label;
using Xbyak::Reg64;
using Layout = TilesLayout;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kNotLessEqual = 22;  // predicate NLE_UQ: true for NaN

}  // namespace

int EmitSoftmax::VecsNeeded(const TilesConfig& config, int vecs) {
  const int test = vecs + (config.isa == Isa::kAvx512 ? 0 : 1);
  const int rescale = vecs + 2;
  const int exps = config.fuse_exp ? 2 * config.exp_vecs : 0;
  return std::max({test, rescale, exps, 2});
}

Address EmitSoftmax::State(const Reg64& state, Layout::State row, int col) {
  return a_.ptr[state + (ctx_.layout.state(row) + col * ctx_.layout.vec_bytes)];
}

void EmitSoftmax::EmitReset(const Reg64& state) {
  if (ctx_.spec.sinks) return EmitResetToSink(state);
  const Vecs value = a_.pool().LeaseVecs("initial value", 2);
  a_.Zero(value[0]);
  a_.vmovaps(value[1], a_.Const(-kInfinity));
  for (int c = 0; c < ctx_.config.q_vecs; ++c) {
    a_.StoreVec(State(state, Layout::kMinusMax, c), value[0]);
    a_.StoreVec(State(state, Layout::kSum, c), value[0]);
    if (ctx_.config.fuse_exp) a_.StoreVec(State(state, Layout::kChunkSum, c), value[0]);
    a_.StoreVec(State(state, Layout::kThreshold, c), value[1]);
  }
}

// The state after one key whose score is the sink, and whose value is 0: m = sink, l = 1. Without a
// sink l = 0, and m lies so low that every finite score moves it.
void EmitSoftmax::EmitResetToSink(const Reg64& state) {
  const Vecs sink = a_.pool().LeaseVecs("sink"), value = a_.pool().LeaseVecs("initial value");
  a_.Broadcast(sink, ctx_.at(&TilesFrame::sink));
  const auto store = [&](Layout::State row) {
    for (int c = 0; c < ctx_.config.q_vecs; ++c) a_.StoreVec(State(state, row, c), value);
  };
  a_.Zero(value);
  if (ctx_.config.fuse_exp) store(Layout::kChunkSum);
  a_.Sub(value, value, sink);
  store(Layout::kMinusMax);
  EmitWeightOfSink(a_, value, sink);
  store(Layout::kSum);
  a_.Add(value, sink, a_.Const(kRescaleThreshold));
  store(Layout::kThreshold);
}

// The log-sum-exp of rows that see no key: the sink, or −∞.
void EmitSoftmax::EmitLseOfNoKeys(const Reg64& state) {
  const Vecs value = a_.pool().LeaseVecs("log-sum-exp");
  a_.mov(state, ctx_.arg(offsetof(AttentionArgs, scratch)));
  if (ctx_.spec.sinks) {
    const Gprs sinks = a_.pool().LeaseGprs("sinks");
    a_.mov(sinks, ctx_.arg(offsetof(AttentionArgs, sinks)));
    const Xbyak::Xmm sink(value[0].getIdx());
    EmitFloat(a_, sink, a_.ptr[sinks[0]]);
    a_.Broadcast(value, sink);
  } else {
    a_.LoadVec(value, a_.Const(-kInfinity));
  }
  for (int c = 0; c < ctx_.config.q_vecs; ++c) a_.StoreVec(State(state, kLse, c), value);
}

void EmitSoftmax::EmitResetChunk(const Reg64& state) {
  const Vecs value = a_.pool().LeaseVecs("initial value", 2);
  const Vecs sum = a_.pool().LeaseVecs("sum");
  a_.vmovaps(value[0], a_.Const(1));
  ctx_.config.fuse_exp ? a_.Zero(value[1]) : a_.vmovaps(value[1], a_.Const(-kInfinity));
  for (int c = 0; c < ctx_.config.q_vecs; ++c) {
    a_.StoreVec(State(state, Layout::kAlpha, c), value[0]);
    if (!ctx_.config.fuse_exp) {
      a_.StoreVec(State(state, Layout::kBlockMax, c), value[1]);
      continue;
    }
    a_.LoadVec(sum, State(state, Layout::kSum, c));
    a_.Add(sum, sum, State(state, Layout::kChunkSum, c));
    a_.StoreVec(State(state, Layout::kSum, c), sum);
    a_.StoreVec(State(state, Layout::kChunkSum, c), value[1]);
  }
}

void EmitSoftmax::EmitMaximum(const EmitTileGemm& gemm, std::span<const Vec> maxima) {
  for (int r = 1; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c)
      a_.Max(maxima[c], r == 1 ? gemm.acc(0, c) : maxima[c], gemm.acc(r, c));
  if (gemm.rows() == 1)
    for (int c = 0; c < gemm.vecs(); ++c) a_.Move(maxima[c], gemm.acc(0, c));
}

void EmitSoftmax::EmitChunkMaximum(const EmitTileGemm& gemm, const Reg64& state) {
  const Vecs maxima = a_.pool().LeaseVecs("block maximum", gemm.vecs());
  EmitMaximum(gemm, maxima.regs());
  for (int c = 0; c < gemm.vecs(); ++c) {
    a_.Max(maxima[c], maxima[c], State(state, Layout::kBlockMax, c));
    a_.StoreVec(State(state, Layout::kBlockMax, c), maxima[c]);
  }
}

void EmitSoftmax::EmitTest(std::span<const Vec> maxima, const Reg64& state, const Reg64& temp,
                           const Label& none) {
  const int count = static_cast<int>(maxima.size());
  const bool f64 = a_.compute() == DType::kF64;
  if (a_.avx512()) {
    const Opmasks over = a_.pool().LeaseMasks("over threshold", 2);
    for (int c = 0; c < count; ++c) {
      const auto threshold = State(state, Layout::kThreshold, c);
      const auto& k = over[c == 0 ? 0 : 1];
      f64 ? a_.vcmppd(k, maxima[c], threshold, kNotLessEqual)
          : a_.vcmpps(k, maxima[c], threshold, kNotLessEqual);
      if (c > 0) a_.korw(over[0], over[0], over[1]);
    }
    a_.kortestw(over[0], over[0]);
  } else {
    const Vecs over = a_.pool().LeaseVecs("over threshold");
    Label some;
    for (int c = 0; c < count; ++c) {
      const auto threshold = State(state, Layout::kThreshold, c);
      f64 ? a_.vcmppd(over, maxima[c], threshold, kNotLessEqual)
          : a_.vcmpps(over, maxima[c], threshold, kNotLessEqual);
      a_.vmovmskps(temp.cvt32(), over[0]);
      a_.test(temp.cvt32(), temp.cvt32());
      if (c + 1 < count) a_.jnz(some, a_.T_NEAR);
    }
    a_.jz(none, a_.T_NEAR);
    a_.L(some);
    return;
  }
  a_.jz(none, a_.T_NEAR);
}

void EmitSoftmax::EmitFused(const EmitTileGemm& gemm, const Reg64& state, const Reg64& temp,
                            const Label& rescale) {
  Label settled;
  {
    const Vecs maxima = a_.pool().LeaseVecs("block maximum", gemm.vecs());
    EmitMaximum(gemm, maxima.regs());
    EmitTest(maxima.regs(), state, temp, settled);
    for (int c = 0; c < gemm.vecs(); ++c)
      a_.StoreVec(State(state, Layout::kBlockMax, c), maxima[c]);
  }
  a_.call(rescale);
  a_.L(settled);
  for (int r = 0; r < gemm.rows(); ++r)
    for (int c = 0; c < gemm.vecs(); ++c)
      a_.Add(gemm.acc(r, c), gemm.acc(r, c), State(state, Layout::kMinusMax, c));
  {
    EmitExp exp(a_, ctx_.config.exp_vecs, 0, ctx_.spec.dtype, ctx_.config.exp_degree);
    for (const auto& group : gemm.Groups(ctx_.config.exp_vecs)) exp.Emit(group);
  }
  const Vecs sums = a_.pool().LeaseVecs("partial sums", 2);
  for (int c = 0; c < gemm.vecs(); ++c) {
    EmitSum(
        gemm.rows(), [&](int r) { return gemm.acc(r, c); }, sums[0], sums[1]);
    a_.Add(sums[0], sums[0], State(state, Layout::kChunkSum, c));
    a_.StoreVec(State(state, Layout::kChunkSum, c), sums[0]);
  }
}

// Adds pairs first, which halves the dependency chain.
void EmitSoftmax::EmitSum(int count, const std::function<Vec(int)>& x, const Vec& sum,
                          const Vec& pair) {
  count == 1 ? a_.Move(sum, x(0)) : a_.Add(sum, x(0), x(1));
  for (int i = 2; i < count; i += 2) {
    if (i + 1 == count) {
      a_.Add(sum, sum, x(i));
    } else {
      a_.Add(pair, x(i), x(i + 1));
      a_.Add(sum, sum, pair);
    }
  }
}

void EmitSoftmax::EmitRescale(int vecs, const Reg64& state, const Reg64& scores) {
  SectionScope section(a_, "rescale");
  const bool f64 = a_.compute() == DType::kF64;
  const Vecs alpha = a_.pool().LeaseVecs("alpha", vecs);
  {
    const Vecs temps = a_.pool().LeaseVecs("rescale", 2);
    const Vec &value = temps[0], &due = temps[1];
    Opmasks due_mask;
    if (a_.avx512()) due_mask = a_.pool().LeaseMasks("rescale due");
    for (int c = 0; c < vecs; ++c) {
      const Vec& moved = alpha[c];
      const auto threshold = State(state, Layout::kThreshold, c);
      const auto minus_max = State(state, Layout::kMinusMax, c);
      // lanes over their threshold:  threshold = maximum + 7.5, m = maximum
      a_.LoadVec(value, State(state, Layout::kBlockMax, c));
      a_.Add(moved, value, a_.Const(kRescaleThreshold));
      if (a_.avx512()) {
        const auto& k = due_mask[0];
        f64 ? a_.vcmppd(k, value, threshold, kNotLessEqual)
            : a_.vcmpps(k, value, threshold, kNotLessEqual);
        f64 ? a_.vmovapd(threshold | k, moved) : a_.vmovaps(threshold | k, moved);
      } else {
        f64 ? a_.vcmppd(due, value, threshold, kNotLessEqual)
            : a_.vcmpps(due, value, threshold, kNotLessEqual);
        f64 ? a_.vmaskmovpd(threshold, due, moved) : a_.vmaskmovps(threshold, due, moved);
      }
      a_.Zero(moved);
      a_.Sub(moved, moved, value);
      a_.LoadVec(value, minus_max);
      if (a_.avx512()) {
        const auto& k = due_mask[0];
        f64 ? a_.vblendmpd(moved | k, value, moved) : a_.vblendmps(moved | k, value, moved);
      } else {
        f64 ? a_.vblendvpd(moved, value, moved, due) : a_.vblendvps(moved, value, moved, due);
      }
      a_.StoreVec(minus_max, moved);
      // log2 alpha = min(0, old m − new m). A query's first score may lie far below 0; without min
      // the power would overflow, although nothing is to scale. The order of operands keeps a NaN.
      a_.Sub(value, moved, value);
      a_.Zero(due);
      a_.Min(moved, due, value);
    }
  }
  {
    EmitExp exp(a_, 1, 0, WeightType(ctx_.spec, ctx_.layout.pairs), ctx_.config.exp_degree);
    for (int c = 0; c < vecs; ++c) exp.Emit({&alpha[c], 1});
  }
  const Vecs value = a_.pool().LeaseVecs("rescale");
  for (int c = 0; c < vecs; ++c) {
    for (const auto row : {Layout::kSum, Layout::kChunkSum, Layout::kAlpha}) {
      if (row == Layout::kChunkSum && !ctx_.config.fuse_exp) continue;
      a_.Mul(value, alpha[c], State(state, row, c));
      a_.StoreVec(State(state, row, c), value);
    }
  }
  const Gprs row = a_.pool().LeaseGprs("earlier probabilities");
  Label top, end;
  a_.lea(row, a_.ptr[state + ctx_.layout.scores]);
  a_.L(top);
  a_.cmp(row, scores);
  a_.jae(end, a_.T_NEAR);
  for (int c = 0; c < vecs; ++c) {
    a_.Mul(value, alpha[c], a_.ptr[row[0] + c * a_.vec_bytes()]);
    a_.StoreVec(a_.ptr[row[0] + c * a_.vec_bytes()], value);
  }
  a_.add(row, ctx_.layout.tile_bytes);
  a_.jmp(top, a_.T_NEAR);
  a_.L(end);
  a_.or_(ctx_.at(&TilesFrame::flags), TilesFrame::kRescale);
  a_.ret();
}

void EmitSoftmax::EmitInverse(const Reg64& state) {
  if (ctx_.spec.lse) EmitLse(state);
  const Vecs one = a_.pool().LeaseVecs("1"), inverse = a_.pool().LeaseVecs("1/l");
  const Gprs vecs = a_.pool().LeaseGprs("vectors left"), column = a_.pool().LeaseGprs("column");
  const auto invert = [&] {
    a_.LoadVec(inverse, State(column, Layout::kSum));
    if (ctx_.config.fuse_exp) a_.Add(inverse, inverse, State(column, Layout::kChunkSum));
    EmitInverseOfSum(a_, ctx_.spec, inverse, one);
  };
  a_.vmovaps(one, a_.Const(1));
  a_.mov(vecs, ctx_.at(&TilesFrame::vecs));
  a_.mov(column, state);
  if (!ctx_.has_right_end()) {
    a_.WhileAtLeast(vecs, 1, [&] {
      invert();
      a_.StoreVec(State(column, Layout::kInverse), inverse);
      a_.add(column, a_.vec_bytes());
    });
    return;
  }
  // Queries before −diagonal see no key. In windows, neither do queries whose keys begin behind the
  // last key. Their O is 0, and 0 · 0 keeps it 0.
  TailMask blind(a_);
  const Gprs blind_rows = a_.pool().LeaseGprs("rows that see no key");
  const Gprs count = a_.pool().LeaseGprs("of this vector"), temp = a_.pool().LeaseGprs("temp");
  const Gprs end = a_.pool().LeaseGprs("first of those after", ctx_.has_left_end() ? 1 : 0);
  a_.mov(blind_rows, ctx_.at(&TilesFrame::diagonal));
  a_.neg(blind_rows);
  a_.WhileAtLeast(vecs, 1, [&] {
    a_.mov(count, blind_rows);
    a_.Clamp(count[0], a_.lanes(), temp);
    if (ctx_.has_left_end()) {
      a_.mov(end[0], blind_rows);
      a_.add(end[0], ctx_.at(&TilesFrame::span));
      a_.add(end[0], ctx_.arg(offsetof(AttentionArgs, kv_len)));
      a_.dec(end[0]);
      a_.Clamp(end[0], a_.lanes(), temp);
      blind.SetOutside(count, end[0], temp);
    } else {
      blind.Set(count, temp);
    }
    invert();
    blind.Fill(inverse, a_.Const(0));
    a_.StoreVec(State(column, Layout::kInverse), inverse);
    a_.add(column, a_.vec_bytes());
    a_.sub(blind_rows, a_.lanes());
  });
}

// kLse = the log-sum-exp.
void EmitSoftmax::EmitLse(const Reg64& state) {
  const Gprs vecs = a_.pool().LeaseGprs("vectors left"), column = a_.pool().LeaseGprs("column");
  const Vecs sum = a_.pool().LeaseVecs("l");
  a_.mov(vecs, ctx_.at(&TilesFrame::vecs));
  a_.mov(column, state);
  a_.WhileAtLeast(vecs, 1, [&] {
    a_.LoadVec(sum, State(column, Layout::kSum));
    if (ctx_.config.fuse_exp) a_.Add(sum, sum, State(column, Layout::kChunkSum));
    EmitLogSum(a_, sum, State(column, Layout::kMinusMax));
    a_.StoreVec(State(column, kLse), sum);
    a_.add(column, a_.vec_bytes());
  });
}

// for each column:                       maxima first, since a rescale clobbers vector registers
//   if over its threshold: rescale
// for each column:
//   for each `exp_vecs` of the keys that any of its queries sees:
//     P = 2^(S − m), l += P
void EmitSoftmax::EmitStored(const Reg64& state, const Reg64& scores, const Label& rescale) {
  SectionScope section(a_, "softmax");
  const Gprs vecs = a_.pool().LeaseGprs("vectors left"), temp = a_.pool().LeaseGprs("temp");
  Label next_column, settled;
  a_.mov(temp, ctx_.at(&TilesFrame::vecs));
  a_.mov(ctx_.at(&TilesFrame::group_vecs), temp);
  a_.L(next_column);
  {
    const Vecs maximum = a_.pool().LeaseVecs("chunk maximum");
    a_.LoadVec(maximum, State(state, Layout::kBlockMax));
    EmitTest(maximum.regs(), state, temp, settled);
  }
  a_.lea(scores, a_.ptr[state + ctx_.layout.scores]);
  a_.call(rescale);
  a_.L(settled);
  a_.add(state, a_.vec_bytes());
  a_.dec(ctx_.at(&TilesFrame::group_vecs));
  a_.jnz(next_column, a_.T_NEAR);
  a_.mov(vecs, ctx_.at(&TilesFrame::vecs));
  a_.imul(temp, vecs, a_.vec_bytes());
  a_.sub(state, temp);
  EmitStoredColumns(state, scores, vecs);
}

Address EmitSoftmax::Words(const std::function<uint16_t(int lane)>& value) {
  std::vector<uint8_t> bytes(a_.vec_bytes());
  for (int i = 0; i < a_.vec_bytes(); i += 2) {
    const uint16_t word = value(i / 2);
    bytes[i] = static_cast<uint8_t>(word & 0xff), bytes[i + 1] = static_cast<uint8_t>(word >> 8);
  }
  return a_.ptr[a_.rip + a_.Table(bytes)];
}

// Windows: moves `scores` (and for pairs `to`) to the first chunk key that a query of the column
// sees. `seen` is the end of the column's keys; `keys` becomes the number of keys left.
void EmitSoftmax::EmitSkipUnseen(const Reg64& scores, const Reg64& keys, const Reg64& to,
                                 const Reg64& seen, const Reg64& state, const Reg64& temp) {
  const TilesLayout& layout = ctx_.layout;
  a_.mov(to, seen);
  a_.sub(to, ctx_.at(&TilesFrame::span));
  a_.sub(to, a_.lanes() - 1);
  a_.Clamp(to, keys, temp);
  if (layout.pairs) a_.and_(to, -2);
  a_.sub(keys, to);
  a_.imul(temp, to, layout.tile_bytes);
  a_.add(scores, temp);
  if (!layout.pairs) return;
  a_.shr(temp, 1);
  a_.lea(to, a_.ptr[state + temp + static_cast<int>(layout.scores)]);
}

// Pairs: rows 2j and 2j + 1 of the scores become row j of P, rounded. l sums the rounded values.
void EmitSoftmax::EmitStoredColumns(const Reg64& state, const Reg64& scores, const Reg64& vecs) {
  const int group = ctx_.config.exp_vecs, tile_bytes = ctx_.layout.tile_bytes;
  const Gprs keys = a_.pool().LeaseGprs("keys"), temp = a_.pool().LeaseGprs("temp");
  const Gprs seen = a_.pool().LeaseGprs("keys seen");
  const Vecs x = a_.pool().LeaseVecs("scores", group), sum = a_.pool().LeaseVecs("sum");
  const Vecs minus_max = a_.pool().LeaseVecs("−m");
  const bool pairs = ctx_.layout.pairs;
  const Vecs interleave = a_.pool().LeaseVecs("order of a pair's words", pairs ? 1 : 0);
  const Vecs ones = a_.pool().LeaseVecs("pairs of 1", pairs ? 1 : 0);
  const Gprs to = a_.pool().LeaseGprs("pairs", pairs || ctx_.has_left_end() ? 1 : 0);
  EmitExp exp(a_, group, a_.pool().free_vecs() - EmitExp::VecsNeeded(group, 0),
              WeightType(ctx_.spec, pairs), ctx_.config.exp_degree);
  exp.LoadConstants();
  if (pairs) {
    a_.vmovups(interleave[0],
               Words([](int i) { return static_cast<uint16_t>(i / 2 + (i % 2) * 16); }));
    a_.vmovups(ones[0], Words([](int) { return uint16_t{0x3f80}; }));
  }
  if (ctx_.has_right_end()) {  // column 0 sees keys < diagonal + lanes
    a_.mov(seen, ctx_.at(&TilesFrame::diagonal));
    a_.sub(seen, ctx_.at(&TilesFrame::first_key));
  }
  a_.WhileAtLeast(vecs, 1, [&] {
    if (ctx_.has_right_end()) {
      a_.add(seen, a_.lanes());
      a_.mov(keys, seen);
      a_.Clamp(keys[0], ctx_.at(&TilesFrame::keys), temp);
    } else {
      a_.mov(keys, ctx_.at(&TilesFrame::keys));
    }
    // Pads the last group with scores of −∞.
    a_.imul(temp, keys, tile_bytes);
    a_.add(temp, state);
    a_.vmovaps(x[0], a_.Const(-kInfinity));
    for (int i = 0; i + 1 < group; ++i)
      a_.StoreVec(a_.ptr[temp[0] + (ctx_.layout.scores + i * tile_bytes)], x[0]);
    a_.lea(scores, a_.ptr[state + ctx_.layout.scores]);
    if (pairs) a_.mov(to[0], scores);
    if (ctx_.has_left_end()) EmitSkipUnseen(scores, keys, to[0], seen, state, temp);
    a_.Zero(sum);
    a_.LoadVec(minus_max, State(state, Layout::kMinusMax));
    a_.add(keys, group - 1);
    a_.WhileAtLeast(keys, group, [&] {
      const auto at = [&](int i) { return a_.ptr[scores + i * tile_bytes]; };
      for (int i = 0; i < group; ++i) a_.Add(x[i], minus_max, at(i));
      exp.Emit(x.regs());
      if (pairs) {
        for (int i = 0; i < group; i += 2) a_.vcvtne2ps2bf16(x[i], x[i + 1], x[i]);
        for (int i = 0; i < group; i += 2) {
          const Xbyak::Zmm words(x[i].getIdx());
          a_.vpermw(words, Xbyak::Zmm(interleave[0].getIdx()), words);
        }
        for (int i = 0; i < group; i += 2) {
          a_.StoreVec(a_.ptr[to[0] + i / 2 * tile_bytes], x[i]);
          a_.vdpbf16ps(sum, x[i], ones[0]);
        }
        a_.add(to[0], group / 2 * tile_bytes);
        a_.add(scores, group * tile_bytes);
        return;
      }
      for (int i = 0; i < group; ++i) a_.StoreVec(at(i), x[i]);
      for (int step = 1; step < group; step *= 2)
        for (int i = 0; i + step < group; i += 2 * step) a_.Add(x[i], x[i], x[i + step]);
      a_.Add(sum, sum, x[0]);
      a_.add(scores, group * tile_bytes);
    });
    a_.Add(sum, sum, State(state, Layout::kSum));
    a_.StoreVec(State(state, Layout::kSum), sum);
    a_.add(state, a_.vec_bytes());
  });
}

}  // namespace jitattn::jit
