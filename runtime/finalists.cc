// The race of the finalists.

#include "runtime/finalists.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {
namespace {

// A point this much slower than the fastest, or than the default, does not come first when timed
// again.
constexpr double kHopeless = 1.1, kHopelessAgainstDefault = 1.03;
// From 21 rounds on the interval of a quiet machine is a quarter of a per cent wide; more than 45
// sharpen it slowly, and are made only where they are cheap.
constexpr int kRaceRounds = 45, kPlannedRounds = 21;
constexpr double kCheapSeconds = 2;
// A sample lasts a millisecond at least, with the untimed run before it and the start of the next.
constexpr double kLeastSample = 2.5e-3;
// What the clock of the plan does not see: compiling, warming up.
constexpr double kOverhead = 1.1;

}  // namespace

std::vector<size_t> Challengers(const Candidates& candidates, const WhatStands& stands,
                                std::optional<size_t> settled, size_t most) {
  std::vector<size_t> challengers;
  if (!candidates.best()) return challengers;
  double limit = kHopeless * candidates.best_cost();
  if (stands.default_config && candidates[*stands.default_config].measured()) {
    limit = std::min(limit, kHopelessAgainstDefault * candidates[*stands.default_config].cost());
  }
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i == stands.default_config || i == stands.record || !candidates[i].measured()) continue;
    if (candidates[i].cost() <= limit) challengers.push_back(i);
  }
  std::stable_sort(challengers.begin(), challengers.end(),
                   [&](size_t a, size_t b) { return candidates[a].cost() < candidates[b].cost(); });
  if (challengers.size() > most) {
    const auto place = std::find(challengers.begin(), challengers.end(), settled);
    const bool beyond =
        place != challengers.end() && place - challengers.begin() >= static_cast<ptrdiff_t>(most);
    challengers.resize(most);
    if (beyond) challengers.back() = *settled;
  }
  return challengers;
}

double RaceSeconds(const Candidates& candidates) {
  if (!candidates.best()) return 0;
  const double sample = std::max(candidates.best_cost(), kLeastSample);
  return static_cast<double>(kMaxChallengers + 2) * kPlannedRounds * kOverhead * sample;
}

Confirmation Confirm(Measurer& measurer, const Candidates& candidates, const WhatStands& stands,
                     const std::vector<size_t>& challengers, const ConfirmOptions& options) {
  std::vector<size_t> indices = {*stands.default_config};
  Finalists finalists;
  if (stands.record && stands.record != stands.default_config &&
      candidates[*stands.record].measured()) {
    indices.push_back(*stands.record);
  }
  indices.insert(indices.end(), challengers.begin(), challengers.end());
  Confirmation result;
  double round_s = 0;
  for (const size_t index : indices) {
    result.finalists.push_back(candidates[index].evaluation);
    finalists.configs.push_back(candidates[index].evaluation.config);
    if (index == stands.record && candidates[index].measured()) {
      finalists.record = static_cast<int>(finalists.configs.size()) - 1;
    }
    round_s += std::max(candidates[index].cost(), kLeastSample);
  }
  const Evaluation& standing = result.finalists.front();
  if (standing.outcome == Evaluation::Outcome::kInfeasible) {
    finalists.barred = absl::StrCat("the default breaks a constraint (", standing.error, ")");
  } else if (!candidates[indices.front()].measured()) {
    finalists.barred = absl::StrCat("the default failed (", standing.error, ")");
  }
  if (indices.size() == 1) {
    result.decision = {0, {1, 1, 1}, "nothing faster was found: the default stays"};
    return result;
  }

  const double left = options.deadline_s - measurer.Now();
  const int most = kRaceRounds * round_s <= kCheapSeconds ? kRaceRounds : kPlannedRounds;
  const int rounds =
      static_cast<int>(std::clamp<double>(left / (kOverhead * round_s), kMinRounds, most));
  // A default that gave no right result is not timed either.
  const size_t first = standing.samples.empty() ? 1 : 0;
  auto seconds =
      measurer.Race(std::span(finalists.configs).subspan(first), rounds, options.deadline_s);
  std::string failure;
  finalists.seconds.resize(indices.size());
  if (seconds.ok()) {
    std::move(seconds->begin(), seconds->end(), finalists.seconds.begin() + first);
  } else {  // as if there had been no time for it: what stands is kept
    failure = absl::StrCat(" (", std::string(seconds.status().message()), ")");
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (finalists.seconds[i].empty()) continue;
    result.finalists[i].samples = finalists.seconds[i];
    result.finalists[i].seconds = Summarise(finalists.seconds[i]);
  }
  result.decision = Decide(finalists, options.keep_record, options.seed);
  result.decision.why += failure;
  return result;
}

}  // namespace jitattn::runtime
