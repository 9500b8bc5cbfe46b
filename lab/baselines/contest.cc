// Times contenders fairly: the same operands, the same rounds and an equal share of the time.

#include "lab/baselines/contest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/format.h"

namespace jitattn::lab {
namespace {

// Longer runs have no untimed warm-up: the first touch of cold caches is a small part of their
// time.
constexpr double kLongRunSeconds = 10e-3;
// An entry may spend this share of its time on finding its number of threads.
constexpr double kTrialShare = 0.3;
constexpr int kTrials = 3;
constexpr int64_t kMaxCalls = int64_t{1} << 20;

class PlanContender final : public Contender {
 public:
  PlanContender(const runtime::Operands& operands, std::shared_ptr<const runtime::Plan> plan)
      : operands_(operands), plan_(std::move(plan)) {}

  absl::StatusOr<double> Time(int, int64_t calls, bool warm, double) override {
    if (warm) {
      if (absl::Status status = Once(); !status.ok()) return status;
    }
    const double start = SteadyNow();
    for (int64_t i = 0; i < calls; ++i) {
      if (absl::Status status = Once(); !status.ok()) return status;
    }
    return (SteadyNow() - start) / static_cast<double>(calls);
  }
  int ThreadsUsed(int) const override { return plan_->threads(); }

 private:
  absl::Status Once() {
    absl::Status status = operands_.Run(*plan_, set_);
    if (++set_ == operands_.sets()) set_ = 0;
    return status;
  }

  const runtime::Operands& operands_;
  const std::shared_ptr<const runtime::Plan> plan_;
  int64_t set_ = 0;
};

class BaselineContender final : public Contender {
 public:
  BaselineContender(const runtime::Operands& operands, std::unique_ptr<Baseline> baseline)
      : operands_(operands), baseline_(std::move(baseline)) {}

  absl::StatusOr<double> Time(int threads, int64_t calls, bool warm, double limit_s) override {
    const double deadline = SteadyNow() + limit_s;
    if (warm) {
      if (absl::Status status = Once(threads, deadline); !status.ok()) return status;
    }
    const double start = SteadyNow();
    for (int64_t i = 0; i < calls; ++i) {
      if (absl::Status status = Once(threads, deadline); !status.ok()) return status;
    }
    return (SteadyNow() - start) / static_cast<double>(calls);
  }

 private:
  absl::Status Once(int threads, double deadline) {
    auto give_up = [deadline] { return SteadyNow() >= deadline; };
    const absl::StatusOr<bool> done = baseline_->Run(operands_.Args(set_).get(), threads, give_up);
    if (++set_ == operands_.sets()) set_ = 0;
    if (!done.ok()) return done.status();
    return *done ? absl::OkStatus() : absl::DeadlineExceededError("the time limit was reached");
  }

  const runtime::Operands& operands_;
  const std::unique_ptr<Baseline> baseline_;
  int64_t set_ = 0;
};

class Contest {
 public:
  Contest(runtime::Operands& operands, std::span<const ContestEntry> entries,
          const ContestOptions& options)
      : operands_(operands),
        entries_(entries),
        options_(options),
        standings_(entries.size()),
        calls_(entries.size(), 1),
        spent_(entries.size()),
        share_(options.seconds / static_cast<double>(std::max<size_t>(1, entries.size()))) {}

  std::vector<Standing> Run() {
    for (size_t i = 0; i < entries_.size() && !Stopped(); ++i) {
      if (Verify(i, entries_[i].threads.back())) FindThreads(i);
    }
    Rounds();
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (IsOut(i) || standings_[i].samples.empty()) continue;
      // Verify again after the many runs: a data race may not show in the first one.
      if (!Stopped() && 2 * standings_[i].samples.back() < share_) {
        Verify(i, standings_[i].threads);
      }
      Conclude(i);
    }
    return std::move(standings_);
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  bool IsOut(size_t i) const { return !standings_[i].failure.empty(); }

  // Returns nothing if the entry failed; the entry then takes no further part.
  std::optional<double> Time(size_t i, int threads, int64_t calls, bool warm);
  bool Verify(size_t i, int threads);
  void FindThreads(size_t i);
  void Rounds();
  void Conclude(size_t i);

  runtime::Operands& operands_;
  const std::span<const ContestEntry> entries_;
  const ContestOptions& options_;
  std::vector<Standing> standings_;
  std::vector<int64_t> calls_;  // per sample, by entry
  std::vector<double> spent_;   // seconds, by entry
  const double share_;
  int pool_ = -1;  // the last pool in use; its threads may still spin
};

std::optional<double> Contest::Time(size_t i, int threads, int64_t calls, bool warm) {
  const ContestEntry& entry = entries_[i];
  if (pool_ >= 0 && pool_ != entry.pool && options_.pause_s > 0) {
    if (options_.sleep) {
      options_.sleep(options_.pause_s);
    } else {
      std::this_thread::sleep_for(std::chrono::duration<double>(options_.pause_s));
    }
  }
  pool_ = entry.pool;
  const double start = options_.now();
  const auto seconds = entry.contender->Time(threads, calls, warm, 2 * share_);
  spent_[i] += options_.now() - start;
  if (seconds.ok()) return *seconds;
  standings_[i].failure = absl::IsDeadlineExceeded(seconds.status())
                              ? Format("one call takes longer than its limit of %.3g s", 2 * share_)
                              : std::string(seconds.status().message());
  return std::nullopt;
}

bool Contest::Verify(size_t i, int threads) {
  Standing& standing = standings_[i];
  operands_.Poison();
  if (absl::Status status = entries_[i].contender->Poison(); !status.ok()) {
    standing.failure = std::string(status.message());
    return false;
  }
  // With cold operands, the contender's next set may not be the first one, so one call is made per
  // set. Only the output of the first set is checked.
  for (int64_t set = 0; set < operands_.sets(); ++set) {
    const auto seconds = Time(i, threads, 1, /*warm=*/false);
    if (!seconds) return false;
    calls_[i] = std::clamp<int64_t>(
        static_cast<int64_t>(std::ceil(options_.min_sample_s / std::max(*seconds, 1e-9))), 1,
        kMaxCalls);
  }
  if (absl::Status status = entries_[i].contender->Fetch(); !status.ok()) {
    standing.failure = std::string(status.message());
    return false;
  }
  const ops::Verdict verdict = operands_.Check();
  standing.max_error = std::max(standing.max_error, verdict.max_error);
  if (verdict.correct || verdict.share <= entries_[i].tolerance) return true;
  standing.wrong = true;
  standing.failure = absl::StrCat("wrong result: ", verdict.what);
  return false;
}

void Contest::FindThreads(size_t i) {
  const ContestEntry& entry = entries_[i];
  double best = 0;
  size_t tried = 0;
  for (auto threads = entry.threads.rbegin(); threads != entry.threads.rend(); ++threads) {
    if (tried > 0 && spent_[i] > kTrialShare * share_) break;
    ++tried;
    double fastest = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const auto seconds = Time(i, *threads, calls_[i], /*warm=*/trial == 0 && fastest == 0);
      if (!seconds && best == 0) return;
      if (!seconds) {  // too slow with fewer threads; the larger number stands
        standings_[i].failure.clear();
        return;
      }
      // The first call was cold, so the number of calls per sample is estimated again.
      calls_[i] = std::clamp<int64_t>(
          static_cast<int64_t>(std::ceil(options_.min_sample_s / std::max(*seconds, 1e-9))), 1,
          kMaxCalls);
      if (fastest == 0 || *seconds < fastest) fastest = *seconds;
      if (spent_[i] > kTrialShare * share_) break;
    }
    if (best == 0 || fastest < best) {
      best = fastest;
      standings_[i].threads = *threads;
    }
  }
  calls_[i] = std::clamp<int64_t>(
      static_cast<int64_t>(std::ceil(options_.min_sample_s / std::max(best, 1e-9))), 1, kMaxCalls);
  if (tried < entry.threads.size()) {
    standings_[i].note =
        Format("%d of %d numbers of threads tried: slow", tried, entry.threads.size());
  }
}

void Contest::Rounds() {
  const size_t count = entries_.size();
  for (int round = 0; round < options_.rounds; ++round) {
    for (size_t place = 0; place < count; ++place) {
      // The order rotates by one each round, so that each entry comes first once per lap. Every
      // other lap is reversed, so that each entry follows another neighbour.
      const size_t lap = static_cast<size_t>(round) / count;
      const size_t turn = (place + static_cast<size_t>(round)) % count;
      const size_t i = lap % 2 == 0 ? turn : count - 1 - turn;
      Standing& standing = standings_[i];
      const bool used_up = spent_[i] >= share_ && !standing.samples.empty();
      if (IsOut(i) || used_up || Stopped()) continue;
      const bool is_long = !standing.samples.empty() && standing.samples.back() >= kLongRunSeconds;
      const auto seconds = Time(i, standing.threads, calls_[i], /*warm=*/!is_long);
      if (seconds) standing.samples.push_back(*seconds);
    }
  }
}

void Contest::Conclude(size_t i) {
  Standing& standing = standings_[i];
  if (IsOut(i)) {
    standing.samples.clear();
    return;
  }
  standing.seconds = runtime::Summarise(standing.samples);
  standing.threads = entries_[i].contender->ThreadsUsed(standing.threads);
  if (standing.seconds.samples < options_.rounds && !Stopped()) {
    absl::StrAppend(&standing.note, standing.note.empty() ? "" : "; ",
                    Format("%d of %d samples: slow", standing.seconds.samples, options_.rounds));
  }
}

}  // namespace

absl::StatusOr<std::vector<double>> Contender::TimeEach(int threads, int64_t calls,
                                                        double limit_s) {
  std::vector<double> each(static_cast<size_t>(calls));
  for (double& seconds : each) {
    const auto time = Time(threads, 1, /*warm=*/false, limit_s);
    if (!time.ok()) return time.status();
    seconds = *time;
  }
  return each;
}

std::unique_ptr<Contender> MakePlanContender(const runtime::Operands& operands,
                                             std::shared_ptr<const runtime::Plan> plan) {
  return std::make_unique<PlanContender>(operands, std::move(plan));
}

std::unique_ptr<Contender> MakeBaselineContender(const runtime::Operands& operands,
                                                 std::unique_ptr<Baseline> baseline) {
  return std::make_unique<BaselineContender>(operands, std::move(baseline));
}

std::vector<Standing> RunContest(runtime::Operands& operands, std::span<const ContestEntry> entries,
                                 const ContestOptions& options) {
  return Contest(operands, entries, options).Run();
}

std::vector<int> ThreadCounts(int most) {
  std::vector<int> counts;
  for (int threads = 1; threads < most; threads *= 2) counts.push_back(threads);
  counts.push_back(most);
  return counts;
}

}  // namespace jitattn::lab
