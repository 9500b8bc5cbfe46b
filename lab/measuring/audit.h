// Does the tuner keep its promises on this machine? The audit compares the tuner's winners and the
// defaults with the best point of an exhaustively measured space, and winners of repeated runs with
// each other.

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

// The largest space that is measured exhaustively, in points.
inline constexpr int kAuditPoints = 2000;

struct AuditOptions {
  runtime::TuneOptions tune;  // of the audited tuning; `stop` and `conditions` hold for all parts
  double seconds = 60;        // for one problem in all
};

// Receives the audit's progress as text for people: "1200 of 1728 points".
using AuditProgress = std::function<void(const std::string&)>;

struct Loss {
  ops::Config best, default_config, winner;
  runtime::Ratio default_loss, winner_loss;  // time ÷ time of `best`, paired
  double best_s = 0;                         // median time of `best` in the final race
  int looked_at = 0, space_size = 0;         // points
  double space_s = 0;                        // time spent on measuring the space
  int evaluations = 0;
  double tuning_s = 0;
  int rounds = 0;  // of the final race
};

// Measures the whole small space of the problem, the fastest by estimate first, with few samples a
// point; slow points are dropped early. Tunes the problem without a cache. A first race between the
// best few points and the default picks the best; the final race times the best, the default and
// the tuning's winner again, so that none is judged by the samples it was selected on.
//   Cancelled         `stop` was set before the end
//   DeadlineExceeded  the time was too short for a race
// Other errors are those of Tune. `brief` measures the space, `measurer` everything else.
absl::StatusOr<Loss> AuditLoss(const ops::Problem& problem, const Cpu& cpu,
                               const AuditOptions& options, runtime::Measurer& brief,
                               runtime::Measurer& measurer, const AuditProgress& progress);

struct Repeats {
  ops::Config default_config;
  std::vector<ops::Config> winners;        // distinct, the fastest first
  std::vector<int> counts;                 // how often each won
  std::vector<runtime::Ratio> to_fastest;  // winner's time ÷ fastest winner's time, paired
  std::vector<runtime::Ratio> to_default;  // default's time ÷ winner's time, paired
  int runs = 0;
  double tuning_s = 0;  // mean of the runs
};

// Tunes the problem `runs` times without a cache, then times the winners and the default in turn.
absl::StatusOr<Repeats> AuditRepeats(const ops::Problem& problem, const Cpu& cpu,
                                     const AuditOptions& options, int runs,
                                     runtime::Measurer& measurer, const AuditProgress& progress);

// A claim fails only where the whole interval of its figure contradicts it. It is unclear where the
// value contradicts it and the interval does not.
enum class Ruling { kHolds, kUnclear, kFails };

struct Claim {
  std::string text;    // "the default loses less than 5 % to the best, at the median"
  std::string figure;  // "median 1.2 % (0.8 … 1.7) of 12 problems"
  Ruling ruling = Ruling::kHolds;
};

// Judges two claims over all losses: the default's median loss is at most 5 %, and the winner's
// worst loss is at most 2 %.
std::vector<Claim> JudgeLosses(std::span<const Loss> losses);
// Judges two claims over all problems: the winners of one problem are the same or tie, and no
// winner is slower than the default.
std::vector<Claim> JudgeRepeats(std::span<const Repeats> repeats);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_AUDIT_H_
