// int8 with scales: ggml's formula bit for bit, errors, and numbers that are none.

#include "ops/attention/quantise.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/small_float.h"
#include "gtest/gtest.h"

namespace jitattn::ops {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Block {
  Float16 scale;
  int8_t bytes[32];
};
static_assert(sizeof(Block) == 34);

// quantize_row_q8_0_ref, as ggml states it.
Block ByFormula(const float* x) {
  float greatest = 0;
  for (int e = 0; e < 32; ++e) greatest = std::max(greatest, std::fabs(x[e]));
  const float d = greatest / 127;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  Block block = {.scale = d};
  for (int e = 0; e < 32; ++e) block.bytes[e] = static_cast<int8_t>(std::round(x[e] * inverse));
  return block;
}

std::vector<float> Numbers(uint64_t seed, int count, float size) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(count);
  for (float& number : x) number = size * normal(random);
  return x;
}

TEST(Quantise, Q8IsTheFormulaBitForBit) {
  for (int power = -120; power <= 24; power += 3) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      std::vector<float> x = Numbers(seed, 32, std::exp2(static_cast<float>(power)));
      // Ties: with a greatest number of 127 the scale is 1.
      if (seed % 4 == 0) {
        for (int e = 0; e < 32; ++e) x[e] = static_cast<float>(e - 16) * 0.5f;
        x[seed % 32] = 127;
      }
      const Block right = ByFormula(x.data());
      Block got;
      QuantiseQ8(x.data(), &got);
      ASSERT_EQ(std::memcmp(&got, &right, sizeof got), 0) << "2^" << power << ", seed " << seed;
    }
  }
}

TEST(Quantise, RoundsTiesAwayFromZero) {
  float x[] = {127, 0.5f, -0.5f, 1.5f, -2.5f, 0x1.fffffep-2f, -0x1.fffffep-2f, 126.5f};
  int8_t bytes[8];
  float scale;
  QuantiseI8(x, 8, bytes, &scale);
  EXPECT_EQ(scale, 1);
  const int8_t right[] = {127, 1, -1, 2, -3, 0, 0, 127};
  for (int e = 0; e < 8; ++e) EXPECT_EQ(bytes[e], right[e]) << x[e];
}

TEST(Quantise, I8IsWithinHalfAScale) {
  for (int power = -140; power <= 120; power += 5) {
    for (const int count : {1, 31, 32, 100, 4096}) {
      const std::vector<float> x =
          Numbers(static_cast<uint64_t>(power + 1000), count, std::exp2(static_cast<float>(power)));
      std::vector<int8_t> bytes(count);
      float scale = -1;
      QuantiseI8(x.data(), count, bytes.data(), &scale);
      float greatest = 0;
      for (const float number : x) greatest = std::max(greatest, std::fabs(number));
      EXPECT_EQ(scale, greatest == 0 ? 0 : std::max(greatest / 127, 0x1p-126f)) << power;
      for (int e = 0; e < count; ++e) {
        const double error = std::abs(static_cast<double>(bytes[e]) * scale - x[e]);
        ASSERT_LE(error, 0.5 * scale * (1 + 0x1p-14)) << power << ", element " << e;
        ASSERT_GE(bytes[e], -127);
      }
    }
  }
}

TEST(Quantise, BlocksOfZerosHaveScaleZero) {
  const float zeros[32] = {0, -0.f};
  int8_t bytes[34];
  float scale = 1;
  std::memset(bytes, 1, sizeof bytes);
  QuantiseI8(zeros, 32, bytes, &scale);
  EXPECT_EQ(scale, 0);
  for (int e = 0; e < 32; ++e) EXPECT_EQ(bytes[e], 0);
  std::memset(bytes, 1, sizeof bytes);
  QuantiseQ8(zeros, bytes);
  for (const int8_t byte : bytes) EXPECT_EQ(byte, 0);
}

TEST(Quantise, WhatIsNoNumberMakesTheBlockNaN) {
  for (const float odd : {kNaN, -kNaN, kInf, -kInf}) {
    for (const int at : {0, 17, 31}) {
      std::vector<float> x(32, 3);
      x[at] = odd;
      int8_t bytes[32];
      float scale = 1;
      QuantiseI8(x.data(), 32, bytes, &scale);
      EXPECT_TRUE(std::isnan(scale));
      for (const int8_t byte : bytes) EXPECT_EQ(byte, 0);
      Block block;
      QuantiseQ8(x.data(), &block);
      EXPECT_TRUE(std::isnan(static_cast<float>(block.scale)));
      for (const int8_t byte : block.bytes) EXPECT_EQ(byte, 0);
    }
  }
}

TEST(Quantise, GivenScalesClamp) {
  const float x[] = {0.24f, 0.26f, -1e30f, kInf, -kInf, kNaN, 63.4f, 64};
  int8_t bytes[8];
  QuantiseFixed(x, 8, 0.5f, bytes);
  const int8_t right[] = {0, 1, -127, 127, -127, 0, 127, 127};
  for (int e = 0; e < 8; ++e) EXPECT_EQ(bytes[e], right[e]) << x[e];
  for (const float scale : {0.f, -1.f, kInf, kNaN}) {
    QuantiseFixed(x, 8, scale, bytes);
    for (const int8_t byte : bytes) EXPECT_EQ(byte, 0) << scale;
  }
}

}  // namespace
}  // namespace jitattn::ops
