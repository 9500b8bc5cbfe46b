// Running on several threads, and leaving the caller's world as it was.

#include "parallel/parallel.h"

#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/fork.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parallel/fp_environment.h"
#include "tests/emulated.h"
#include "tests/parallel/calls.h"
#include "tests/runtime/runtime_testing.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace jitattn {
namespace {

using runtime::InChild;

using testing::Each;

TEST(ParallelFor, CallsEachIndexOnce) {
  for (int count : {0, 1, 2, 3, 64}) {
    Calls calls(count);
    ParallelFor(count, Calls::Count, &calls);
    for (int i = 0; i < count; ++i) EXPECT_EQ(calls.times[i], 1) << i << " of " << count;
  }
}

// Both bodies meet only if they run at once; each gives up after a while.
struct Meeting {
  std::atomic<int> there{0}, met{0};
  static void Wait(int, void* data) {
    Meeting& meeting = *static_cast<Meeting*>(data);
    ++meeting.there;
    for (int i = 0; i < 100 && meeting.there < 2; ++i) usleep(1000);
    meeting.met += meeting.there == 2 ? 1 : 0;
  }
};

// Where helpers have kept callers waiting the caller stays alone for a second at most.
TEST(ParallelFor, BodiesRunAtOnce) {
  int met = 0;
  for (int attempt = 0; attempt < 50 && met < 2; ++attempt) {
    Meeting meeting;
    ParallelFor(2, Meeting::Wait, &meeting);
    met = meeting.met;
  }
  EXPECT_EQ(met, 2);
}

TEST(ParallelFor, InsideAParallelRegionStaysOnItsThread) {
  struct Outer {
    Calls inner[2] = {Calls(8), Calls(8)};
    std::thread::id own[2];
  } outer;
  ParallelFor(
      2,
      [](int i, void* data) {
        Outer& o = *static_cast<Outer*>(data);
        o.own[i] = std::this_thread::get_id();
        ParallelFor(8, Calls::Count, &o.inner[i]);
      },
      &outer);
  for (int i = 0; i < 2; ++i) EXPECT_THAT(outer.inner[i].threads, Each(outer.own[i]));
}

TEST(ParallelFor, AChildOfForkRunsOnOneThreadAndDoesNotHang) {
  Calls before(2);
  ParallelFor(2, Calls::Count, &before);  // so that there is a pool the child does not have
  EXPECT_FALSE(InForkedChild());
  EXPECT_EQ(InChild([] {
              Calls calls(8);
              ParallelFor(8, Calls::Count, &calls);
              for (int i = 0; i < 8; ++i) {
                if (calls.times[i] != 1) return std::string("not called once");
                if (calls.threads[i] != std::this_thread::get_id()) return std::string("elsewhere");
              }
              return std::string(InForkedChild() ? "" : "does not know of the fork");
            }),
            "");
}

#if defined(__x86_64__)
// Everything a program may have set: flush to zero, denormals are zero, rounding towards zero, and
// two of the sticky flags.
constexpr unsigned kStrange = 0x1f80 | 0x8000 | 0x0040 | 0x6000 | 0x0005;

TEST(ParallelFor, BodiesSeeTheDefaultModesAndTheCallerKeepsItsOwn) {
  const unsigned before = _mm_getcsr();
  for (int count : {1, 2, 4}) {
    std::vector<unsigned> seen(count, 0);
    _mm_setcsr(kStrange);
    ParallelFor(
        count,
        [](int i, void* data) {
          (*static_cast<std::vector<unsigned>*>(data))[i] = _mm_getcsr();
          volatile float x = 1e-30f;  // raises underflow and inexact
          x = x * x;
        },
        &seen);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(after, kStrange) << count;
    for (unsigned csr : seen) EXPECT_EQ(csr & ~0x3fu, 0x1f80u) << count;
  }
}

TEST(DefaultFpEnvironment, RestoresFlagsThatWereNotSet) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(0x1f80);  // default modes, no flag
  {
    DefaultFpEnvironment environment;
    volatile float x = 1.0f;
    x = x / 3;  // inexact
  }
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(after, 0x1f80u);
}
#endif

TEST(ThreadBudget, IsWhatWasAskedElseAtLeastOne) {
  EXPECT_EQ(ThreadBudget(3), 3);
  EXPECT_GE(ThreadBudget(0), 1);
}

using HooksDeathTest = testing::Test;

// In a fresh process: a hook can be set only once.
TEST(HooksDeathTest, HostPoolReplacesOpenMp) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        static int pool_calls = 0;
        const ParallelForHook pool = [](int32_t count, void (*body)(int32_t, void*), void* context,
                                        void* data) {
          pool_calls += data == &pool_calls;
          for (int32_t i = count - 1; i >= 0; --i) body(i, context);
        };
        if (!SetParallelForHook(pool, &pool_calls)) _exit(1);
        if (SetParallelForHook(pool, nullptr)) _exit(2);
        Calls calls(5);
        ParallelFor(5, Calls::Count, &calls);
        for (int i = 0; i < 5; ++i) {
          if (calls.times[i] != 1) _exit(3);
        }
        _exit(pool_calls == 1 ? 0 : 4);
      },
      testing::ExitedWithCode(0), "");
}

TEST(HooksDeathTest, ThreadBudgetKeepsToOmpNumThreads) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  setenv("OMP_NUM_THREADS", "1", 1);
  EXPECT_EXIT(_exit(ThreadBudget(0)), testing::ExitedWithCode(1), "");
  unsetenv("OMP_NUM_THREADS");
}

}  // namespace
}  // namespace jitattn
