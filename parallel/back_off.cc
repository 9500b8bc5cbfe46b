// When a caller should do without helpers for a while.

#include "parallel/back_off.h"

#include <algorithm>

namespace jitattn::inline base {
namespace {

constexpr int64_t kMicrosecond = 1000, kMillisecond = 1000 * kMicrosecond;

// A wait shorter than this is the end of a helper's last task, not a lost core.
constexpr int64_t kHeldUp = 100 * kMicrosecond;

// The first time alone is this many times the hold-up, so that a single one, of which a quiet
// machine has a few a minute, costs little; the longest bounds the share of hold-ups beside a
// neighbour that never rests: one of 3 ms a second.
constexpr int64_t kFirstTimes = 3;
constexpr int64_t kLongest = 1000 * kMillisecond;

// After so many times the last penalty without a hold-up half of it is forgotten. Not all at once:
// what looks calm may be the pause between two bursts of calls.
constexpr int64_t kCalmTimes = 4;

// Runs in a row that nobody came to. A helper that wakes takes as long as several short runs, so
// one costly waking is no sign yet; a second one is.
constexpr int32_t kFruitlessRuns = 8, kCostlyRun = kFruitlessRuns / 2;
constexpr int64_t kCostlyWaking = 20 * kMicrosecond;
constexpr int64_t kFirstFruitless = kMillisecond, kLongestFruitless = 500 * kMillisecond;

}  // namespace

void BackOff::StayAlone(int64_t now, int64_t least, int64_t most) {
  const int64_t last = penalty_.load(std::memory_order_relaxed);
  const int64_t penalty = std::clamp(2 * last, std::min(least, most), most);
  // A shorter kind of penalty never cuts a longer one down.
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
  // A helper that is woken on the caller's own core takes the core, helps, and spins there: the
  // caller spends all that within the system call.
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
