// The time of every single call of several contenders, in turn: medians and tails.

#ifndef JITATTN_LAB_BASELINES_EVERY_CALL_H_
#define JITATTN_LAB_BASELINES_EVERY_CALL_H_

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "lab/baselines/contest.h"
#include "lab/measuring/bench_timing.h"

namespace jitattn::lab {

struct EveryCallEntry {
  Contender* contender = nullptr;
  int threads = 1;
  int pool = 0;  // as ContestEntry::pool
};

struct EveryCallOptions {
  double seconds = 4;      // for all, shared evenly
  double block_s = 25e-3;  // of one contender, before the next one's
  double pause_s = 50e-3;  // where the pool changes
  const std::atomic<bool>* stop = nullptr;
};

struct EveryCallTimes {
  std::vector<double> seconds;  // of one call each
  std::string failure;          // why there are none, or no more
  double median() const;
  double p99() const;
};

// Blocks of calls in an order that rotates. The first block of each only warms up.
std::vector<EveryCallTimes> TimeEveryCall(std::span<const EveryCallEntry> entries,
                                          const EveryCallOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_EVERY_CALL_H_
