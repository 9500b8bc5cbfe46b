// Random points without repeats: the baseline for all other strategies.

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

class Random : public StrategyBase {
 public:
  explicit Random(const StrategyContext& context) : StrategyBase(context, /*design=*/0) {}

 private:
  std::optional<Ask> Propose() override {
    if (left() <= 0) return std::nullopt;
    return Ask{.rank = Fresh()};
  }
  void Learn(const Trial&) override {}
};

}  // namespace

constinit const StrategyEntry kRandom = {
    {"random", "random points without repeats", {}},
    [](const StrategyContext& context, const Options&) -> std::unique_ptr<Strategy> {
      return std::make_unique<Random>(context);
    }};

}  // namespace jitattn::search
