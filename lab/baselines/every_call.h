// Times every single call of several contenders in turn, for medians and tails.

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
  double seconds = 4;      // in all
  double block_s = 25e-3;  // length of a block: consecutive calls of one contender
  double pause_s = 50e-3;  // when the pool changes
  const std::atomic<bool>* stop = nullptr;
};

struct EveryCallTimes {
  std::vector<double> seconds;  // of each call
  std::string failure;          // why the calls ended early, or why there are none
  double median() const;
  double p99() const;
};

// Times blocks of calls in an order that rotates. The first few calls of each contender only warm
// up and are not reported.
std::vector<EveryCallTimes> TimeEveryCall(std::span<const EveryCallEntry> entries,
                                          const EveryCallOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BASELINES_EVERY_CALL_H_
