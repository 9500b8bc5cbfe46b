// Does the tuner keep its promises on this machine? Its winners and the defaults against the best
// of a space that is looked at whole, and against each other from run to run.

#ifndef JITATTN_LAB_MEASURING_AUDIT_H_
#define JITATTN_LAB_MEASURING_AUDIT_H_

#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/measure.h"
#include "runtime/statistics.h"
#include "runtime/tuner.h"

namespace jitattn::lab {

// Points at most of the space that is looked at whole.
inline constexpr int kAuditPoints = 2000;

struct AuditOptions {
  runtime::TuneOptions tune;  // as a user tunes; stop and conditions are the audit's too
  double seconds = 60;        // for one problem, everything included
};

// Says where it is, for people: "1200 of 1728 points".
using AuditProgress = std::function<void(const std::string&)>;

struct Loss {
  ops::Config best, default_config, winner;
  runtime::Ratio default_loss, winner_loss;  // its time ÷ the best's, paired
  double best_s = 0;                         // the best's median in that race
  int looked_at = 0, space_size = 0;
  double space_s = 0;  // what that took
  int evaluations = 0;
  double tuning_s = 0;
  int rounds = 0;  // of the race
};

// Looks at the whole small space of the problem, fastest by estimate first, briefly and dropping
// what is slower; times its best few, the default and the winner of a tuning without a cache in
// turn; and then the best of them, the default and the winner in turn once more, so that what was
// chosen for being fast is not judged by the times it was chosen by.
//   Cancelled         stop was set before the end
//   DeadlineExceeded  the time was too short for a race; the rest as Tune
// `brief` measures the space, `measurer` all else.
absl::StatusOr<Loss> AuditLoss(const ops::Problem& problem, const Cpu& cpu,
                               const AuditOptions& options, runtime::Measurer& brief,
                               runtime::Measurer& measurer, const AuditProgress& progress);

struct Repeats {
  ops::Config default_config;
  std::vector<ops::Config> winners;        // distinct, the fastest first
  std::vector<int> counts;                 // how often each won
  std::vector<runtime::Ratio> to_fastest;  // its time ÷ the fastest winner's, paired
  std::vector<runtime::Ratio> to_default;  // the default's time ÷ its own
  int runs = 0;
  double tuning_s = 0;  // of one run, the mean
};

// The tuning `runs` times without a cache; then its winners and the default in turn.
absl::StatusOr<Repeats> AuditRepeats(const ops::Problem& problem, const Cpu& cpu,
                                     const AuditOptions& options, int runs,
                                     runtime::Measurer& measurer, const AuditProgress& progress);

// A claim stands or falls by figures: it fails only where the interval shows it to be wrong.
enum class Ruling { kHolds, kUnclear, kFails };

struct Claim {
  std::string text;    // "the default loses less than 5 % to the best, at the median"
  std::string figure;  // "median 1.2 % (0.8 … 1.7) of 12 problems"
  Ruling ruling = Ruling::kHolds;
};

// Over losses: the default's at the median below 5 %, the winner's at worst 2 %.
std::vector<Claim> JudgeLosses(std::span<const Loss> losses);
// Over problems: winners are one or tie, and none is slower than the default.
std::vector<Claim> JudgeRepeats(std::span<const Repeats> repeats);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_AUDIT_H_
