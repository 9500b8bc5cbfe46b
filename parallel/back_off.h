// When a caller should do without helpers for a while.

#ifndef JITATTN_PARALLEL_BACK_OFF_H_
#define JITATTN_PARALLEL_BACK_OFF_H_

#include <atomic>
#include <cstdint>

namespace jitattn::inline base {

// What one run with helpers told, in nanoseconds of a monotonic clock.
struct RunTimes {
  int64_t begin;       // help was asked for
  int64_t computed;    // the caller had nothing left to do
  int64_t end;         // the last helper had ended
  bool helped;         // a helper took part
  int64_t waking = 0;  // from `begin` on, spent on waking helpers that slept
};

// A helper that loses its core within a body holds the caller up for what the scheduler calls a
// slice, some 3 ms, and that happens again and again while another process wants the core. A run
// alone costs twice its time at most; so after a hold-up runs stay alone for many times as long as
// it took, doubling from one to the next, and are tried with helpers again after that.
//
// Waking helpers that never come in time, since runs are short and rare or the cores are taken,
// costs the caller a system call each, which beside a busy neighbour or in a virtual machine takes
// some 50 µs: that is given up for a while too, the sooner the more it costs. So is help that costs
// more than the rest of the run.
//
// Any number of threads may use one at once. What they tell may be lost in a race: it is advice.
class BackOff {
 public:
  // Whether a run that begins `now` should ask for help.
  bool WantsHelp(int64_t now) const { return now >= alone_until_.load(std::memory_order_relaxed); }

  // Whether it was held up.
  bool Learn(const RunTimes& times);

 private:
  void StayAlone(int64_t now, int64_t least, int64_t most);

  std::atomic<int64_t> alone_until_{0};
  std::atomic<int64_t> penalty_{0};    // how long the last time alone was; 0 while all is well
  std::atomic<int32_t> fruitless_{0};  // runs in a row that nobody came to
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_BACK_OFF_H_
