// What is done to scores between Q·Kᵀ and the softmax.

#ifndef JITATTN_JIT_ATTENTION_SCORE_PART_H_
#define JITATTN_JIT_ATTENTION_SCORE_PART_H_

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "jit/assembler.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// Where a score stands: counted over all queries, keys and query heads of the operation, whichever
// of them a call is of (AttentionArgs::first_query and so on).
struct ScorePlace {
  int64_t query = 0, key = 0, head = 0;
};

// A number that each score of a vector has. The distance is key − query.
enum class Coordinate { kQuery, kKey, kDistance, kHead };
inline constexpr Coordinate kCoordinates[] = {Coordinate::kQuery, Coordinate::kKey,
                                              Coordinate::kDistance, Coordinate::kHead};

// 64-bit words of the kernel's stack frame that a part has for itself.
struct ScoreSlots {
  Xbyak::RegExp first;
  Xbyak::RegExp operator[](int i) const { return first + i * 8; }
};

// Vectors of scores in registers.
class ScoreBlock {
 public:
  using EmitCoordinateOf = std::function<void(Coordinate what, const Vec& to, int i)>;

  ScoreBlock(std::span<const Vec> x, ScoreSlots slots, EmitCoordinateOf coordinate)
      : x_(x), slots_(slots), coordinate_(std::move(coordinate)) {}

  std::span<const Vec> x() const { return x_; }
  const ScoreSlots& slots() const { return slots_; }

  // to ← a coordinate of the scores in x()[i], each rounded to the compute type. REQUIRES: the part
  // needs this coordinate.
  void EmitCoordinate(Coordinate what, const Vec& to, int i) const { coordinate_(what, to, i); }

 private:
  std::span<const Vec> x_;
  ScoreSlots slots_;
  EmitCoordinateOf coordinate_;
};

// One thing that is done to scores, as a formula and as code. It sees scale · q·k, or what the part
// before it made of that, for every key of a register block, those included that a query does not
// see; its results go to the next part or to the softmax, where −∞ is a weight of 0.
//
// A part is an immutable object that outlives every kernel and spec that has it.
class ScorePart {
 public:
  virtual ~ScorePart() = default;

  // The formula. The portable path calls it for each score.
  virtual double Apply(double score, const ScorePlace& place) const = 0;

  // Vector registers that EmitApply leases at most, beside the block's.
  virtual int VecsNeeded(Isa isa) const = 0;
  virtual std::span<const Coordinate> Coordinates() const { return {}; }
  virtual int SlotsNeeded() const { return 0; }

  // Fills the slots, once a call of the kernel: for what depends on AttentionArgs. Constants that
  // are known at emission are a.Const(…) and need no slot.
  virtual void EmitPrepare(Assembler&, const ScoreSlots&) const {}

  // Changes the block's vectors in place.
  virtual void EmitApply(Assembler& a, const ScoreBlock& block) const = 0;
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SCORE_PART_H_
