// Search, measure, confirm, remember.

#include "runtime/tuner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "runtime/confirm.h"
#include "runtime/estimate.h"
#include "runtime/heuristic.h"
#include "runtime/machine_flags.h"
#include "runtime/parallel.h"
#include "runtime/tune_record.h"

namespace jitattn::runtime {
namespace {

// Challengers in the confirmation, beside the default and the record.
constexpr size_t kMaxChallengers = 5;
// A point this much slower than the fastest, or than the default, does not come first when timed
// again.
constexpr double kHopeless = 1.1, kHopelessAgainstDefault = 1.03;
// From 21 rounds on the interval of a quiet machine is a quarter of a per cent wide; more than 45
// sharpen it slowly, and are made only where they are cheap.
constexpr int kRaceRounds = 45, kPlannedRounds = 21;
constexpr double kCheapSeconds = 2;
// Ctrl-C is answered soon, yet what was found is put to the test.
constexpr double kInterruptedSeconds = 2;
// Seeds by estimate: its order is rough, so that several may hold the best.
constexpr int kEstimateSeeds = 5;
// Seeds in all: two or three a tunable. More would spread a large budget evenly over the space, where
// a strategy would by then know better, and a maximin design costs the square of its size.
constexpr int kMaxSeeds = 40;
// A strategy that asks only for what it knows has nothing left to ask.
constexpr int kMaxRepeats = 10000;

struct Candidate {
  int rank = -1;  // -1: off the ladders of the space
  int resource = 1;
  Evaluation evaluation;

  bool measured() const { return evaluation.outcome == Evaluation::Outcome::kMeasured; }
  double cost() const { return evaluation.seconds.min; }
};

search::Trial ToTrial(const Candidate& candidate) {
  using Outcome = search::Trial::Outcome;
  const Evaluation& e = candidate.evaluation;
  search::Trial trial{.rank = candidate.rank, .resource = candidate.resource, .error = e.error};
  switch (e.outcome) {
    case Evaluation::Outcome::kMeasured:
    case Evaluation::Outcome::kCensored:
      trial.outcome = candidate.measured() ? Outcome::kMeasured : Outcome::kCensored;
      trial.cost = candidate.cost();
      // How far the low end reaches: the fastest sample is off by about that much. Never zero, so
      // that a surrogate does not take one lucky number for the truth.
      trial.spread = std::max(1e-3, (LowQuantile(e.samples) - trial.cost) / trial.cost);
      break;
    case Evaluation::Outcome::kWrong:
    case Evaluation::Outcome::kFailed:
      trial.outcome = Outcome::kFailed;
      break;
  }
  return trial;
}

class Tuning {
 public:
  Tuning(const jit::Problem& problem, const jit::Cpu& cpu, const TuneOptions& options,
         Measurer& measurer, const cache::Layers* layers, const ProgressHook& progress)
      : problem_(problem),
        cpu_(jit::Capped(cpu, options.isa)),
        options_(options),
        threads_(ThreadBudget(options.threads)),
        strategy_name_(options.strategy.empty() || options.strategy == "auto"
                           ? std::string(search::DefaultStrategy())
                           : options.strategy),
        measurer_(measurer),
        layers_(layers),
        hook_(progress),
        start_(measurer.Now()),
        deadline_(start_ + options.seconds) {}

  absl::StatusOr<TuneReport> Run() {
    if (absl::Status status = Prepare(); !status.ok()) return status;
    LookAtWhatStands();
    Search();
    return Conclude();
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  bool BudgetLeft() const { return static_cast<int>(candidates_.size()) < options_.evaluations; }

  absl::Status Prepare();
  std::vector<int> Seeds() const;
  std::vector<int> BestByEstimate(int count) const;

  // The candidate's index, or nothing if time ran out or there was no budget for it.
  std::optional<size_t> Look(const jit::Config& config, int rank, int resource);
  int RankOf(const jit::Config& config) const;  // -1: off the ladders of the space
  void LookAtWhatStands();
  void Search();
  double ReservedSeconds() const;

  std::vector<size_t> Challengers() const;
  absl::StatusOr<TuneReport> Conclude();
  Decision Confirm(std::vector<size_t> indices, double deadline, TuneReport& report);
  void Save(const Decision& decision, TuneReport& report);
  void Progress(TuneProgress::Phase phase);

  const jit::Problem problem_;
  const jit::Cpu cpu_;
  const TuneOptions options_;
  const int threads_;
  const std::string strategy_name_;
  Measurer& measurer_;
  const cache::Layers* const layers_;
  const ProgressHook& hook_;
  const double start_, deadline_;
  const MachineWatch machine_;

  std::optional<TuningSpace> space_;
  std::unique_ptr<search::Strategy> strategy_;
  jit::Config default_config_;
  cache::Lookup lookup_;

  double search_deadline_ = 0;
  std::vector<Candidate> candidates_;
  absl::flat_hash_map<int, size_t> by_rank_;
  std::optional<size_t> best_, default_, record_;  // among the candidates
  std::string latest_;
};

absl::Status Tuning::Prepare() {
  if (absl::Status status = jit::Validate(problem_); !status.ok()) return status;
  if (options_.evaluations < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("evaluations ", options_.evaluations, ": at least 1 is needed"));
  }
  if (!(options_.seconds > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("seconds ", options_.seconds, ": more than 0 are needed"));
  }
  absl::StatusOr<TuningSpace> space =
      TuningSpace::Create(problem_, cpu_, threads_, options_.limits);
  if (!space.ok()) return space.status();
  space_.emplace(*std::move(space));
  default_config_ = jit::Canonical(DefaultConfig(problem_, cpu_, threads_), jit::SpecOf(problem_));
  if (layers_ != nullptr) {
    lookup_ = layers_->Find(cache::MakeKey(problem_, threads_, cpu_.isa, options_.buffers));
  }
  auto strategy = search::MakeStrategy(strategy_name_,
                                       {.space = &space_->space(),
                                        .seeds = Seeds(),
                                        .budget = options_.evaluations,
                                        .seed = options_.seed},
                                       options_.strategy_options);
  if (!strategy.ok()) return strategy.status();
  strategy_ = *std::move(strategy);
  search_deadline_ = deadline_ - 0.2 * options_.seconds;
  Progress(TuneProgress::Phase::kPreparing);
  return absl::OkStatus();
}

// Best guess first; at most a third of the budget, which the Latin hypercube fills.
std::vector<int> Tuning::Seeds() const {
  std::vector<int> seeds;
  auto add = [&seeds](int rank) {
    if (std::find(seeds.begin(), seeds.end(), rank) == seeds.end()) seeds.push_back(rank);
  };
  add(space_->RankOf(default_config_));
  if (lookup_.found) add(space_->RankOf(lookup_.found->record.config));
  for (const int rank : BestByEstimate(kEstimateSeeds)) add(rank);
  const size_t most = static_cast<size_t>(std::clamp(options_.evaluations / 3, 1, kMaxSeeds));
  if (seeds.size() > most) seeds.resize(most);
  return search::WithLatinHypercube(space_->space(), std::move(seeds), static_cast<int>(most),
                                    options_.seed);
}

std::vector<int> Tuning::BestByEstimate(int count) const {
  std::vector<std::pair<double, int>> ranked;
  for (int rank = 0; rank < space_->space().size(); ++rank) {
    ranked.emplace_back(EstimateCycles(problem_, space_->ConfigAt(rank), cpu_), rank);
  }
  const auto end = ranked.begin() + std::min<ptrdiff_t>(count, std::ssize(ranked));
  std::partial_sort(ranked.begin(), end, ranked.end());
  std::vector<int> ranks;
  for (auto it = ranked.begin(); it != end; ++it) ranks.push_back(it->second);
  return ranks;
}

std::optional<size_t> Tuning::Look(const jit::Config& config, int rank, int resource) {
  const auto known = rank < 0 ? by_rank_.end() : by_rank_.find(rank);
  const bool is_new = known == by_rank_.end();
  if (!is_new && candidates_[known->second].resource >= resource) return known->second;
  if ((is_new && !BudgetLeft()) || measurer_.Now() >= search_deadline_) return std::nullopt;

  // The default is what everything is compared to, and is measured in full.
  const double incumbent = best_ ? candidates_[*best_].cost() : 0;
  Evaluation evaluation = measurer_.Evaluate(
      config, {.resource = resource, .incumbent_s = incumbent, .deadline_s = search_deadline_});
  evaluation.config = config;
  // What was cut off before its first sample says nothing about the candidate.
  if (evaluation.outcome == Evaluation::Outcome::kFailed && evaluation.samples.empty() &&
      measurer_.Now() >= search_deadline_) {
    return std::nullopt;
  }

  const size_t index = is_new ? candidates_.size() : known->second;
  if (is_new) candidates_.emplace_back();
  candidates_[index] = {rank, resource, std::move(evaluation)};
  if (is_new && rank >= 0) by_rank_.emplace(rank, index);
  const Candidate& candidate = candidates_[index];
  if (candidate.measured() && (!best_ || candidate.cost() < candidates_[*best_].cost())) {
    best_ = index;
  }
  latest_ = jit::ToString(config);
  Progress(TuneProgress::Phase::kSearching);
  return index;
}

int Tuning::RankOf(const jit::Config& config) const {
  const int rank = space_->RankOf(config);
  return space_->ConfigAt(rank) == config ? rank : -1;
}

// The default and the record come first: whatever happens later, they have been looked at.
void Tuning::LookAtWhatStands() {
  default_ = Look(default_config_, RankOf(default_config_), 1);
  if (lookup_.match != cache::Match::kExact) return;
  const jit::Config& config = lookup_.found->record.config;
  record_ = config == default_config_ ? default_ : Look(config, RankOf(config), 1);
}

// Time that the confirmation will want, once a run's length is known.
double Tuning::ReservedSeconds() const {
  double wanted = 0;
  if (best_) {
    const double sample = std::max(candidates_[*best_].cost(), 2.5e-3);  // with its untimed run
    wanted = static_cast<double>(kMaxChallengers + 2) * kPlannedRounds * 1.1 * sample;
  }
  return std::clamp(wanted, 0.1 * options_.seconds, 0.5 * options_.seconds);
}

void Tuning::Search() {
  if (!default_) return;  // there was no time for it
  search_deadline_ = deadline_ - ReservedSeconds();
  if (!options_.candidates.empty()) {
    for (const jit::Config& given : options_.candidates) {
      const jit::Config config = jit::Canonical(given, jit::SpecOf(problem_));
      if (Stopped() || !Look(config, RankOf(config), 1)) return;
    }
    return;
  }
  for (const Candidate& candidate : candidates_) {
    if (candidate.rank >= 0) strategy_->Tell(ToTrial(candidate));
  }
  int repeats = 0;
  while (!Stopped() && repeats < kMaxRepeats) {
    const std::optional<search::Ask> ask = strategy_->Next();
    if (!ask) return;
    const size_t before = candidates_.size();
    const auto index = Look(space_->ConfigAt(ask->rank), ask->rank, ask->resource);
    if (!index) return;
    repeats = candidates_.size() > before ? 0 : repeats + 1;
    strategy_->Tell(ToTrial(candidates_[*index]));
  }
}

std::vector<size_t> Tuning::Challengers() const {
  std::vector<size_t> challengers;
  if (!best_) return challengers;
  double limit = kHopeless * candidates_[*best_].cost();
  if (default_ && candidates_[*default_].measured()) {
    limit = std::min(limit, kHopelessAgainstDefault * candidates_[*default_].cost());
  }
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (i == default_ || i == record_ || !candidates_[i].measured()) continue;
    if (candidates_[i].cost() <= limit) challengers.push_back(i);
  }
  std::stable_sort(challengers.begin(), challengers.end(), [this](size_t a, size_t b) {
    return candidates_[a].cost() < candidates_[b].cost();
  });
  const size_t most = Stopped() ? 1 : kMaxChallengers;
  if (challengers.size() > most) challengers.resize(most);
  return challengers;
}

absl::StatusOr<TuneReport> Tuning::Conclude() {
  if (!default_) {
    return absl::DeadlineExceededError(absl::StrCat(options_.seconds,
                                                    " s are too few to measure the default of ",
                                                    jit::Describe(problem_), " once"));
  }
  if (!best_) {
    const std::string& why = candidates_[*default_].evaluation.error;
    return absl::InternalError(absl::StrCat("none of ", candidates_.size(), " configurations of ",
                                            jit::Describe(problem_),
                                            " could be measured; the default: ", why));
  }
  TuneReport report;
  report.interrupted = Stopped();
  report.best_found = candidates_[*best_].evaluation.config;
  Progress(TuneProgress::Phase::kConfirming);

  Decision decision;
  if (!candidates_[*default_].measured()) {
    // Nothing to compare with; whatever is right beats it.
    report.finalists = {candidates_[*best_].evaluation};
    decision = {0,
                {1, 1, 1},
                absl::StrCat("the default failed (", candidates_[*default_].evaluation.error,
                             "): the fastest that gave right results")};
  } else {
    std::vector<size_t> finalists = {*default_};
    if (record_ && record_ != default_ && candidates_[*record_].measured()) {
      finalists.push_back(*record_);
    }
    for (const size_t challenger : Challengers()) finalists.push_back(challenger);
    const double now = measurer_.Now();
    decision =
        Confirm(std::move(finalists),
                Stopped() ? std::min(deadline_, now + kInterruptedSeconds) : deadline_, report);
  }
  report.decision = decision.why;
  Save(decision, report);
  Progress(TuneProgress::Phase::kDone);
  return report;
}

Decision Tuning::Confirm(std::vector<size_t> indices, double deadline, TuneReport& report) {
  Finalists finalists;
  double round_s = 0;
  for (const size_t index : indices) {
    report.finalists.push_back(candidates_[index].evaluation);
    finalists.configs.push_back(candidates_[index].evaluation.config);
    if (record_ && index == *record_) {
      finalists.record = static_cast<int>(finalists.configs.size()) - 1;
    }
    round_s += std::max(candidates_[index].cost(), 2.5e-3);
  }
  if (indices.size() == 1) return {0, {1, 1, 1}, "nothing faster was found: the default stays"};

  const double left = deadline - measurer_.Now();
  const int most = kRaceRounds * round_s <= kCheapSeconds ? kRaceRounds : kPlannedRounds;
  const int rounds = static_cast<int>(std::clamp<double>(left / (1.1 * round_s), kMinRounds, most));
  auto seconds = measurer_.Race(finalists.configs, rounds, deadline);
  std::string failure;
  if (seconds.ok()) {
    finalists.seconds = *std::move(seconds);
  } else {  // as if there had been no time for it: what stands is kept
    failure = absl::StrCat(" (", std::string(seconds.status().message()), ")");
    finalists.seconds.resize(indices.size());
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    if (finalists.seconds[i].empty()) continue;
    report.finalists[i].samples = finalists.seconds[i];
    report.finalists[i].seconds = Summarise(finalists.seconds[i]);
  }
  const bool keep_record = Stopped() && record_ && lookup_.found->record.result.complete;
  Decision decision = Decide(finalists, keep_record, options_.seed);
  decision.why += failure;
  return decision;
}

void Tuning::Save(const Decision& decision, TuneReport& report) {
  report.record = MakeRecord(problem_, cpu_,
                             {.key = cache::MakeKey(problem_, threads_, cpu_.isa, options_.buffers),
                              .winner = report.finalists[decision.winner],
                              .standing = report.finalists[0],
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
    if (!record_) {
      report.not_saved = "the record stands: nothing was left of the budget to look at it";
    } else if (same && report.interrupted && old.result.complete) {
      report.not_saved = "the record stands: this search was cut short, its own was not";
    } else if (decision.gain.low <= 0) {
      report.not_saved = "the record stands: there were too few rounds to tell";
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
                   .budget = std::min(options_.evaluations, space_->space().size()),
                   .space_size = space_->space().size(),
                   .elapsed_s = measurer_.Now() - start_,
                   .latest = latest_};
  if (best_) now.best_s = candidates_[*best_].cost();
  if (default_ && candidates_[*default_].measured()) {
    now.default_s = candidates_[*default_].cost();
  }
  if (phase != TuneProgress::Phase::kDone) {
    now.left_s = std::max(0.0, options_.seconds - now.elapsed_s);
    if (phase == TuneProgress::Phase::kSearching) {
      // At this pace, and then the confirmation, if that is sooner.
      const double pace = now.elapsed_s / std::max(1, now.evaluations);
      now.left_s = std::min(now.left_s, pace * std::max(0, now.budget - now.evaluations) +
                                            deadline_ - search_deadline_);
    }
  }
  hook_(now);
}

}  // namespace

absl::StatusOr<TuneReport> Tune(const jit::Problem& problem, const jit::Cpu& cpu,
                                const TuneOptions& options, Measurer& measurer,
                                const cache::Layers* layers, const ProgressHook& progress) {
  return Tuning(problem, cpu, options, measurer, layers, progress).Run();
}

}  // namespace jitattn::runtime
