// How far apart two keys are.

#include "cache/nearest.h"

#include <gtest/gtest.h>

#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"

namespace jitattn::cache {
namespace {

Key KeyOf(const ops::Problem& problem) { return MakeKey(problem, {.threads = 2}); }

TEST(Distance, CountsOctavesOfTheLengths) {
  const Key key = KeyOf(Attention(1024, 1024));
  EXPECT_EQ(Distance(key, key), 0.0);
  EXPECT_EQ(Distance(key, KeyOf(Attention(2048, 1024))), 1.0);
  EXPECT_EQ(Distance(key, KeyOf(Attention(512, 2048))), 2.0);
  EXPECT_NEAR(Distance(key, KeyOf(Attention(1024, 1536))).value_or(9), 0.585, 0.001);
  EXPECT_EQ(Distance(key, KeyOf(Attention(3072, 1024))), std::nullopt);
  EXPECT_EQ(Distance(key, KeyOf(Attention(1024, 384))), std::nullopt);
}

TEST(Distance, BatchAndHeadsAreAmountsOfWork) {
  ops::AttentionProblem a = Attention(64, 64), b = a;
  a.heads = a.kv_heads = 8;
  b.batch = 8;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), 0.0);
  b.batch = 16;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), 2.0);
  b.batch = 17;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), std::nullopt);
  b = a;
  b.kv_heads = 1;  // as much work, an eighth of the memory
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), std::nullopt);
}

TEST(Distance, WidthsOfWindowsAreLengths) {
  ops::AttentionProblem a = Attention(1024, 1024), b = a;
  a.mask = b.mask = jit::Mask::kWindow;
  a.window_left = 127;
  b.window_left = 255;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), 1.0);
  b.window_left = 511;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), std::nullopt);
}

TEST(Distance, PagesAreOtherCode) {
  ops::AttentionProblem a = Attention(1024, 1024), b = a;
  b.page_size = 1;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), std::nullopt);
  a.page_size = 16;
  b.page_size = 64;
  EXPECT_EQ(Distance(KeyOf(a), KeyOf(b)), 0.0);
}

TEST(Distance, EmptyLengthsAreShort) {
  EXPECT_EQ(Distance(KeyOf(Attention(0, 0)), KeyOf(Attention(1, 1))), 0.0);
  EXPECT_EQ(Distance(KeyOf(Attention(0, 64)), KeyOf(Attention(64, 64))), std::nullopt);
}

TEST(Distance, OnlyWithinTheSameSpecAndConditions) {
  const Key key = KeyOf(Attention(64, 64));
  for (int change = 0; change < 6; ++change) {
    ops::AttentionProblem problem = Attention(64, 64);
    if (change == 0) problem.dtype = DType::kF64;
    if (change == 1) problem.mask = jit::Mask::kCausal;
    if (change == 2) problem.value_dim = 32;
    Key other = KeyOf(problem);
    if (change == 3) other.conditions.threads = 1;
    if (change == 4) other.conditions.isa = Isa::kAvx2;
    if (change == 5) other.conditions.buffers = ops::Buffers::kCold;
    EXPECT_EQ(Distance(key, other), std::nullopt) << other.ToString();
  }
}

TEST(Distance, SigmoidMulCountsElements) {
  const Key key = KeyOf(ops::SigmoidMulProblem{.rows = 1024, .cols = 1024});
  EXPECT_EQ(Distance(key, KeyOf(ops::SigmoidMulProblem{.rows = 1, .cols = 1 << 20})), 0.0);
  EXPECT_EQ(Distance(key, KeyOf(ops::SigmoidMulProblem{.rows = 2, .cols = 1 << 20})), 1.0);
  EXPECT_EQ(Distance(key, KeyOf(ops::SigmoidMulProblem{.rows = 4, .cols = 1 << 20})), std::nullopt);
  EXPECT_EQ(Distance(key, KeyOf(Attention(1024, 1024))), std::nullopt);
}

}  // namespace
}  // namespace jitattn::cache
