// When helpers are asked for, on a clock of the test's own.

#include "parallel/back_off.h"

#include "gtest/gtest.h"

namespace jitattn {
namespace {

constexpr int64_t kUs = 1000, kMs = 1000 * kUs;

// A run of 40 µs that began at `now`, and whose helper kept the caller waiting for `waited`.
RunTimes RunOf(int64_t now, int64_t waited, bool helped = true) {
  return {
      .begin = now, .computed = now + 40 * kUs, .end = now + 40 * kUs + waited, .helped = helped};
}

// When help is wanted again, looked for in steps of a tenth of a millisecond.
int64_t AloneFrom(const BackOff& back_off, int64_t now) {
  int64_t until = now;
  while (!back_off.WantsHelp(until) && until < now + 10'000 * kMs) until += kMs / 10;
  return until - now;
}

TEST(BackOff, WantsHelpAtFirstAndAfterGoodRuns) {
  BackOff back_off;
  EXPECT_TRUE(back_off.WantsHelp(0));
  for (int64_t now = 0; now < 100 * kMs; now += kMs) {
    EXPECT_FALSE(back_off.Learn(RunOf(now, 20 * kUs)));
    EXPECT_TRUE(back_off.WantsHelp(now + kMs));
  }
}

TEST(BackOff, StaysAloneLongerWithEachHoldUpAndThenForASecondAtMost) {
  BackOff back_off;
  int64_t now = 0, last = 0;
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(back_off.Learn(RunOf(now, 3 * kMs)));
    now += 3 * kMs + 40 * kUs;
    const int64_t alone = AloneFrom(back_off, now);
    EXPECT_GE(alone, 3 * 3 * kMs) << i;
    EXPECT_LE(alone, 1001 * kMs) << i;
    EXPECT_GE(alone, last) << i;
    last = alone;
    now += alone;
  }
  EXPECT_GE(last, 999 * kMs);
}

// Of a long run a slice is a small part: it is worth having helpers all the same.
TEST(BackOff, WaitsThatAreShortOrSmallPartsOfARunAreNoHoldUps) {
  BackOff back_off;
  EXPECT_FALSE(back_off.Learn(RunOf(0, 90 * kUs)));
  EXPECT_FALSE(back_off.Learn({.begin = 0, .computed = 20 * kMs, .end = 23 * kMs, .helped = true}));
  EXPECT_TRUE(back_off.WantsHelp(23 * kMs));
}

TEST(BackOff, ForgetsAHoldUpAfterACalmTime) {
  BackOff back_off;
  back_off.Learn(RunOf(0, 3 * kMs));
  const int64_t first = AloneFrom(back_off, 3 * kMs);
  // Calm for ten times as long.
  for (int64_t now = 50 * kMs; now < 500 * kMs; now += kMs) back_off.Learn(RunOf(now, 0));
  back_off.Learn(RunOf(500 * kMs, 3 * kMs));
  EXPECT_NEAR(static_cast<double>(AloneFrom(back_off, 503 * kMs + 40 * kUs)),
              static_cast<double>(first), static_cast<double>(kMs));
}

TEST(BackOff, StopsWakingHelpersThatNeverCome) {
  BackOff back_off;
  int wanted = 0;
  for (int64_t now = 0; now < 1000 * kMs; now += kMs / 2) {
    if (!back_off.WantsHelp(now)) continue;
    ++wanted;
    EXPECT_FALSE(back_off.Learn(RunOf(now, 0, /*helped=*/false)));
  }
  EXPECT_GE(wanted, 8);
  EXPECT_LE(wanted, 400);  // of 2000
}

// A single costly waking is how every burst of calls begins; a second one in a row costs more than
// helpers can give back.
TEST(BackOff, StopsSoonWhereWakingIsCostly) {
  BackOff back_off;
  int64_t now = 0;
  for (int attempt = 0; attempt < 10; ++attempt) {
    RunTimes costly = RunOf(now, 0, /*helped=*/false);
    costly.waking = 50 * kUs;
    back_off.Learn(costly);
    now += 40 * kUs;
    EXPECT_TRUE(back_off.WantsHelp(now)) << attempt;
    costly.begin = now, costly.computed = costly.end = now + 40 * kUs;
    back_off.Learn(costly);
    now += 40 * kUs;
    EXPECT_FALSE(back_off.WantsHelp(now)) << attempt;
    now += AloneFrom(back_off, now);
  }
}

// Help counts for nothing where waking the helper took longer than all else of the run.
TEST(BackOff, StopsWhereHelpCostsMoreThanTheRun) {
  BackOff back_off;
  int64_t now = 0;
  for (int run = 0; run < 2; ++run, now += 70 * kUs) {
    EXPECT_TRUE(back_off.WantsHelp(now));
    back_off.Learn({.begin = now,
                    .computed = now + 65 * kUs,
                    .end = now + 67 * kUs,
                    .helped = true,
                    .waking = 58 * kUs});
  }
  EXPECT_FALSE(back_off.WantsHelp(now));
  // Of a longer run the waking is a part, and helpers that are awake cost nothing.
  BackOff patient;
  for (int run = 0; run < 100; ++run) {
    patient.Learn(
        {.begin = 0, .computed = 900 * kUs, .end = 905 * kUs, .helped = true, .waking = 58 * kUs});
    patient.Learn({.begin = 0, .computed = 9 * kUs, .end = 10 * kUs, .helped = true});
    EXPECT_TRUE(patient.WantsHelp(1000 * kUs));
  }
}

// Bursts with pauses between them: a helper that comes once does not make every run of the next
// burst wake one.
TEST(BackOff, APauseIsNoCalm) {
  BackOff back_off;
  int64_t now = 0;
  int woken = 0;
  for (int burst = 0; burst < 40; ++burst, now += 300 * kMs) {
    for (int run = 0; run < 1000; ++run, now += 10 * kUs) {
      if (!back_off.WantsHelp(now)) continue;
      RunTimes times = RunOf(now, 0, /*helped=*/run == 0);
      times.waking = run == 0 ? 0 : 50 * kUs;
      woken += times.waking > 0;
      back_off.Learn(times);
    }
  }
  EXPECT_LE(woken, 40 * 1000 / 100);
}

TEST(BackOff, OneHelperThatComesIsEnough) {
  BackOff back_off;
  for (int i = 0; i < 100; ++i) {
    back_off.Learn(RunOf(i * kMs, 0, /*helped=*/i % 4 == 0));
    EXPECT_TRUE(back_off.WantsHelp((i + 1) * kMs)) << i;
  }
}

}  // namespace
}  // namespace jitattn
