// ALiBi: score − slope of the head · |key − query| (Press, Smith & Lewis 2022).

#include "jit/attention/alibi.h"

#include <cmath>

#include "jit/attention/args.h"
#include "jit/attention/score_part.h"

namespace jitattn::jit {
namespace {

class AlibiPart final : public ScorePart {
 public:
  double Apply(double score, const ScorePlace& at, const AttentionArgs& args) const override {
    const double slope = args.alibi_slopes[at.head - args.first_head];
    return score - slope * std::abs(static_cast<double>(at.key - at.query));
  }

  int VecsNeeded(Isa) const override { return 2; }
  std::span<const Coordinate> Coordinates() const override {
    static constexpr Coordinate kNeeded[] = {Coordinate::kDistance, Coordinate::kSlope};
    return kNeeded;
  }

  void EmitApply(Assembler& a, const ScoreBlock& block) const override {
    const Vecs distance = a.pool().LeaseVecs("distance"), slope = a.pool().LeaseVecs("slope");
    block.EmitCoordinate(Coordinate::kSlope, slope, 0);  // the same in every vector of the block
    for (size_t i = 0; i < block.x().size(); ++i) {
      const Vec& x = block.x()[i];
      block.EmitCoordinate(Coordinate::kDistance, distance, static_cast<int>(i));
      a.Abs(distance, distance);
      a.Fnma231(x, slope, distance);
    }
  }
};

}  // namespace

const ScorePart& Alibi() {
  static constexpr AlibiPart part;
  return part;
}

}  // namespace jitattn::jit
