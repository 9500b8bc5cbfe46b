// The library's own threads: every body once, nobody waited for who has not begun.

#include "parallel/thread_pool.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "parallel/parallel.h"
#include "tests/emulated.h"
#include "tests/parallel/calls.h"
#include "tests/runtime/runtime_testing.h"

namespace jitattn {
namespace {

using runtime::RefuseNewThreads;

using testing::Each;

TEST(ThreadPool, CallersAtOnceGetEachBodyOnce) {
  constexpr int kCallers = 12, kRuns = 400;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&wrong, c] {
      for (int r = 0; r < kRuns; ++r) {
        Calls calls(2 + (c + r) % 7);
        RunOnPool(static_cast<int>(calls.times.size()), Calls::Count, &calls);
        if (!calls.EachOnce()) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// All helpers sit in bodies of one run that end when the test says so. Another run, of more bodies
// than there are threads, is done by its caller meanwhile.
TEST(ThreadPool, ARunDoesNotWaitForHelpersThatAreBusyElsewhere) {
  struct Block {
    std::atomic<int> there{0};
    std::atomic<bool> go{false};
    static void Wait(int, void* data) {
      Block& block = *static_cast<Block*>(data);
      ++block.there;
      while (!block.go) usleep(100);
    }
  } block;
  Calls warm(2);
  RunOnPool(2, Calls::Count, &warm);  // there is a helper
  const InsistOnHelp insist;
  const int bodies = 1 + HelperCount();
  std::thread blocked([&] { RunOnPool(bodies, Block::Wait, &block); });
  for (int i = 0; i < 20000 && block.there < bodies; ++i) usleep(500);
  EXPECT_EQ(block.there, bodies);
  Calls calls(8);
  RunOnPool(8, Calls::Count, &calls);
  const bool still_blocked = !block.go;
  block.go = true;
  blocked.join();
  EXPECT_TRUE(still_blocked);
  EXPECT_TRUE(calls.EachOnce());
  // New helpers may have been made for the second run; those that were blocked took no part.
  EXPECT_EQ(calls.threads[0], std::this_thread::get_id());
}

TEST(ThreadPool, HelpersTakePartAndCountsTellIt) {
  struct Meeting {
    std::atomic<int> there{0};
    static void Wait(int, void* data) {
      Meeting& meeting = *static_cast<Meeting*>(data);
      ++meeting.there;
      for (int i = 0; i < 20000 && meeting.there < 2; ++i) usleep(500);
    }
  } meeting;
  const InsistOnHelp insist;
  const PoolCounts before = CountsOfPool();
  RunOnPool(2, Meeting::Wait, &meeting);
  const PoolCounts after = CountsOfPool();
  EXPECT_GE(HelperCount(), 1);
  EXPECT_EQ(after.runs, before.runs + 1);
  EXPECT_EQ(after.alone, before.alone);
}

TEST(ThreadPool, HelpersBlockEverySignalAndTheCallerKeepsItsMask) {
  sigset_t before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  struct Masks {
    std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> there{0};
    std::atomic<int> helpers{0}, open{0};
    static void Look(int, void* data) {
      Masks& masks = *static_cast<Masks*>(data);
      ++masks.there;
      for (int i = 0; i < 20000 && masks.there < 2; ++i) usleep(500);
      if (std::this_thread::get_id() == masks.caller) return;
      ++masks.helpers;
      sigset_t set;
      pthread_sigmask(SIG_SETMASK, nullptr, &set);
      masks.open +=
          !sigismember(&set, SIGTERM) + !sigismember(&set, SIGALRM) + !sigismember(&set, SIGUSR1);
    }
  } masks;
  const InsistOnHelp insist;
  RunOnPool(2, Masks::Look, &masks);
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(masks.helpers, 1);
  EXPECT_EQ(masks.open, 0);
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
  }
}

TEST(ParallelFor, WhatABodyThrowsIsThrownWhenAllHaveEnded) {
  struct Thrower {
    std::atomic<int> ended{0};
    static void Throw(int index, void* data) {
      if (index % 2 == 1) throw std::runtime_error("odd");
      ++static_cast<Thrower*>(data)->ended;
    }
  };
  for (const int count : {1, 2, 7}) {
    Thrower thrower;
    std::string thrown;
    try {
      ParallelFor(count, Thrower::Throw, &thrower);
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
    EXPECT_EQ(thrown, count == 1 ? "" : "odd") << count;
    EXPECT_EQ(thrower.ended, (count + 1) / 2) << count;
  }
}

using ThreadsDeathTest = testing::Test;

// In fresh processes, since the choice is made once.
TEST(ThreadsDeathTest, OpenMpByChoice) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  setenv("JITATTN_THREADS", "openmp", 1);
  EXPECT_EXIT(
      {
        Calls calls(6);
        ParallelFor(6, Calls::Count, &calls);
        _exit(calls.EachOnce() && HelperCount() == 0 && CountsOfPool().runs == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
  setenv("JITATTN_THREADS", "fibres", 1);
  EXPECT_EXIT(
      {
        Calls calls(6);
        ParallelFor(6, Calls::Count, &calls);
        _exit(calls.EachOnce() && CountsOfPool().runs == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "JITATTN_THREADS=fibres");
  unsetenv("JITATTN_THREADS");
}

TEST(ThreadsDeathTest, ThreadsThatAreRefusedLeaveTheCaller) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        if (!RefuseNewThreads()) _exit(0);  // cannot be tried here
        Calls calls(6);
        ParallelFor(6, Calls::Count, &calls);
        for (const auto& thread : calls.threads) {
          if (thread != std::this_thread::get_id()) _exit(2);
        }
        _exit(calls.EachOnce() && HelperCount() == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(ThreadsDeathTest, BudgetsKeepToTheLimits) {
  if (Emulated()) GTEST_SKIP() << "needs a native process";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EQ(ThreadBudget(5000), kMaxThreads);
  setenv("OMP_THREAD_LIMIT", "1", 1);
  EXPECT_EXIT(_exit(10 * ThreadBudget(0) + ThreadBudget(4)), testing::ExitedWithCode(11), "");
  unsetenv("OMP_THREAD_LIMIT");
}

}  // namespace
}  // namespace jitattn
