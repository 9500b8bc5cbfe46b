// The tuner: searches, measures, confirms and saves a record.

#include "runtime/tuner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/executable_memory.h"
#include "ops/operation.h"
#include "runtime/candidates.h"
#include "runtime/confirm.h"
#include "runtime/directed_search.h"
#include "runtime/finalists.h"
#include "runtime/machine_flags.h"
#include "runtime/seeds.h"
#include "runtime/settle.h"
#include "runtime/tune_record.h"

namespace jitattn::runtime {
namespace {

// After Ctrl-C, time to confirm the best candidate so far.
constexpr double kInterruptedSeconds = 2;
// 1/kSettleShare of the budget is reserved for Settle(). The strategy gets what Settle() leaves.
constexpr int kSettleShare = 5;
// The deciding race is spread over this share of the time limit, at most kSpreadSeconds.
constexpr double kSpreadShare = 0.2, kSpreadSeconds = 5;
// A strategy that has asked for this many known points in a row has no new ones.
constexpr int kMaxRepeats = 10000;

class Tuning {
 public:
  Tuning(const ops::Problem& problem, const Cpu& cpu, const TuneOptions& options,
         Measurer& measurer, const cache::Layers* layers, const ProgressHook& progress)
      : problem_(problem),
        cpu_(cpu),
        options_(options),
        strategy_name_(options.strategy.empty() || options.strategy == "auto"
                           ? std::string(search::DefaultStrategy())
                           : options.strategy),
        measurer_(measurer),
        layers_(layers),
        hook_(progress),
        start_(measurer.Now()),
        deadline_(start_ + options.seconds),
        candidates_(measurer, {.budget = options.evaluations,
                               .constraints = options.constraints,
                               .drop_slow = options.objectives.size() == 1}) {}

  absl::StatusOr<TuneReport> Run() {
    if (absl::Status status = Prepare(); !status.ok()) return status;
    LookAtWhatStands();
    if (absl::Status status = MakeSpace(); !status.ok()) return status;
    Search();
    return Conclude();
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  absl::Status Prepare();
  absl::Status CheckObjectives() const;
  std::optional<size_t> Look(const ops::Config& config, int rank, int resource, Origin origin);
  Origin OriginOf(const search::Ask& ask) const;
  int RankOf(const ops::Config& config) const;  // -1: off the ladders of the space
  void LookAtWhatStands();
  absl::Status MakeSpace();
  void Search();
  void FollowStrategy(int evaluations);
  double ReservedSeconds() const;

  absl::StatusOr<TuneReport> Conclude();
  std::vector<Evaluation> Front() const;
  void Save(const Decision& decision, TuneReport& report);
  void TellFinalists(const TuneReport& report) const;
  double DefaultCost() const;  // 0: unknown
  void Progress(TuneProgress::Phase phase);

  const ops::Problem problem_;
  const Cpu cpu_;
  const TuneOptions options_;
  const std::string strategy_name_;
  Measurer& measurer_;
  const cache::Layers* const layers_;
  const ProgressHook& hook_;
  const double start_, deadline_;
  const MachineWatch machine_;

  std::optional<TuningSpace> space_;
  std::vector<Seed> seeds_;
  std::optional<DirectedSearch> search_;
  ops::Config default_config_;
  cache::Lookup lookup_;

  Candidates candidates_;
  WhatStands stands_;
  std::vector<Origin> origins_;  // of the candidates
  std::optional<size_t> settled_;
  std::string latest_;
};

absl::Status Tuning::Prepare() {
  if (absl::Status status = ops::Validate(problem_); !status.ok()) return status;
  if (absl::Status status = CheckTunable(cpu_); !status.ok()) return status;
  if (options_.evaluations < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("evaluations ", options_.evaluations, ": must be at least 1"));
  }
  if (!(options_.seconds > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("seconds ", options_.seconds, ": must be more than 0"));
  }
  if (absl::Status status = CheckObjectives(); !status.ok()) return status;
  if (absl::Status status = search::CheckStrategy(strategy_name_, options_.strategy_options);
      !status.ok()) {
    return status;
  }
  default_config_ =
      ops::Canonical(ops::DefaultConfig(problem_, cpu_, options_.conditions.threads), problem_);
  if (layers_ != nullptr) {
    lookup_ = layers_->Find(cache::MakeKey(problem_, options_.conditions));
  }
  candidates_.set_deadline(deadline_ - 0.2 * options_.seconds);
  Progress(TuneProgress::Phase::kPreparing);
  return absl::OkStatus();
}

absl::Status Tuning::CheckObjectives() const {
  const std::vector<Objective>& given = options_.objectives;
  if (given.empty() || given.front() != Objective::kTime) {
    return absl::InvalidArgumentError(
        "objectives: time must be the first, since it decides the winner");
  }
  for (size_t i = 1; i < given.size(); ++i) {
    if (std::find(given.begin(), given.begin() + i, given[i]) != given.begin() + i) {
      return absl::InvalidArgumentError(
          absl::StrCat("objectives: ", std::string(Name(given[i])), " is named twice"));
    }
  }
  return absl::OkStatus();
}

std::optional<size_t> Tuning::Look(const ops::Config& config, int rank, int resource,
                                   Origin origin) {
  const int looks = candidates_.looks();
  const auto index = candidates_.Look(config, rank, resource);
  if (!index) return std::nullopt;
  if (*index == origins_.size()) origins_.push_back(origin);
  if (origin == Origin::kDefault) stands_.default_config = index;
  latest_ = ops::ToString(config);
  if (options_.on_evaluation && candidates_.looks() > looks) {
    options_.on_evaluation({.evaluation = candidates_[*index].evaluation,
                            .origin = origins_[*index],
                            .number = static_cast<int>(*index) + 1,
                            .elapsed_s = measurer_.Now() - start_,
                            .best_s = candidates_.best_cost(),
                            .default_s = DefaultCost()});
  }
  Progress(TuneProgress::Phase::kSearching);
  return index;
}

Origin Tuning::OriginOf(const search::Ask& ask) const {
  if (!ask.is_seed) return Origin::kSearch;
  for (const Seed& seed : seeds_) {
    if (seed.rank == ask.rank) return seed.origin;
  }
  return Origin::kLatin;  // from the strategy's own design
}

double Tuning::DefaultCost() const {
  const bool known = stands_.default_config && candidates_[*stands_.default_config].measured();
  return known ? candidates_[*stands_.default_config].cost() : 0;
}

// Reports the finalists that took part in a race, with the samples of the race.
void Tuning::TellFinalists(const TuneReport& report) const {
  if (!options_.on_evaluation) return;
  double best = 0;
  for (const Evaluation& finalist : report.finalists) {
    size_t i = 0;
    while (candidates_[i].evaluation.config != finalist.config) ++i;
    const bool raced =
        !finalist.samples.empty() && finalist.samples != candidates_[i].evaluation.samples;
    if (!raced) continue;
    if (best <= 0 || finalist.seconds.min < best) best = finalist.seconds.min;
    options_.on_evaluation({.evaluation = finalist,
                            .origin = origins_[i],
                            .is_final = true,
                            .number = static_cast<int>(i) + 1,
                            .elapsed_s = measurer_.Now() - start_,
                            .best_s = best,
                            .default_s = report.finalists[0].seconds.min});
  }
}

int Tuning::RankOf(const ops::Config& config) const {
  const int rank = space_->RankOf(config);
  return space_->ConfigAt(rank) == config ? rank : -1;
}

// Measures the default and the record first, before the space is enumerated, which may take longer:
// the time limit then cannot exclude them.
void Tuning::LookAtWhatStands() {
  Look(default_config_, -1, 1, Origin::kDefault);
  if (lookup_.match != cache::Match::kExact) return;
  const ops::Config& config = lookup_.found->record.config;
  stands_.record =
      config == default_config_ ? stands_.default_config : Look(config, -1, 1, Origin::kRecord);
}

// Makes the space, the seeds and the strategies.
absl::Status Tuning::MakeSpace() {
  SpaceLimits limits = options_.limits;
  KeepResultsInCaches(problem_, cpu_, options_.conditions.buffers, &limits);
  absl::StatusOr<TuningSpace> space =
      TuningSpace::Create(problem_, cpu_, options_.conditions.threads, limits);
  if (!space.ok()) return space.status();
  space_.emplace(*std::move(space));
  for (size_t i = 0; i < candidates_.size(); ++i) {
    candidates_.Place(i, RankOf(candidates_[i].evaluation.config));
  }
  const auto record = lookup_.found ? std::optional(lookup_.found->record.config) : std::nullopt;
  seeds_ =
      Seeds(problem_, cpu_, *space_, default_config_, record, options_.evaluations, options_.seed);
  auto search = DirectedSearch::Create(strategy_name_,
                                       {.space = &space_->space(),
                                        .seeds = RanksOf(seeds_),
                                        .budget = options_.evaluations,
                                        .seed = options_.seed},
                                       options_.strategy_options, options_.objectives);
  if (!search.ok()) return search.status();
  search_.emplace(*std::move(search));
  return absl::OkStatus();
}

// Seconds reserved for the confirmation, estimated from the time of a run.
double Tuning::ReservedSeconds() const {
  return std::clamp(ConfirmSeconds(candidates_), 0.1 * options_.seconds, 0.5 * options_.seconds);
}

void Tuning::Search() {
  if (!stands_.default_config) return;  // there was no time to measure it
  candidates_.set_deadline(deadline_ - ReservedSeconds());
  if (!options_.candidates.empty()) {
    for (const ops::Config& given : options_.candidates) {
      const ops::Config config = ops::Canonical(given, problem_);
      if (Stopped() || !Look(config, RankOf(config), 1, Origin::kGiven)) return;
    }
    return;
  }
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].rank >= 0) search_->Tell(candidates_[i]);
  }
  FollowStrategy(options_.evaluations - options_.evaluations / kSettleShare);
  settled_ = Settle(*space_, candidates_, [this](int rank) -> std::optional<size_t> {
    if (Stopped()) return std::nullopt;
    const size_t before = candidates_.size();
    const auto index = Look(space_->ConfigAt(rank), rank, 1, Origin::kSettle);
    if (index && candidates_.size() > before) search_->Tell(candidates_[*index]);
    return index;
  });
  FollowStrategy(options_.evaluations);
}

// Follows the strategy until `evaluations` candidates are known or it has no more points.
void Tuning::FollowStrategy(int evaluations) {
  int repeats = 0;
  while (!Stopped() && repeats < kMaxRepeats &&
         static_cast<int>(candidates_.size()) < evaluations) {
    const std::optional<search::Ask> ask = search_->Next();
    if (!ask) return;
    const size_t before = candidates_.size();
    const auto index = Look(space_->ConfigAt(ask->rank), ask->rank, ask->resource, OriginOf(*ask));
    if (!index) return;
    repeats = candidates_.size() > before ? 0 : repeats + 1;
    search_->Tell(candidates_[*index]);
  }
}

absl::StatusOr<TuneReport> Tuning::Conclude() {
  if (!stands_.default_config) {
    return absl::DeadlineExceededError(absl::StrCat(options_.seconds,
                                                    " s are too few to measure the default of ",
                                                    ops::Describe(problem_), " once"));
  }
  if (!candidates_.best()) {
    const Evaluation& e = candidates_[*stands_.default_config].evaluation;
    const bool infeasible = e.outcome == Evaluation::Outcome::kInfeasible;
    return absl::InternalError(absl::StrCat(
        "none of ", candidates_.size(), " configurations of ", ops::Describe(problem_),
        infeasible ? " keeps the constraints" : " could be measured", "; the default: ", e.error));
  }
  TuneReport report;
  report.interrupted = Stopped();
  report.best_found = candidates_[*candidates_.best()].evaluation.config;
  Progress(TuneProgress::Phase::kConfirming);

  const double now = measurer_.Now();
  const double deadline = Stopped() ? std::min(deadline_, now + kInterruptedSeconds) : deadline_;
  const bool keep_record = Stopped() && stands_.record && lookup_.found->record.result.complete;
  Confirmation confirmed = Confirm(
      measurer_, candidates_, stands_,
      Challengers(candidates_, stands_, settled_, Stopped() ? 1 : kMaxChallengers),
      {.deadline_s = deadline,
       .spread_s = Stopped() ? 0 : std::min(kSpreadSeconds, kSpreadShare * options_.seconds),
       .keep_record = keep_record,
       .seed = options_.seed});
  report.decision = confirmed.decision.why;
  report.winner = confirmed.decision.winner;
  report.finalists = std::move(confirmed.finalists);
  TellFinalists(report);
  if (options_.objectives.size() > 1) report.front = Front();
  Save(confirmed.decision, report);
  Progress(TuneProgress::Phase::kDone);
  return report;
}

std::vector<Evaluation> Tuning::Front() const {
  std::vector<const Evaluation*> measured;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (candidates_[i].measured()) measured.push_back(&candidates_[i].evaluation);
  }
  std::vector<Evaluation> front;
  for (const size_t i : ParetoFront(measured, options_.objectives)) front.push_back(*measured[i]);
  return front;
}

void Tuning::Save(const Decision& decision, TuneReport& report) {
  const Evaluation& winner = report.finalists[decision.winner];
  const bool default_timed = !report.finalists[0].samples.empty();
  report.record = MakeRecord(problem_, cpu_,
                             {.key = cache::MakeKey(problem_, options_.conditions),
                              .winner = winner,
                              .standing = default_timed ? report.finalists[0] : winner,
                              .default_config = default_config_,
                              .gain = decision.gain,
                              .strategy = strategy_name_,
                              .seed = options_.seed,
                              .evaluations = static_cast<int>(candidates_.size()),
                              .space_size = space_->space().size(),
                              .tuning_s = measurer_.Now() - start_,
                              .complete = !report.interrupted,
                              .machine_flags = machine_.Flags()});
  if (layers_ == nullptr) {
    report.not_saved = "no cache was given";
    return;
  }
  if (lookup_.match == cache::Match::kExact) {
    const cache::Record& old = lookup_.found->record;
    const bool same = report.record.config == old.config;
    if (!stands_.record) {
      report.not_saved = "the record stays: no budget was left to measure it";
    } else if (same && report.interrupted && old.result.complete) {
      report.not_saved =
          "the record stays: this search was cut short, but not the one that made the record";
    } else if (decision.gain.low <= 0) {
      report.not_saved = "the record stays: too few rounds to compare with it";
    }
    if (!report.not_saved.empty()) return;
    report.record.unknown_toml = old.unknown_toml;
  }
  const absl::StatusOr<std::string> path = layers_->Put(report.record);
  if (path.ok()) {
    report.path = *path;
  } else {
    report.save_failed = true;
    report.not_saved = std::string(path.status().message());
  }
}

void Tuning::Progress(TuneProgress::Phase phase) {
  if (hook_ == nullptr) return;
  TuneProgress now{.phase = phase,
                   .evaluations = static_cast<int>(candidates_.size()),
                   .budget = options_.evaluations,
                   .elapsed_s = measurer_.Now() - start_,
                   .latest = latest_};
  if (space_) {
    now.space_size = space_->space().size();
    now.budget = std::min(now.budget, now.space_size);
  }
  now.best_s = candidates_.best_cost();
  now.default_s = DefaultCost();
  if (phase != TuneProgress::Phase::kDone) {
    now.left_s = std::max(0.0, options_.seconds - now.elapsed_s);
    if (phase == TuneProgress::Phase::kSearching) {
      // The remaining evaluations at the present pace plus the race, or the time limit if sooner.
      // The race's estimate follows from the fastest candidate: the time reserved for it is a share
      // of the limit, minutes of an hour, and usually more than it takes.
      const double pace = now.elapsed_s / std::max(1, now.evaluations);
      const double race = std::min(ConfirmSeconds(candidates_), deadline_ - candidates_.deadline());
      now.left_s = std::min(now.left_s, pace * std::max(0, now.budget - now.evaluations) + race);
    }
  }
  hook_(now);
}

}  // namespace

absl::Status CheckTunable(const Cpu& cpu) {
  if (cpu.isa == Isa::kPortable || jit::ExecutableMemoryAllowed()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "nothing is tuned: the system refuses executable memory, so that every configuration would "
      "run the portable path");
}

absl::StatusOr<TuneReport> Tune(const ops::Problem& problem, const Cpu& cpu,
                                const TuneOptions& options, Measurer& measurer,
                                const cache::Layers* layers, const ProgressHook& progress) {
  return Tuning(problem, cpu, options, measurer, layers, progress).Run();
}

}  // namespace jitattn::runtime
