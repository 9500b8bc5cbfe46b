// Decides when a caller runs without helpers for a while.

#include "parallel/back_off.h"

#include <algorithm>

namespace jitattn::inline base {
namespace {

constexpr int64_t kMicrosecond = 1000, kMillisecond = 1000 * kMicrosecond;

// A shorter wait is the end of a helper's last task, not a lost core.
constexpr int64_t kHeldUp = 100 * kMicrosecond;

// The first time alone is this multiple of the hold-up, so that a single hold-up costs little (a
// quiet machine has a few a minute). kLongest bounds the share of hold-ups beside a permanently
// busy neighbour: one of 3 ms per second.
constexpr int64_t kFirstTimes = 3;
constexpr int64_t kLongest = 1000 * kMillisecond;

// After this multiple of the last penalty without a hold-up, the penalty is halved. It is not reset
// at once, since the calm may be a pause between two bursts of calls.
constexpr int64_t kCalmTimes = 4;

// Consecutive runs without help. Waking a helper takes as long as several short runs, so one costly
// waking does not count as a sign yet, but a second one does.
constexpr int32_t kFruitlessRuns = 8, kCostlyRun = kFruitlessRuns / 2;
constexpr int64_t kCostlyWaking = 20 * kMicrosecond;
constexpr int64_t kFirstFruitless = kMillisecond, kLongestFruitless = 500 * kMillisecond;

}  // namespace

void BackOff::StayAlone(int64_t now, int64_t least, int64_t most) {
  const int64_t last = penalty_.load(std::memory_order_relaxed);
  const int64_t penalty = std::clamp(2 * last, std::min(least, most), most);
  // The shorter of the two kinds of penalty must not reduce the longer one.
  penalty_.store(std::max(penalty, last), std::memory_order_relaxed);
  alone_until_.store(now + penalty, std::memory_order_relaxed);
  fruitless_.store(0, std::memory_order_relaxed);
}

bool BackOff::Learn(const RunTimes& times) {
  const int64_t own = times.computed - times.begin, waited = times.end - times.computed;
  if (waited > kHeldUp && waited > own / 2) {
    StayAlone(times.end, kFirstTimes * waited, kLongest);
    return true;
  }
  // A helper woken on the caller's own core preempts the caller, helps, and spins there: all of
  // that time counts as part of the caller's system call.
  const bool for_nothing =
      !times.helped || (times.waking > kCostlyWaking && times.end - times.begin < 2 * times.waking);
  if (for_nothing) {
    const int32_t weight = times.waking > kCostlyWaking ? kCostlyRun : 1;
    if (fruitless_.fetch_add(weight, std::memory_order_relaxed) + weight >= kFruitlessRuns) {
      StayAlone(times.end, kFirstFruitless, kLongestFruitless);
    }
    return false;
  }
  if (fruitless_.load(std::memory_order_relaxed) != 0) {
    fruitless_.store(0, std::memory_order_relaxed);
  }
  const int64_t penalty = penalty_.load(std::memory_order_relaxed);
  const int64_t resumed = alone_until_.load(std::memory_order_relaxed);
  if (penalty != 0 && times.end - resumed > kCalmTimes * penalty) {
    penalty_.store(penalty / 2, std::memory_order_relaxed);
    alone_until_.store(times.end, std::memory_order_relaxed);
  }
  return false;
}

}  // namespace jitattn::inline base
