// The library's own threads.

#include "parallel/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu_topology.h"
#include "base/env.h"
#include "base/fork.h"
#include "base/log.h"
#include "parallel/back_off.h"
#include "parallel/futex.h"
#include "parallel/parallel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jitattn::inline base {
namespace {

using Body = void (*)(int index, void* context);

// The time for which a helper spins for the next run. Long enough between two calls of a loop, but
// not between two layers of a network, when others may need the core.
constexpr int64_t kHelperSpin = 50'000;  // ns

// The time for which a caller spins for the last helpers' bodies before it sleeps. Waking costs
// some 50 µs, a body in progress seldom takes longer, and a helper without a core can use the
// caller's.
constexpr int64_t kCallerSpin = 100'000;  // ns
constexpr int64_t kCallerSpinOfRun = 4;   // or 1/4 of the run if that is longer
constexpr int64_t kMaxCallerSpin = 2'000'000;

// A small stack is enough: kernels keep their data in scratch. Programs with much thread-local
// storage need more, and get the system's default.
constexpr size_t kStackBytes = 512 << 10;

// After the system refuses a thread, no other is requested for this time.
constexpr int64_t kRefusedFor = 1'000'000'000;  // ns

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until done() is true or for about `ns`. Returns whether done() became true.
template <typename Done>
bool Spin(int64_t ns, const Done& done) {
  if (ns <= 0) return done();
  const int64_t deadline = NowNs() + ns;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      Pause();
    }
  } while (NowNs() < deadline);
  return done();
}

// The state of one call of RunOnPool at a time. Runs are static and never destroyed, since a helper
// may look at a finished run at any time, also during exit. For the same reason all shared members
// are atomic.
struct alignas(64) Run {
  std::atomic<bool> taken{false};   // by a caller
  std::atomic<uint64_t> ticket{0};  // even, different for each call; 0: finished
  uint64_t last_ticket = 0;         // used by the caller only
  std::atomic<int> count{0};
  std::atomic<Body> body{nullptr};
  std::atomic<void*> context{nullptr};
  alignas(64) std::atomic<uint32_t> finished{0};  // bodies that helpers have ended
  std::atomic<bool> caller_sleeps{false};
  // For each body: the ticket, or ticket + 1 after a thread has begun the body. A late helper finds
  // another ticket and fails. A successful claim proves that the run is not finished, and cannot
  // finish before `finished` counts this body.
  alignas(64) std::atomic<uint64_t> claims[kMaxThreads] = {};

  bool Claim(int index, uint64_t of) {
    uint64_t expected = of;
    return claims[index].load(std::memory_order_relaxed) == of &&
           claims[index].compare_exchange_strong(expected, of + 1, std::memory_order_acq_rel);
  }
};

// The maximum of concurrent callers with helpers; a further caller runs alone.
constexpr int kRuns = 8;
constinit Run runs[kRuns];

// Incremented at the start of every run; helpers spin and sleep on it.
constinit std::atomic<uint32_t> epoch{0};
constinit std::atomic<int> sleeping{0}, spinning{0};  // helpers without a run

constinit std::atomic<int> helpers{0};
constinit std::atomic<int64_t> refused_until{0};
constinit std::atomic<int> insisting{0};
constinit BackOff back_off;

struct alignas(64) Counters {
  std::atomic<uint64_t> runs{0}, alone{0}, held_up{0};
};
constinit Counters counters;

ForkSafeMutex making_helpers;

// ---- Helper ----------------------------------------------------------------------------------

// Wakes sleeping helpers if fewer than `wanted` are awake and free. Returns true if it woke any.
// Wakes two at most, and each of these wakes two more: a single caller would take microseconds for
// each of a hundred.
bool WakeSome(int wanted) {
  const int asleep = sleeping.load(std::memory_order_seq_cst);
  if (asleep == 0) return false;
  const int missing = wanted - spinning.load(std::memory_order_relaxed);
  if (missing <= 0) return false;
  FutexWake(epoch, std::min({missing, asleep, 2}));
  return true;
}

// Runs every body of `run` that it can claim, its own index first, so that the same thread works on
// the same share of the operands in every run. Returns true if it ran any.
bool Help(Run& run, int helper, bool* woken) {
  const uint64_t ticket = run.ticket.load(std::memory_order_acquire);
  if (ticket == 0) return false;
  const int others = run.count.load(std::memory_order_relaxed) - 1;
  bool helped = false;
  for (int tried = 0; tried < others; ++tried) {
    const int index = 1 + (helper + tried) % others;
    if (!run.Claim(index, ticket)) continue;
    if (*woken) WakeSome(others - 1);
    *woken = false;
    helped = true;
    run.body.load(std::memory_order_relaxed)(index, run.context.load(std::memory_order_relaxed));
    run.finished.fetch_add(1, std::memory_order_seq_cst);
    if (run.caller_sleeps.load(std::memory_order_seq_cst)) FutexWake(run.finished, 1);
  }
  return helped;
}

void* HelperMain(void* number) {
  const int helper = static_cast<int>(reinterpret_cast<intptr_t>(number));
  pthread_setname_np(pthread_self(), "jitattn");
  const int64_t spin = HelpersSleepAtOnce() ? 0 : kHelperSpin;
  bool woken = false;
  for (;;) {
    const uint32_t seen = epoch.load(std::memory_order_acquire);
    bool helped = false;
    for (Run& run : runs) helped |= Help(run, helper, &woken);
    if (helped) continue;
    woken = false;
    spinning.fetch_add(1, std::memory_order_relaxed);
    const bool moved = Spin(spin, [&] { return epoch.load(std::memory_order_relaxed) != seen; });
    spinning.fetch_sub(1, std::memory_order_relaxed);
    if (moved) continue;
    // Counted before the system checks the word again: whoever changes the word after that sees the
    // sleeper.
    sleeping.fetch_add(1, std::memory_order_seq_cst);
    FutexWait(epoch, seen);
    sleeping.fetch_sub(1, std::memory_order_relaxed);
    woken = true;
  }
  return nullptr;
}

// ---- Creation of helpers ----------------------------------------------------------------------

// If OpenMP has bound this thread to a place of its own, a helper may run on every CPU of the
// process. Otherwise it inherits its creator's affinity.
void AllowEveryPlace(pthread_attr_t* attributes) {
  if (!IsBound()) return;
  const std::vector<int> cpus = AllowedCpus();
  const int most = cpus.back() + 1;
  cpu_set_t* set = CPU_ALLOC(most);
  if (set == nullptr) return;
  const size_t bytes = CPU_ALLOC_SIZE(most);
  CPU_ZERO_S(bytes, set);
  for (const int cpu : cpus) CPU_SET_S(cpu, bytes, set);
  pthread_attr_setaffinity_np(attributes, bytes, set);
  CPU_FREE(set);
}

bool MakeHelper(int number) {
  // Blocks all signals in helpers: the host's threads handle the host's signals.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (const bool small_stack : {true, false}) {
    pthread_attr_t attributes;
    if ((error = pthread_attr_init(&attributes)) != 0) break;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (small_stack) pthread_attr_setstacksize(&attributes, kStackBytes);
    AllowEveryPlace(&attributes);
    pthread_t thread;
    error = pthread_create(&thread, &attributes, HelperMain,
                           reinterpret_cast<void*>(static_cast<intptr_t>(number)));
    pthread_attr_destroy(&attributes);
    if (error != EINVAL) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error == 0;
}

// Creates helpers until there are `wanted`, or the system refuses one.
void WantHelpers(int wanted) {
  if (helpers.load(std::memory_order_relaxed) >= wanted) return;
  if (NowNs() < refused_until.load(std::memory_order_relaxed)) return;
  if (!making_helpers.try_lock()) return;  // another thread is creating them
  int made = helpers.load(std::memory_order_relaxed);
  bool refused = false;
  while (made < wanted && !refused) {
    refused = !MakeHelper(made);
    if (!refused) helpers.store(++made, std::memory_order_relaxed);
  }
  if (refused) refused_until.store(NowNs() + kRefusedFor, std::memory_order_relaxed);
  making_helpers.unlock();
  static constinit std::atomic<bool> told{false};
  if (refused && !told.exchange(true)) {
    Log(LogLevel::kWarning,
        "the system refuses another thread: runs use fewer threads than requested");
  }
}

// ---- Caller ----------------------------------------------------------------------------------

Run* TakeRun() {
  for (Run& run : runs) {
    if (!run.taken.load(std::memory_order_relaxed) &&
        !run.taken.exchange(true, std::memory_order_acquire)) {
      return &run;
    }
  }
  return nullptr;
}

// Starts the run. Returns true if helpers had to be woken.
bool Begin(Run& run, int count, Body body, void* context) {
  const uint64_t ticket = run.last_ticket += 2;
  run.count.store(count, std::memory_order_relaxed);
  run.body.store(body, std::memory_order_relaxed);
  run.context.store(context, std::memory_order_relaxed);
  run.finished.store(0, std::memory_order_relaxed);
  for (int i = 1; i < count; ++i) run.claims[i].store(ticket, std::memory_order_release);
  run.ticket.store(ticket, std::memory_order_release);
  epoch.fetch_add(1, std::memory_order_seq_cst);
  return WakeSome(count - 1);
}

void WaitForHelpers(Run& run, uint32_t bodies, int64_t own_ns) {
  const auto done = [&] { return run.finished.load(std::memory_order_acquire) == bodies; };
  if (done()) return;
  if (Spin(std::clamp(own_ns / kCallerSpinOfRun, kCallerSpin, kMaxCallerSpin), done)) return;
  run.caller_sleeps.store(true, std::memory_order_seq_cst);
  for (;;) {
    const uint32_t finished = run.finished.load(std::memory_order_seq_cst);
    if (finished == bodies) break;
    FutexWait(run.finished, finished);
  }
  run.caller_sleeps.store(false, std::memory_order_relaxed);
}

void RunAlone(int count, Body body, void* context) {
  for (int i = 0; i < count; ++i) body(i, context);
}

}  // namespace

void RunOnPool(int count, Body body, void* context) {
  counters.runs.fetch_add(1, std::memory_order_relaxed);
  const int64_t begin = NowNs();
  const bool insists = insisting.load(std::memory_order_relaxed) > 0;
  Run* run = nullptr;
  if (insists || back_off.WantsHelp(begin)) {
    WantHelpers(count - 1);
    if (helpers.load(std::memory_order_relaxed) > 0) run = TakeRun();
  }
  if (run == nullptr) {
    counters.alone.fetch_add(1, std::memory_order_relaxed);
    return RunAlone(count, body, context);
  }
  const bool woke = Begin(*run, count, body, context);
  const int64_t waking = woke ? NowNs() - begin : 0;
  body(0, context);
  int own = 1;
  const uint64_t ticket = run->last_ticket;
  for (int i = count - 1; i > 0; --i) {
    if (!run->Claim(i, ticket)) continue;
    body(i, context);
    ++own;
  }
  RunTimes times{
      .begin = begin, .computed = NowNs(), .end = 0, .helped = own < count, .waking = waking};
  times.end = times.computed;
  if (times.helped) {
    WaitForHelpers(*run, static_cast<uint32_t>(count - own), times.computed - begin);
    times.end = NowNs();
  }
  run->ticket.store(0, std::memory_order_relaxed);
  run->taken.store(false, std::memory_order_release);

  if (!times.helped) counters.alone.fetch_add(1, std::memory_order_relaxed);
  if (back_off.Learn(times)) counters.held_up.fetch_add(1, std::memory_order_relaxed);
}

InsistOnHelp::InsistOnHelp() { insisting.fetch_add(1, std::memory_order_relaxed); }
InsistOnHelp::~InsistOnHelp() { insisting.fetch_sub(1, std::memory_order_relaxed); }

PoolCounts CountsOfPool() {
  return {.runs = counters.runs.load(std::memory_order_relaxed),
          .alone = counters.alone.load(std::memory_order_relaxed),
          .held_up = counters.held_up.load(std::memory_order_relaxed)};
}

int HelperCount() { return helpers.load(std::memory_order_relaxed); }

}  // namespace jitattn::inline base
