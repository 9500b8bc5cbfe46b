// Decides when a caller runs without helpers for a while.

#ifndef JITATTN_PARALLEL_BACK_OFF_H_
#define JITATTN_PARALLEL_BACK_OFF_H_

#include <atomic>
#include <cstdint>

namespace jitattn::inline base {

// The times of one run with helpers, in nanoseconds of a monotonic clock.
struct RunTimes {
  int64_t begin;       // the caller asked for help
  int64_t computed;    // the caller's own bodies had ended
  int64_t end;         // the last helper's body had ended
  bool helped;         // a helper took part
  int64_t waking = 0;  // spent on waking sleeping helpers, from `begin` on
};

// A helper that loses its core within a body delays the caller by a scheduler slice, some 3 ms, and
// does so repeatedly while another process wants the core. A run alone takes at most twice its
// time. So after such a hold-up, runs stay alone for many times its duration, doubling from one
// hold-up to the next, before helpers are tried again.
//
// Waking helpers that never come in time (since runs are short and rare, or all cores are busy)
// costs the caller a system call each: beside a busy neighbour or in a virtual machine some 50 µs.
// Such waking stops for a while too, the sooner the more it costs. The same holds for help that
// costs more than the rest of the run.
//
// Any number of threads may use one object concurrently. A race may lose an update, which is
// acceptable: the result is advice only.
class BackOff {
 public:
  // True if a run that begins `now` should ask for help.
  bool WantsHelp(int64_t now) const { return now >= alone_until_.load(std::memory_order_relaxed); }

  // Records a run. Returns true if a helper held the caller up.
  bool Learn(const RunTimes& times);

 private:
  void StayAlone(int64_t now, int64_t least, int64_t most);

  std::atomic<int64_t> alone_until_{0};
  std::atomic<int64_t> penalty_{0};    // duration of the last time alone; 0 if none was needed
  std::atomic<int32_t> fruitless_{0};  // consecutive runs without helpers, weighted by cost
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_BACK_OFF_H_
