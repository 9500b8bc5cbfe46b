// Hyperband (Li et al. 2018): measures many points briefly, the best third of them longer, and the
// best third of those longer still. The resource of a point is its measuring effort: Hyperband
// saves time, not evaluations.
//
// From the second bracket on, most newcomers are neighbours of the best points so far. With random
// newcomers alone, Hyperband would be a random search that merely measures faster.

#include <algorithm>

#include "search/strategies/entries.h"
#include "search/strategy_base.h"

namespace jitattn::search {
namespace {

constexpr OptionInfo kOptions[] = {
    {.name = "eta",
     .default_value = "3",
     .help = "one point in this many is promoted, with this many times the resource",
     .min = 2,
     .max = 10,
     .integer = true},
    {.name = "rungs",
     .default_value = "3",
     .help = "resources from 1 to eta^(rungs-1)",
     .min = 1,
     .max = 6,
     .integer = true},
    {.name = "relatives",
     .default_value = "0.9",
     .help = "share of newcomers that are neighbours of the best, after the first bracket"},
};

// Relatives are neighbours of one of this many best points.
constexpr size_t kParents = 3;

class Hyperband : public StrategyBase {
 public:
  Hyperband(const StrategyContext& context, const Options& options)
      : StrategyBase(context, context.budget / 5),
        eta_(options.Integer("eta")),
        rungs_(options.Integer("rungs")),
        relatives_(options.Number("relatives")) {
    StartBracket(rungs_ - 1);
  }

 private:
  std::optional<Ask> Propose() override;
  void Learn(const Trial& trial) override;
  void StartBracket(int halvings);
  void Promote();
  int Newcomer();

  int eta_, rungs_;
  double relatives_;
  bool first_bracket_ = true;
  int bracket_ = 0;          // halvings at the start of this bracket
  int halvings_ = 0;         // halvings left in this bracket
  int wanted_ = 0;           // newcomers still to be evaluated in this bracket
  int resource_ = 1;         // resource of the current rung
  std::vector<int> rung_;    // ranks in the current rung
  std::vector<int> asking_;  // ranks of the rung still to be measured at its resource; last first
};

// A bracket of h halvings starts with η^h newcomers at resource η^(rungs−1−h), so that each bracket
// ends with one point at the full resource.
void Hyperband::StartBracket(int halvings) {
  bracket_ = halvings_ = halvings;
  wanted_ = 1;
  resource_ = 1;
  for (int i = 0; i < halvings; ++i) wanted_ *= eta_;
  for (int i = halvings; i < rungs_ - 1; ++i) resource_ *= eta_;
  rung_.clear();
}

void Hyperband::Promote() {
  std::sort(rung_.begin(), rung_.end(), [&](int a, int b) {
    const double x = LogCost(*Recall(a)), y = LogCost(*Recall(b));
    return x != y ? x < y : a < b;
  });
  rung_.resize(std::max<size_t>(1, rung_.size() / eta_));
  resource_ *= eta_;
  asking_.assign(rung_.rbegin(), rung_.rend());
}

int Hyperband::Newcomer() {
  if (first_bracket_ || !rng().Chance(relatives_)) return Fresh();
  std::vector<const Trial*> order;
  for (const Trial& trial : trials()) order.push_back(&trial);
  const size_t parents = std::min(kParents, order.size());
  std::partial_sort(order.begin(), order.begin() + parents, order.end(),
                    [](const Trial* a, const Trial* b) { return LogCost(*a) < LogCost(*b); });
  std::vector<int> kin = space().Neighbours(order[rng().Below(static_cast<int>(parents))]->rank,
                                            Space::Neighbourhood::kHamming);
  std::erase_if(kin, [&](int rank) { return Recall(rank) != nullptr; });
  return kin.empty() ? Fresh() : kin[rng().Below(static_cast<int>(kin.size()))];
}

std::optional<Ask> Hyperband::Propose() {
  while (true) {
    if (!asking_.empty()) {
      const int rank = asking_.back();
      asking_.pop_back();
      if (Recall(rank)->outcome != Trial::Outcome::kMeasured) continue;
      return Ask{.rank = rank, .resource = resource_};
    }
    if (wanted_ > 0 && left() > 0) return Ask{.rank = Newcomer(), .resource = resource_};
    if (halvings_ > 0 && rung_.size() > 1) {
      --halvings_;
      Promote();
      continue;
    }
    if (left() <= 0) return std::nullopt;
    first_bracket_ = false;
    StartBracket(bracket_ > 0 ? bracket_ - 1 : rungs_ - 1);
  }
}

void Hyperband::Learn(const Trial& trial) {
  if (wanted_ == 0 || std::find(rung_.begin(), rung_.end(), trial.rank) != rung_.end()) return;
  rung_.push_back(trial.rank);
  --wanted_;
}

}  // namespace

constinit const StrategyEntry kHyperband = {
    {"hyperband", "successive halving in brackets: brief looks first, the best ones longer",
     kOptions},
    [](const StrategyContext& context, const Options& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Hyperband>(context, options);
    }};

}  // namespace jitattn::search
