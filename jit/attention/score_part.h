// Operations on scores between Q·Kᵀ and the softmax.

#ifndef JITATTN_JIT_ATTENTION_SCORE_PART_H_
#define JITATTN_JIT_ATTENTION_SCORE_PART_H_

#include <cstdint>
#include <functional>
#include <span>
#include <utility>

#include "jit/assembler.h"
#include "jit/attention/args.h"
#include "jit/attention/spec.h"

namespace jitattn::jit {

// The position of a score among all queries, keys and query heads of the operation, not of the call
// (AttentionArgs::first_query and so on).
struct ScorePlace {
  int64_t query = 0, key = 0, head = 0;
};

// A coordinate of a score, or what follows from one. The distance is key − query; the slope is the
// head's entry of AttentionArgs::alibi_slopes.
enum class Coordinate { kQuery, kKey, kDistance, kHead, kSlope };
inline constexpr Coordinate kCoordinates[] = {Coordinate::kQuery, Coordinate::kKey,
                                              Coordinate::kDistance, Coordinate::kHead,
                                              Coordinate::kSlope};

// A part's own 64-bit words in the kernel's stack frame.
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

  // to ← a coordinate of the scores in x()[i], rounded to the compute type. REQUIRES: the part
  // lists this coordinate in Coordinates().
  void EmitCoordinate(Coordinate what, const Vec& to, int i) const { coordinate_(what, to, i); }

 private:
  std::span<const Vec> x_;
  ScoreSlots slots_;
  EmitCoordinateOf coordinate_;
};

// One operation on scores, as a formula and as code. Its input is scale · q·k, or the output of the
// part before. It is applied to every key of a register block, including keys that a query does not
// see. Its output goes to the next part or to the softmax, where −∞ has weight 0.
//
// A part is immutable and must outlive every kernel and spec that refers to it.
class ScorePart {
 public:
  // The formula. The portable path calls it for each score.
  virtual double Apply(double score, const ScorePlace& place, const AttentionArgs& args) const = 0;

  // The maximum of vector registers that EmitApply leases, besides the block's.
  virtual int VecsNeeded(Isa isa) const = 0;
  virtual std::span<const Coordinate> Coordinates() const { return {}; }
  virtual int SlotsNeeded() const { return 0; }

  // Fills the slots, once per call of the kernel, with values that depend on AttentionArgs.
  // Constants known at emission use a.Const(…) and need no slot.
  virtual void EmitPrepare(Assembler&, const ScoreSlots&) const {}

  // Changes the block's vectors in place.
  virtual void EmitApply(Assembler& a, const ScoreBlock& block) const = 0;

 protected:
  ~ScorePart() = default;  // nobody owns a part through its base
};

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_SCORE_PART_H_
