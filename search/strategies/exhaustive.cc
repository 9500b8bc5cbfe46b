// Evaluates every point, in the order of the space. If the budget is smaller than the space, the
// points are evenly spaced instead of being those of one corner.

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

class Exhaustive : public StrategyBase {
 public:
  explicit Exhaustive(const StrategyContext& context) : StrategyBase(context, /*design=*/0) {}

 private:
  std::optional<Ask> Propose() override {
    if (next_ >= budget()) return std::nullopt;
    const int64_t step = next_++;
    return Ask{.rank = static_cast<int>(step * space().size() / budget())};
  }
  void Learn(const Trial&) override {}

  int next_ = 0;
};

}  // namespace

constinit const StrategyEntry kExhaustive = {
    {"exhaustive", "every point in order; under a smaller budget, evenly spaced ones", {}},
    [](const StrategyContext& context, const Options&) -> std::unique_ptr<Strategy> {
      return std::make_unique<Exhaustive>(context);
    }};

}  // namespace jitattn::search
