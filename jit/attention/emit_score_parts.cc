// Applies the score parts of a kernel in order.

#include "jit/attention/emit_score_parts.h"

#include <algorithm>
#include <numbers>

namespace jitattn::jit {

int EmitScoreParts::VecsNeeded(const AttentionSpec& spec, Isa isa) {
  int vecs = 0;
  for (const ScorePart* part : spec.score_parts) {
    if (part != nullptr) vecs = std::max(vecs, part->VecsNeeded(isa));
  }
  return vecs;
}

int EmitScoreParts::FrameBytes(const AttentionSpec& spec) {
  int slots = 0;
  for (const ScorePart* part : spec.score_parts) {
    if (part != nullptr) slots += part->SlotsNeeded();
  }
  return slots * 8;
}

// Calls f(part, slots) for every part.
template <typename F>
void EmitScoreParts::ForEach(F f) const {
  Xbyak::RegExp slots = slots_;
  for (const ScorePart* part : spec_.score_parts) {
    if (part == nullptr) return;
    f(*part, ScoreSlots{slots});
    slots = slots + part->SlotsNeeded() * 8;
  }
}

bool EmitScoreParts::Needs(Coordinate what) const {
  bool needs = false;
  ForEach([&](const ScorePart& part, const ScoreSlots&) {
    needs |= std::ranges::count(part.Coordinates(), what) > 0;
  });
  return needs;
}

double EmitScoreParts::unit() const { return spec_.has_score_parts() ? 1 : std::numbers::log2e; }

void EmitScoreParts::EmitPrepare() {
  ForEach([&](const ScorePart& part, const ScoreSlots& slots) { part.EmitPrepare(a_, slots); });
}

void EmitScoreParts::EmitApply(std::span<const Vec> x,
                               const ScoreBlock::EmitCoordinateOf& coordinate) {
  if (!spec_.has_score_parts()) return;
  ForEach([&](const ScorePart& part, const ScoreSlots& slots) {
    part.EmitApply(a_, ScoreBlock(x, slots, coordinate));
  });
  for (const Vec& v : x) a_.Mul(v, v, a_.Const(std::numbers::log2e));
}

}  // namespace jitattn::jit
