// Compares the tuner with the whole space, and with itself.

#include "lab/measuring/audit.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/format.h"
#include "ops/operation.h"
#include "runtime/candidates.h"
#include "runtime/confirm.h"
#include "runtime/tuning_space.h"

namespace jitattn::lab {
namespace {

// The space takes at most kSpaceShare of a problem's time. The tuning takes at most kTuneShare of
// the remaining time, and the races take the rest.
constexpr double kSpaceShare = 0.6, kTuneShare = 0.7;
// Number of points of the space that the first race times again.
constexpr size_t kFew = 5;
constexpr int kFirstRounds = 15, kRounds = 45;
constexpr int kLookReport = 200;

constexpr double kDefaultLoss = 0.05, kWinnerLoss = 0.02;

bool Stopped(const AuditOptions& options) {
  return options.tune.stop != nullptr && options.tune.stop->load();
}

// Distinct configurations that race: adding a known one returns its index.
class Lineup {
 public:
  size_t Add(const ops::Config& config) {
    const auto known = std::find(configs_.begin(), configs_.end(), config);
    if (known == configs_.end()) configs_.push_back(config);
    return static_cast<size_t>(std::find(configs_.begin(), configs_.end(), config) -
                               configs_.begin());
  }
  absl::Status Race(runtime::Measurer& measurer, int rounds, double deadline_s) {
    auto seconds = measurer.Race(configs_, rounds, deadline_s);
    if (!seconds.ok()) return seconds.status();
    seconds_ = *std::move(seconds);
    if (seconds_.front().size() >= runtime::kMinRounds) return absl::OkStatus();
    return absl::DeadlineExceededError("the time was too short to race the best candidates");
  }
  const ops::Config& config(size_t i) const { return configs_[i]; }
  const std::vector<double>& seconds(size_t i) const { return seconds_[i]; }
  size_t size() const { return configs_.size(); }
  // a's time ÷ b's.
  runtime::Ratio RatioOf(size_t a, size_t b, uint64_t seed) const {
    return a == b ? runtime::Ratio{1, 1, 1} : runtime::PairedRatio(seconds_[a], seconds_[b], seed);
  }

 private:
  std::vector<ops::Config> configs_;
  std::vector<std::vector<double>> seconds_;
};

// Returns the kFew fastest points of the space, by the brief measurements.
absl::StatusOr<std::vector<ops::Config>> LookAtAll(const ops::Problem& problem, const Cpu& cpu,
                                                   const AuditOptions& options, double deadline_s,
                                                   runtime::Measurer& brief,
                                                   const AuditProgress& progress, Loss* loss) {
  runtime::SpaceLimits limits = runtime::SmallSpace(problem.operation());
  limits.max_points = kAuditPoints;
  const ops::Conditions& conditions = options.tune.conditions;
  runtime::KeepResultsInCaches(problem, cpu, conditions.buffers, &limits);
  const auto space = runtime::TuningSpace::Create(problem, cpu, conditions.threads, limits);
  if (!space.ok()) return space.status();
  std::vector<std::pair<double, int>> order;
  for (int rank = 0; rank < space->space().size(); ++rank) {
    order.emplace_back(ops::EstimateCycles(problem, space->ConfigAt(rank), cpu), rank);
  }
  std::sort(order.begin(), order.end());
  loss->space_size = space->space().size();
  runtime::Candidates candidates(brief, {.budget = loss->space_size});
  candidates.set_deadline(deadline_s);
  candidates.Look(loss->default_config, space->RankOf(loss->default_config), 1);
  for (const auto& [estimate, rank] : order) {
    if (Stopped(options)) return absl::CancelledError("stopped");
    if (!candidates.Look(space->ConfigAt(rank), rank, 1)) break;
    if (candidates.size() % kLookReport == 0) {
      progress(absl::StrCat(candidates.size(), " of ", loss->space_size, " points"));
    }
  }
  loss->looked_at = static_cast<int>(candidates.size());
  std::vector<size_t> measured;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].measured()) measured.push_back(i);
  }
  std::stable_sort(measured.begin(), measured.end(),
                   [&](size_t a, size_t b) { return candidates[a].cost() < candidates[b].cost(); });
  std::vector<ops::Config> few;
  for (size_t i = 0; i < std::min(kFew, measured.size()); ++i) {
    few.push_back(candidates[measured[i]].evaluation.config);
  }
  if (few.empty()) return absl::InternalError("no point of the space could be measured");
  return few;
}

absl::StatusOr<runtime::TuneReport> TuneOnce(const ops::Problem& problem, const Cpu& cpu,
                                             const AuditOptions& options, double seconds,
                                             runtime::Measurer& measurer) {
  runtime::TuneOptions tune = options.tune;
  tune.seconds = std::min(tune.seconds, seconds);
  if (!(tune.seconds > 0)) return absl::DeadlineExceededError("no time was left to tune");
  auto report = runtime::Tune(problem, cpu, tune, measurer, nullptr, nullptr);
  if (Stopped(options)) return absl::CancelledError("stopped");
  return report;
}

std::string Percent(const runtime::Ratio& ratio) {
  return Format("%+.1f %% (%+.1f … %+.1f)", (ratio.value - 1) * 100, (ratio.low - 1) * 100,
                (ratio.high - 1) * 100);
}

// Judges the claim that a loss is at most `limit`.
Ruling JudgeLimit(const runtime::Ratio& loss, double limit) {
  if (loss.value <= 1 + limit) return Ruling::kHolds;
  return loss.low > 1 + limit ? Ruling::kFails : Ruling::kUnclear;
}

}  // namespace

absl::StatusOr<Loss> AuditLoss(const ops::Problem& problem, const Cpu& cpu,
                               const AuditOptions& options, runtime::Measurer& brief,
                               runtime::Measurer& measurer, const AuditProgress& progress) {
  const double start = measurer.Now(), deadline = start + options.seconds;
  Loss loss;
  loss.default_config =
      ops::Canonical(ops::DefaultConfig(problem, cpu, options.tune.conditions.threads), problem);
  const auto few = LookAtAll(problem, cpu, options, start + kSpaceShare * options.seconds, brief,
                             progress, &loss);
  if (!few.ok()) return few.status();
  const double looked = measurer.Now();
  loss.space_s = looked - start;

  progress("tuning");
  const auto report = TuneOnce(problem, cpu, options, kTuneShare * (deadline - looked), measurer);
  if (!report.ok()) return report.status();
  loss.winner = report->record.config;
  loss.evaluations = report->record.result.evaluations;
  loss.tuning_s = measurer.Now() - looked;

  progress("racing the best");
  Lineup first;
  for (const ops::Config& config : *few) first.Add(config);
  first.Add(loss.default_config);
  const double now = measurer.Now();
  absl::Status status = first.Race(measurer, kFirstRounds, now + (deadline - now) / 2);
  if (!status.ok()) return status;
  size_t best = 0;
  for (size_t i = 1; i < first.size(); ++i) {
    if (runtime::LowQuantile(first.seconds(i)) < runtime::LowQuantile(first.seconds(best)))
      best = i;
  }
  loss.best = first.config(best);

  Lineup last;
  const size_t at_best = last.Add(loss.best), at_default = last.Add(loss.default_config),
               at_winner = last.Add(loss.winner);
  status = last.Race(measurer, kRounds, deadline);
  if (!status.ok()) return status;
  if (Stopped(options)) return absl::CancelledError("stopped");
  loss.rounds = static_cast<int>(last.seconds(at_best).size());
  loss.best_s = runtime::Summarise(last.seconds(at_best)).median;
  loss.default_loss = last.RatioOf(at_default, at_best, options.tune.seed);
  loss.winner_loss = last.RatioOf(at_winner, at_best, options.tune.seed);
  return loss;
}

absl::StatusOr<Repeats> AuditRepeats(const ops::Problem& problem, const Cpu& cpu,
                                     const AuditOptions& options, int runs,
                                     runtime::Measurer& measurer, const AuditProgress& progress) {
  const double start = measurer.Now(), deadline = start + options.seconds;
  const double each = 0.85 * options.seconds / runs;
  Repeats repeats{.runs = runs};
  Lineup field;
  std::vector<int> counts;
  for (int run = 0; run < runs; ++run) {
    progress(absl::StrCat("run ", run + 1, " of ", runs));
    const auto report = TuneOnce(problem, cpu, options, each, measurer);
    if (!report.ok()) return report.status();
    repeats.default_config = report->record.result.default_config;
    const size_t place = field.Add(report->record.config);
    counts.resize(field.size());
    ++counts[place];
  }
  repeats.tuning_s = (measurer.Now() - start) / runs;
  const size_t distinct = field.size();
  const size_t at_default = field.Add(repeats.default_config);
  progress("racing the winners");
  absl::Status status = field.Race(measurer, kRounds, deadline);
  if (!status.ok()) return status;
  if (Stopped(options)) return absl::CancelledError("stopped");

  std::vector<size_t> order;
  for (size_t i = 0; i < distinct; ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return runtime::LowQuantile(field.seconds(a)) < runtime::LowQuantile(field.seconds(b));
  });
  for (const size_t i : order) {
    repeats.winners.push_back(field.config(i));
    repeats.counts.push_back(counts[i]);
    repeats.to_fastest.push_back(field.RatioOf(i, order.front(), options.tune.seed));
    repeats.to_default.push_back(field.RatioOf(at_default, i, options.tune.seed));
  }
  return repeats;
}

std::vector<Claim> JudgeLosses(std::span<const Loss> losses) {
  if (losses.empty()) return {};
  std::vector<double> values, lows, highs;
  const Loss* worst = &losses.front();
  for (const Loss& loss : losses) {
    values.push_back(loss.default_loss.value);
    lows.push_back(loss.default_loss.low);
    highs.push_back(loss.default_loss.high);
    if (loss.winner_loss.value > worst->winner_loss.value) worst = &loss;
  }
  const runtime::Ratio median{runtime::Quantile(values, 0.5), runtime::Quantile(lows, 0.5),
                              runtime::Quantile(highs, 0.5)};
  Claim by_default{.text = "the default loses less than 5 % to the best, at the median",
                   .figure = Format("median %s of %d problems", Percent(median), losses.size()),
                   .ruling = JudgeLimit(median, kDefaultLoss)};
  Claim by_winner{
      .text = "the tuned winner loses at most 2 % to the best",
      .figure = Format("worst %s of %d problems", Percent(worst->winner_loss), losses.size()),
      .ruling = Ruling::kHolds};
  // Every problem counts, not only the worst: the largest loss may have a wide interval (unclear)
  // while a smaller one is certainly above the limit.
  for (const Loss& loss : losses) {
    by_winner.ruling = std::max(by_winner.ruling, JudgeLimit(loss.winner_loss, kWinnerLoss));
  }
  return {by_default, by_winner};
}

std::vector<Claim> JudgeRepeats(std::span<const Repeats> repeats) {
  if (repeats.empty()) return {};
  Claim same{.text = "every run names the same winner, or one that ties with it"};
  Claim faster{.text = "no winner is slower than the default"};
  int alike = 0;
  runtime::Ratio farthest{1, 1, 1}, slowest{INFINITY, INFINITY, INFINITY};
  for (const Repeats& r : repeats) {
    alike += r.winners.size() == 1;
    for (size_t i = 0; i < r.winners.size(); ++i) {
      same.ruling = std::max(same.ruling, JudgeLimit(r.to_fastest[i], runtime::kTimeTie));
      if (r.to_fastest[i].value > farthest.value) farthest = r.to_fastest[i];
      const Ruling ruling = r.to_default[i].value >= 1 - runtime::kTimeTie ? Ruling::kHolds
                            : runtime::Compare(r.to_default[i]) == runtime::Comparison::kSlower
                                ? Ruling::kFails
                                : Ruling::kUnclear;
      faster.ruling = std::max(faster.ruling, ruling);
      if (r.to_default[i].value < slowest.value) slowest = r.to_default[i];
    }
  }
  same.figure = Format("one winner in %d of %d problems, the farthest apart %s", alike,
                       repeats.size(), Percent(farthest));
  faster.figure = Format("least gain %s", Percent(slowest));
  return {same, faster};
}

}  // namespace jitattn::lab
