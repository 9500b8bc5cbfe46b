// Score parts that exist in tests only: they depend on the score alone, on its query and key, and
// on a call's arguments.

#ifndef JITATTN_TESTS_JIT_SCORE_PARTS_H_
#define JITATTN_TESTS_JIT_SCORE_PARTS_H_

#include <cmath>
#include <cstddef>
#include <numbers>

#include "jit/attention/args.h"
#include "jit/attention/score_part.h"
#include "jit/parts/emit_exp.h"

namespace jitattn::jit::testing {

// cap · tanh(s / cap), by 1 − 2 / (e^(2s / cap) + 1).
class Softcap : public ScorePart {
 public:
  explicit Softcap(double cap) : cap_(cap) {}

  double Apply(double score, const ScorePlace&, const AttentionArgs&) const override {
    return cap_ * std::tanh(score / cap_);
  }

  int VecsNeeded(Isa) const override { return EmitExp::VecsNeeded(1, 0) + 1; }

  void EmitApply(Assembler& a, const ScoreBlock& block) const override {
    constexpr double kMost = 100;  // where the quotient is 0 already, and 2 to that no infinity
    EmitExp exp(a, 1, 0, a.compute(), 0);
    const Vecs temp = a.pool().LeaseVecs("softcap");
    for (const Vec& x : block.x()) {
      a.Mul(x, x, a.Const(2 * std::numbers::log2e / cap_));
      a.LoadVec(temp, a.Const(kMost));
      a.Min(x, temp, x);
      exp.Emit({&x, 1});
      a.Add(x, x, a.Const(1));
      a.LoadVec(temp, a.Const(-2 * cap_));
      a.Div(x, temp, x);
      a.Add(x, x, a.Const(cap_));
    }
  }

 private:
  const double cap_;
};

// s − slope · (head + 1) · |key − query|
class DistanceBias : public ScorePart {
 public:
  explicit DistanceBias(double slope) : slope_(slope) {}

  double Apply(double score, const ScorePlace& at, const AttentionArgs&) const override {
    return score - slope_ * static_cast<double>((at.head + 1) * std::abs(at.key - at.query));
  }

  int VecsNeeded(Isa) const override { return 2; }
  std::span<const Coordinate> Coordinates() const override {
    static constexpr Coordinate kNeeded[] = {Coordinate::kDistance, Coordinate::kHead};
    return kNeeded;
  }

  void EmitApply(Assembler& a, const ScoreBlock& block) const override {
    const Vecs distance = a.pool().LeaseVecs("distance"), other = a.pool().LeaseVecs("head");
    for (size_t i = 0; i < block.x().size(); ++i) {
      block.EmitCoordinate(Coordinate::kDistance, distance, static_cast<int>(i));
      a.Zero(other);
      a.Sub(other, other, distance);
      a.Max(distance, distance, other);
      block.EmitCoordinate(Coordinate::kHead, other, static_cast<int>(i));
      a.Add(other, other, a.Const(1));
      a.Mul(distance, distance, other);
      a.Mul(distance, distance, a.Const(slope_));
      a.Sub(block.x()[i], block.x()[i], distance);
    }
  }

 private:
  const double slope_;
};

// s · (1 + query / 64) + scale · key, the scale from the arguments of the call.
class PlaceBias : public ScorePart {
 public:
  explicit PlaceBias(double scale) : scale_(scale) {}

  double Apply(double score, const ScorePlace& at, const AttentionArgs&) const override {
    return score * (1 + static_cast<double>(at.query) / 64) + scale_ * static_cast<double>(at.key);
  }

  int VecsNeeded(Isa) const override { return 2; }
  int SlotsNeeded() const override { return 2; }
  std::span<const Coordinate> Coordinates() const override {
    static constexpr Coordinate kNeeded[] = {Coordinate::kKey, Coordinate::kQuery};
    return kNeeded;
  }

  // The first slot stays as it is: the second one's place depends on the first.
  void EmitPrepare(Assembler& a, const ScoreSlots& slots) const override {
    const Vecs lease = a.pool().LeaseVecs("scale");
    const Xbyak::Xmm x(lease[0].getIdx());
    a.vmovsd(x, a.qword[a.args() + offsetof(AttentionArgs, scale)]);
    if (a.compute() == DType::kF32) a.vcvtsd2ss(x, x, x);
    a.vmovq(a.qword[slots[1]], x);
  }

  void EmitApply(Assembler& a, const ScoreBlock& block) const override {
    const Vecs place = a.pool().LeaseVecs("place"), scale = a.pool().LeaseVecs("scale");
    a.Broadcast(scale, a.qword[block.slots()[1]]);
    for (size_t i = 0; i < block.x().size(); ++i) {
      const Vec& x = block.x()[i];
      block.EmitCoordinate(Coordinate::kQuery, place, static_cast<int>(i));
      a.Mul(place, place, a.Const(1.0 / 64));
      a.Fma231(x, x, place);
      block.EmitCoordinate(Coordinate::kKey, place, static_cast<int>(i));
      a.Fma231(x, scale, place);
    }
  }

 private:
  const double scale_;
};

// Leaves s unchanged, but leases a given number of registers.
class Greedy : public ScorePart {
 public:
  explicit Greedy(int vecs) : vecs_(vecs) {}
  double Apply(double score, const ScorePlace&, const AttentionArgs&) const override {
    return score;
  }
  int VecsNeeded(Isa) const override { return vecs_; }
  void EmitApply(Assembler& a, const ScoreBlock&) const override {
    const Vecs all = a.pool().LeaseVecs("nothing", vecs_);
  }

 private:
  const int vecs_;
};

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_SCORE_PARTS_H_
