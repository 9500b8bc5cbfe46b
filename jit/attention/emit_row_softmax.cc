// The online softmax over scores in the layout [key][row].

#include "jit/attention/emit_row_softmax.h"

#include <bit>
#include <limits>
#include <vector>

#include "jit/attention/emit_sum.h"
#include "jit/parts/emit_exp.h"
#include "jit/parts/emit_fold.h"

namespace jitattn::jit {
namespace {

using Xbyak::Label;
using Xbyak::Reg64;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kLess = 1, kNotLess = 5;  // predicates; no operand is NaN

// True if the coordinate grows from one vector of scores to the next.
bool GrowsByKey(Coordinate what) {
  return what == Coordinate::kKey || what == Coordinate::kDistance;
}

double Lowest(DType compute) {
  return compute == DType::kF64 ? std::numeric_limits<double>::lowest()
                                : std::numeric_limits<float>::lowest();
}

}  // namespace

void EmitRowSoftmax::EmitReset() {
  const Vecs value = a_.pool().LeaseVecs("initial value");
  a_.LoadVec(value, a_.Const(Lowest(a_.compute())));
  a_.StoreVec(max(), value);
  a_.Zero(value);
  a_.StoreVec(sum(), value);
  if (!ctx_.spec.sinks) return;
  Label is_part;
  a_.cmp(ctx_.arg(offsetof(AttentionArgs, parts)), 0);
  a_.jl(is_part, a_.T_NEAR);
  EmitResetToSinks();
  a_.L(is_part);
}

void EmitRowSoftmax::EmitResetToSinks() {
  const Vecs sink = a_.pool().LeaseVecs("sink"), weight = a_.pool().LeaseVecs("its weight");
  {
    const Gprs to = a_.pool().LeaseGprs("m");
    a_.lea(to, max());
    EmitOfHeads(to, offsetof(AttentionArgs, sinks), sink, EmitSink);
  }
  a_.LoadVec(sink, max());
  EmitWeightOfSink(a_, weight, sink);
  a_.StoreVec(sum(), weight);
}

// The vector at `to` ← for each row, the entry of its head in the array of floats that the argument
// at `offset` points to; `emit` loads an entry into lane 0. Clobbers `to`.
void EmitRowSoftmax::EmitOfHeads(const Reg64& to, size_t offset, const Vec& temp,
                                 void (*emit)(Assembler&, const Xbyak::Xmm&,
                                              const Xbyak::Address&)) {
  const Gprs list = a_.pool().LeaseGprs("list"), row = a_.pool().LeaseGprs("rows left");
  const Gprs at = a_.pool().LeaseGprs("entry");
  a_.mov(list, ctx_.at(&RowsFrame::tile));
  a_.Repeat(row, ctx_.layout.rows, [&] {
    a_.mov(at, a_.qword[list[0] + ctx_.layout.of_head]);
    a_.sub(at, ctx_.arg(offsetof(AttentionArgs, first_head)));
    a_.shl(at, std::countr_zero(sizeof(float)));
    a_.add(at, ctx_.arg(offset));
    emit(a_, Xbyak::Xmm(temp.getIdx()), a_.ptr[at[0]]);
    EmitToLanes(to, temp);
    a_.add(list, 8);
    a_.add(to, ctx_.layout.elem_bytes);
  });
}

Xbyak::Address EmitRowSoftmax::Coordinates(Coordinate what) {
  return ctx_.in_scratch(ctx_.layout.coordinates + static_cast<int>(what) * ctx_.layout.vec_bytes);
}

// for each exp_vecs vectors of scores:  apply the parts
// The key and the distance grow by `keys`, the keys of a vector, from one vector to the next.
void EmitRowSoftmax::EmitParts(EmitScoreParts& parts) {
  SectionScope section(a_, "score parts");
  const RowsLayout& layout = ctx_.layout;
  const int group = ctx_.config.exp_vecs;
  EmitFirstCoordinates(parts);
  const Vecs x = a_.pool().LeaseVecs("scores", group);
  ForEachGroup([&](const Reg64& scores) {
    const auto at = [&](int i) { return a_.ptr[scores + i * layout.vec_bytes]; };
    for (int i = 0; i < group; ++i) a_.LoadVec(x[i], at(i));
    parts.EmitApply(x.regs(), [&](Coordinate what, const Vec& to, int i) {
      a_.LoadVec(to, Coordinates(what));
      if (GrowsByKey(what) && i > 0) a_.Add(to, to, a_.Const(i * layout.keys));
    });
    for (int i = 0; i < group; ++i) a_.StoreVec(at(i), x[i]);
    for (const Coordinate what : kCoordinates) {
      if (!GrowsByKey(what) || !parts.Needs(what)) continue;
      a_.LoadVec(x[0], Coordinates(what));
      a_.Add(x[0], x[0], a_.Const(group * layout.keys));
      a_.StoreVec(Coordinates(what), x[0]);
    }
  });
}

// Writes the coordinates of the block's first vector.
void EmitRowSoftmax::EmitFirstCoordinates(const EmitScoreParts& parts) {
  const RowsLayout& layout = ctx_.layout;
  const Vecs x = a_.pool().LeaseVecs("coordinate");
  const Gprs list = a_.pool().LeaseGprs("list"), row = a_.pool().LeaseGprs("rows left");
  const Gprs to = a_.pool().LeaseGprs("coordinates"), value = a_.pool().LeaseGprs("coordinate");
  std::vector<double> keys;
  for (int lane = 0; lane < layout.lanes; ++lane) keys.push_back(lane / layout.rows);
  for (const Coordinate what : kCoordinates) {
    if (!parts.Needs(what)) continue;
    if (what == Coordinate::kSlope) {
      a_.lea(to, Coordinates(what));
      EmitOfHeads(to, offsetof(AttentionArgs, alibi_slopes), x, EmitFloat);
      continue;
    }
    const int64_t entries = what == Coordinate::kHead ? layout.of_head : layout.of_query;
    a_.mov(list, ctx_.at(&RowsFrame::tile));
    a_.lea(to, Coordinates(what));
    a_.Repeat(row, layout.rows, [&] {
      if (what == Coordinate::kKey) {
        a_.mov(value, 0);
      } else {
        a_.mov(value, a_.qword[list[0] + entries]);
      }
      if (what == Coordinate::kDistance) a_.neg(value);
      if (GrowsByKey(what)) {
        a_.add(value, ctx_.arg(offsetof(AttentionArgs, first_key)));
        a_.add(value, ctx_.at(&RowsFrame::first_key));
      }
      EmitIntegerToLanes(to, value, x);
      a_.add(list, 8);
      a_.add(to, layout.elem_bytes);
    });
    if (!GrowsByKey(what)) continue;
    a_.LoadVec(x, Coordinates(what));
    a_.Add(x, x, a_.Consts(keys));
    a_.StoreVec(Coordinates(what), x);
  }
}

// end[row] = keys of the block up to the row's last one;  windows: first[row]
// for each vector of scores:  S = −∞ where its key's index ≥ end, or < first
void EmitRowSoftmax::EmitHide() {
  SectionScope section(a_, "hide");
  const RowsLayout& layout = ctx_.layout;
  const Vecs end = a_.pool().LeaseVecs("keys seen"), index = a_.pool().LeaseVecs("index of a key");
  const Vecs hidden = a_.pool().LeaseVecs("−∞"), x = a_.pool().LeaseVecs("scores", 2);
  const Vecs first = a_.pool().LeaseVecs("first key seen", ctx_.has_left_end() ? 1 : 0);
  const Gprs row = a_.pool().LeaseGprs("row's limit"), to = a_.pool().LeaseGprs("keys seen");
  const Gprs count = a_.pool().LeaseGprs("count"), seen = a_.pool().LeaseGprs("seen by the row");
  const Gprs temp = a_.pool().LeaseGprs("temp");

  // Each lane gets its row's entry of a list of keys, relative to the block and clipped to it.
  const auto load = [&](const Vec& by_row, int64_t list) {
    a_.mov(row, ctx_.at(&RowsFrame::tile));
    a_.lea(to, ctx_.in_scratch(layout.kAlpha));  // alpha's memory is free: alpha is set later
    a_.Repeat(count, layout.rows, [&] {
      a_.mov(seen, a_.qword[row[0] + list]);
      a_.sub(seen, ctx_.at(&RowsFrame::first_key));
      a_.Clamp(seen[0], ctx_.at(&RowsFrame::keys), temp);
      EmitIntegerToLanes(to, seen, x[0]);
      a_.add(row, 8);
      a_.add(to, layout.elem_bytes);
    });
    a_.LoadVec(by_row, ctx_.in_scratch(layout.kAlpha));
  };
  load(end, layout.kLimits);
  if (ctx_.has_left_end()) load(first[0], layout.starts);
  a_.LoadVec(hidden, a_.Const(-kInfinity));
  std::vector<double> first_keys(layout.lanes);
  for (int lane = 0; lane < layout.lanes; ++lane) first_keys[lane] = lane / layout.rows;
  a_.LoadVec(index, a_.Consts(first_keys));

  const Gprs scores = a_.pool().LeaseGprs("scores");
  Opmasks mask;
  if (a_.avx512()) mask = a_.pool().LeaseMasks("hidden");
  a_.lea(scores, ctx_.in_scratch(layout.scores));
  a_.mov(count, ctx_.at(&RowsFrame::keys));
  a_.add(count, layout.keys - 1);
  const auto hide = [&](const Vec& bound, int beyond) {
    const bool f64 = a_.compute() == DType::kF64;
    if (a_.avx512()) {
      f64 ? a_.vcmppd(mask[0], index, bound, beyond) : a_.vcmpps(mask[0], index, bound, beyond);
      f64 ? a_.vmovupd(a_.ptr[scores[0]] | mask[0], hidden)
          : a_.vmovups(a_.ptr[scores[0]] | mask[0], hidden);
    } else {
      f64 ? a_.vcmppd(x[1], index, bound, beyond) : a_.vcmpps(x[1], index, bound, beyond);
      f64 ? a_.vmaskmovpd(a_.ptr[scores[0]], x[1], hidden)
          : a_.vmaskmovps(a_.ptr[scores[0]], x[1], hidden);
    }
  };
  a_.WhileAtLeast(count, layout.keys, [&] {
    hide(end, kNotLess);
    if (ctx_.has_left_end()) hide(first[0], kLess);
    a_.Add(index, index, a_.Const(layout.keys));
    a_.add(scores, layout.vec_bytes);
  });
}

void EmitRowSoftmax::EmitIntegerToLanes(const Reg64& to, const Reg64& number, const Vec& temp) {
  const Xbyak::Xmm low(temp.getIdx());
  a_.compute() == DType::kF64 ? a_.vcvtsi2sd(low, low, number) : a_.vcvtsi2ss(low, low, number);
  EmitToLanes(to, temp);
}

void EmitRowSoftmax::EmitToLanes(const Reg64& to, const Vec& vec) {
  const RowsLayout& layout = ctx_.layout;
  const bool f64 = a_.compute() == DType::kF64;
  const Xbyak::Xmm low(vec.getIdx());
  for (int key = 0; key < layout.keys; ++key) {
    const auto dst = a_.ptr[to + key * layout.rows * layout.elem_bytes];
    f64 ? a_.vmovsd(dst, low) : a_.vmovss(dst, low);
  }
}

// Calls body for every exp_vecs vectors of scores. The last group is padded with −∞.
void EmitRowSoftmax::ForEachGroup(const std::function<void(const Reg64&)>& body) {
  const RowsLayout& layout = ctx_.layout;
  const int group = ctx_.config.exp_vecs;
  const Gprs scores = a_.pool().LeaseGprs("scores"), vecs = a_.pool().LeaseGprs("vectors left");
  a_.lea(scores, ctx_.in_scratch(layout.scores));
  a_.mov(vecs, ctx_.at(&RowsFrame::keys));
  a_.add(vecs, layout.keys - 1);
  a_.shr(vecs, std::countr_zero(static_cast<unsigned>(layout.keys)));
  a_.add(vecs, group - 1);
  a_.WhileAtLeast(vecs, group, [&] {
    body(scores[0]);
    a_.add(scores, group * layout.vec_bytes);
  });
}

// Combines the values of one row's keys within a vector; each of these lanes gets the result.
void EmitRowSoftmax::Fold(const Vec& x, const Vec& temp, const std::function<void()>& meet) {
  for (int distance = ctx_.layout.rows; distance < ctx_.layout.lanes; distance *= 2) {
    EmitSwapLanes(a_, temp, x, distance);
    meet();
  }
}

void EmitRowSoftmax::EmitBlock() {
  SectionScope section(a_, "softmax");
  const RowsLayout& layout = ctx_.layout;
  const int group = ctx_.config.exp_vecs;
  const Vecs x = a_.pool().LeaseVecs("scores", group), m = a_.pool().LeaseVecs("maximum");
  const Vecs sum = a_.pool().LeaseVecs("sum");
  if (group > 1) {
    const Gprs end = a_.pool().LeaseGprs("end of the scores");
    a_.mov(end, ctx_.at(&RowsFrame::keys));
    a_.add(end, layout.keys - 1);
    a_.shr(end, std::countr_zero(static_cast<unsigned>(layout.keys)));
    a_.imul(end, end, layout.vec_bytes);
    a_.add(end, ctx_.scratch);
    a_.LoadVec(x[0], a_.Const(-kInfinity));
    for (int i = 0; i + 1 < group; ++i)
      a_.StoreVec(a_.ptr[end[0] + (layout.scores + i * layout.vec_bytes)], x[0]);
  }

  for (int i = 0; i < group; ++i) a_.LoadVec(x[i], max());
  ForEachGroup([&](const Reg64& scores) {
    for (int i = 0; i < group; ++i) a_.Max(x[i], x[i], a_.ptr[scores + i * layout.vec_bytes]);
  });
  for (int step = 1; step < group; step *= 2)
    for (int i = 0; i + step < group; i += 2 * step) a_.Max(x[i], x[i], x[i + step]);
  Fold(x[0], sum, [&] { a_.Max(x[0], x[0], sum); });
  a_.Move(m, x[0]);

  EmitExp exp(a_, group, a_.pool().free_vecs() - EmitExp::VecsNeeded(group, 0), ctx_.spec.dtype,
              ctx_.config.exp_degree);
  exp.LoadConstants();
  a_.LoadVec(x[0], max());
  a_.StoreVec(max(), m);
  a_.Sub(x[0], x[0], m);
  exp.Emit({&x[0], 1});
  a_.StoreVec(ctx_.in_scratch(layout.kAlpha), x[0]);

  a_.Zero(sum);
  ForEachGroup([&](const Reg64& scores) {
    const auto at = [&](int i) { return a_.ptr[scores + i * layout.vec_bytes]; };
    for (int i = 0; i < group; ++i) a_.LoadVec(x[i], at(i));
    for (int i = 0; i < group; ++i) a_.Sub(x[i], x[i], m);
    exp.Emit(x.regs());
    for (int i = 0; i < group; ++i) a_.StoreVec(at(i), x[i]);
    for (int step = 1; step < group; step *= 2)
      for (int i = 0; i + step < group; i += 2 * step) a_.Add(x[i], x[i], x[i + step]);
    a_.Add(sum, sum, x[0]);
  });
  Fold(sum, x[0], [&] { a_.Add(sum, sum, x[0]); });
  a_.LoadVec(x[0], this->sum());
  a_.Mul(x[0], x[0], ctx_.in_scratch(layout.kAlpha));
  a_.Add(sum, sum, x[0]);
  a_.StoreVec(this->sum(), sum);
}

void EmitRowSoftmax::EmitMerge(const Reg64& from, const Vec& alpha_from) {
  const RowsLayout& layout = ctx_.layout;
  const Vecs x = a_.pool().LeaseVecs("m of both", 2), m = a_.pool().LeaseVecs("maximum");
  a_.LoadVec(x[0], max());
  a_.LoadVec(x[1], a_.ptr[from + layout.kMax]);
  a_.Max(m, x[0], x[1]);
  a_.StoreVec(max(), m);
  for (int i = 0; i < 2; ++i) a_.Sub(x[i], x[i], m);
  EmitExp(a_, 2, 0, ctx_.spec.dtype, ctx_.config.exp_degree).Emit(x.regs());
  a_.StoreVec(ctx_.in_scratch(layout.kAlpha), x[0]);
  a_.Move(alpha_from, x[1]);
  a_.Mul(x[0], x[0], sum());
  a_.Mul(x[1], x[1], a_.ptr[from + layout.sum]);
  a_.Add(x[0], x[0], x[1]);
  a_.StoreVec(sum(), x[0]);
}

void EmitRowSoftmax::EmitInverse() {
  const Vecs x = a_.pool().LeaseVecs("1/l");
  a_.LoadVec(x, a_.Const(1));
  if (ctx_.spec.bias == Bias::kNone) {
    a_.Div(x, x, sum());
    a_.StoreVec(ctx_.in_scratch(ctx_.layout.kAlpha), x);
    return;
  }
  const Vecs inverse = a_.pool().LeaseVecs("1/l");
  a_.LoadVec(inverse, sum());
  EmitInverseOfSum(a_, ctx_.spec, inverse, x);
  a_.StoreVec(ctx_.in_scratch(ctx_.layout.kAlpha), inverse);
}

void EmitRowSoftmax::EmitLse() {
  const Vecs lse = a_.pool().LeaseVecs("log-sum-exp"), minus_max = a_.pool().LeaseVecs("−m");
  a_.Zero(minus_max);
  a_.Sub(minus_max, minus_max, max());
  a_.LoadVec(lse, sum());
  EmitLogSum(a_, lse, minus_max);
  a_.StoreVec(ctx_.in_scratch(ctx_.layout.sums), lse);
}

void EmitRowSoftmax::EmitRescale(bool add_sums) {
  const RowsLayout& layout = ctx_.layout;
  const Vecs x = a_.pool().LeaseVecs("O"), alpha = a_.pool().LeaseVecs("alpha of the row");
  const Gprs from = a_.pool().LeaseGprs("alpha of the row"), to = a_.pool().LeaseGprs("O");
  const Gprs row = a_.pool().LeaseGprs("rows left"), count = a_.pool().LeaseGprs("count");
  const Gprs sums = a_.pool().LeaseGprs("sums", add_sums ? 1 : 0);
  const Vecs zero = a_.pool().LeaseVecs("0", add_sums ? 1 : 0);
  a_.lea(from, ctx_.in_scratch(layout.kAlpha));
  a_.lea(to, a_.ptr[part_ + layout.outputs]);
  if (add_sums) {
    a_.lea(sums[0], ctx_.in_scratch(layout.sums));
    a_.Zero(zero[0]);
  }
  a_.Repeat(row, layout.rows, [&] {
    a_.Broadcast(alpha, a_.ptr[from[0]]);
    a_.Repeat(count, layout.output_bytes / layout.vec_bytes, [&] {
      if (add_sums) {
        a_.LoadVec(x, a_.ptr[sums[0]]);
        a_.Fma231(x, alpha, a_.ptr[to[0]]);
        a_.StoreVec(a_.ptr[sums[0]], zero[0]);
        a_.add(sums[0], layout.vec_bytes);
      } else {
        a_.Mul(x, alpha, a_.ptr[to[0]]);
      }
      a_.StoreVec(a_.ptr[to[0]], x);
      a_.add(to, layout.vec_bytes);
    });
    a_.add(from, layout.elem_bytes);
  });
}

}  // namespace jitattn::jit
