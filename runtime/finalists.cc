// The races of the finalists.

#include "runtime/finalists.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/statistics.h"

namespace jitattn::runtime {
namespace {

// A candidate this much slower than the fastest, or than the default, will not win when timed
// again.
constexpr double kHopeless = 1.1, kHopelessAgainstDefault = 1.03;
// The first race gives only a rough order. In the second race, the interval of a quiet machine is
// 0.25 % wide from 21 rounds on. More rounds narrow it slowly and are made only if they are cheap.
constexpr int kFirstRounds = 9, kLeastFirstRounds = 3;
constexpr int kRounds = 21, kManyRounds = 101;
constexpr double kCheapSeconds = 2;
// The first race's share of the time, if that is too short for both races.
constexpr double kFirstShare = 0.4;
// Covers compiling and warming up, which RaceSeconds does not include.
constexpr double kOverhead = 1.1;

int RoundsIn(double seconds, double round_s, int least, int most) {
  return static_cast<int>(std::clamp<double>(seconds / (kOverhead * round_s), least, most));
}

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

double ConfirmSeconds(const Candidates& candidates) {
  if (!candidates.best()) return 0;
  const double round_s = RaceSeconds(candidates.best_cost());
  return kOverhead * round_s *
         static_cast<double>((kMaxChallengers + 2) * kFirstRounds + 3 * kRounds);
}

namespace {

// The participants of the races, and their latest evaluations.
class Contestants {
 public:
  Contestants(Measurer& measurer, const Candidates& candidates, double deadline_s)
      : measurer_(measurer), candidates_(candidates), deadline_s_(deadline_s) {}

  size_t Add(size_t index) {
    indices_.push_back(index);
    evaluations_.push_back(candidates_[index].evaluation);
    return indices_.size() - 1;
  }
  size_t size() const { return indices_.size(); }
  double RoundSeconds(std::span<const size_t> who) const {
    double seconds = 0;
    for (const size_t i : who) seconds += RaceSeconds(candidates_[indices_[i]].cost());
    return seconds;
  }
  double left() const { return deadline_s_ - measurer_.Now(); }

  // Seconds by index of the participant; empty for those that are not in this race.
  absl::StatusOr<std::vector<std::vector<double>>> Race(std::span<const size_t> who, int rounds,
                                                        double deadline_s) {
    std::vector<ops::Config> configs;
    for (const size_t i : who) configs.push_back(evaluations_[i].config);
    auto raced = measurer_.Race(configs, rounds, deadline_s);
    if (!raced.ok()) return raced.status();
    std::vector<std::vector<double>> seconds(size());
    for (size_t i = 0; i < who.size(); ++i) seconds[who[i]] = std::move((*raced)[i]);
    return seconds;
  }
  // The samples of a race replace those of the search in the reports.
  void Keep(std::span<const size_t> who, std::span<const std::vector<double>> seconds) {
    for (const size_t i : who) {
      if (seconds[i].empty()) continue;
      evaluations_[i].samples = seconds[i];
      evaluations_[i].seconds = Summarise(seconds[i]);
    }
  }
  std::vector<Evaluation>& evaluations() { return evaluations_; }

 private:
  Measurer& measurer_;
  const Candidates& candidates_;
  const double deadline_s_;
  std::vector<size_t> indices_;  // of the candidates
  std::vector<Evaluation> evaluations_;
};

// True if the challenger cannot win any more.
bool IsBeaten(const Finalists& finalists) {
  if (!finalists.challenger) return true;
  if (!finalists.barred.empty()) return false;
  const std::vector<double>&standing = finalists.seconds[0],
        &challenger = finalists.seconds[*finalists.challenger];
  return standing.empty() || MedianRatio(standing, challenger).value <= kAhead;
}

// Why the default cannot win, "" if it can.
std::string WhyBarred(const Candidate& standing) {
  const Evaluation& evaluation = standing.evaluation;
  if (evaluation.outcome == Evaluation::Outcome::kInfeasible) {
    return absl::StrCat("the default breaks a constraint (", evaluation.error, ")");
  }
  if (standing.measured()) return "";
  return absl::StrCat("the default failed (", evaluation.error, ")");
}

std::string Failure(const absl::Status& status) {
  return absl::StrCat(" (", std::string(status.message()), ")");
}

// Runs the first race, among all, and returns the challenger from `open`; its first element if the
// race gave no result. `failure`: set to the reason if the race failed.
std::optional<size_t> ChooseChallenger(Contestants& contestants, Measurer& measurer,
                                       const std::vector<size_t>& standings,
                                       const std::vector<size_t>& open, std::string* failure) {
  if (open.empty()) return std::nullopt;
  if (open.size() == 1) return open.front();
  std::vector<size_t> all = standings;
  all.insert(all.end(), open.begin(), open.end());
  const double round_s = contestants.RoundSeconds(all), share = kFirstShare * contestants.left();
  const auto seconds =
      contestants.Race(all, RoundsIn(share, round_s, kLeastFirstRounds, kFirstRounds),
                       measurer.Now() + contestants.left() / 2);
  if (!seconds.ok()) {
    *failure = Failure(seconds.status());
    return open.front();
  }
  if ((*seconds)[open.front()].empty()) return open.front();
  contestants.Keep(all, *seconds);
  std::vector<ops::Config> configs;
  for (const size_t i : open) configs.push_back(contestants.evaluations()[i].config);
  return open[Choose(configs, std::span(*seconds).subspan(contestants.size() - open.size()))];
}

// Runs the last race, among `last`, in quarters that are spread over `spread_s`, and fills
// finalists->seconds.
void RaceFinalists(Contestants& contestants, Measurer& measurer, const std::vector<size_t>& last,
                   const ConfirmOptions& options, Finalists* finalists, std::string* failure) {
  const double round_s = contestants.RoundSeconds(last);
  const int most = kManyRounds * round_s <= kCheapSeconds ? kManyRounds : kRounds;
  const int rounds = RoundsIn(contestants.left(), round_s, kMinRounds, most);
  const double began = measurer.Now(), spread = std::min(options.spread_s, contestants.left() / 2);
  for (int quarter = 0; quarter < kQuarters; ++quarter) {
    const double wait = began + spread * quarter / kQuarters - measurer.Now();
    if (wait > 0) measurer.Wait(wait);
    const int more = rounds * (quarter + 1) / kQuarters - rounds * quarter / kQuarters;
    const auto seconds = contestants.Race(last, more, options.deadline_s);
    if (!seconds.ok()) {  // as without time for the race: the incumbent stays
      *failure = Failure(seconds.status());
      break;
    }
    for (size_t i = 0; i < contestants.size(); ++i) {
      std::vector<double>& all = finalists->seconds[i];
      all.insert(all.end(), (*seconds)[i].begin(), (*seconds)[i].end());
    }
    if (!finalists->record && IsBeaten(*finalists)) break;
  }
}

}  // namespace

Confirmation Confirm(Measurer& measurer, const Candidates& candidates, const WhatStands& stands,
                     const std::vector<size_t>& challengers, const ConfirmOptions& options) {
  Contestants contestants(measurer, candidates, options.deadline_s);
  contestants.Add(*stands.default_config);
  Finalists finalists;
  finalists.barred = WhyBarred(candidates[*stands.default_config]);
  // A default that gave no right result is not timed.
  std::vector<size_t> standings;
  if (!contestants.evaluations().front().samples.empty()) standings.push_back(0);
  if (stands.record && candidates[*stands.record].measured()) {
    finalists.record = 0;
    if (stands.record != stands.default_config) {
      standings.push_back(contestants.Add(*stands.record));
      finalists.record = static_cast<int>(standings.back());
    }
  }
  std::vector<size_t> open;
  for (const size_t index : challengers) open.push_back(contestants.Add(index));
  if (contestants.size() == 1) {
    return {{0, {1, 1, 1}, "nothing faster was found: the default stays"},
            contestants.evaluations()};
  }

  std::string failure;
  std::vector<size_t> last = standings;
  if (const auto chosen = ChooseChallenger(contestants, measurer, standings, open, &failure)) {
    finalists.challenger = static_cast<int>(*chosen);
    last.push_back(*chosen);
  }
  for (const Evaluation& e : contestants.evaluations()) finalists.configs.push_back(e.config);
  finalists.seconds.resize(contestants.size());
  RaceFinalists(contestants, measurer, last, options, &finalists, &failure);
  contestants.Keep(last, finalists.seconds);
  Confirmation result{Decide(finalists, options.keep_record, options.seed),
                      std::move(contestants.evaluations())};
  result.decision.why += failure;
  return result;
}

}  // namespace jitattn::runtime
