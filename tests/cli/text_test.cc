// Units, tables and suggestions.

#include "cli/text.h"

#include <gtest/gtest.h>

#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"

namespace jitattn::cli {
namespace {

TEST(TextTest, SecondsHaveFourDigitsAndAUnit) {
  EXPECT_EQ(Seconds(12.345678), "12.35 s");
  EXPECT_EQ(Seconds(0.0396666), "39.67 ms");
  EXPECT_EQ(Seconds(1.23456e-4), "123.5 µs");
  EXPECT_EQ(Seconds(9.99999e-4), "1000 µs");
  EXPECT_EQ(Seconds(4.2e-8), "42 ns");
  EXPECT_EQ(Seconds(0), "0 ns");
}

TEST(TextTest, BytesUsePowersOfTwo) {
  EXPECT_EQ(Bytes(96), "96 bytes");
  EXPECT_EQ(Bytes(32 << 10), "32 KiB");
  EXPECT_EQ(Bytes(1536), "1.5 KiB");
  EXPECT_EQ(Bytes(3e15), "2.7 PiB");
  EXPECT_EQ(Bytes(1e21), "888178.4 PiB");
}

TEST(TextTest, RatesFollowTheOperation) {
  const ops::AttentionProblem attention = {
      .q_len = 1000, .kv_len = 1000, .head_dim = 250, .value_dim = 250};
  EXPECT_EQ(RateText(attention, 1), "1.0 GFLOP/s");  // 4 · 10⁶ · 250 = 10⁹
  const ops::SigmoidMulProblem sigmoid_mul = {.rows = 1000, .cols = 1000};
  EXPECT_EQ(RateText(sigmoid_mul, 1e-3), "8.0 GB/s");  // 4 MB read, 4 MB written
}

TEST(TextTest, WidthCountsCharactersNotBytes) {
  EXPECT_EQ(Width("µs ×"), 4);
  EXPECT_EQ(PadTo("µ", 3), "µ  ");
  EXPECT_EQ(PadTo("long", 2), "long");
}

TEST(TextTest, TableAlignsAndTrims) {
  EXPECT_EQ(Table({{"A", ">N", "C"}, {"µµµ", "7", ""}, {"b", "1234", "x"}}),
            "A       N  C\n"
            "µµµ     7\n"
            "b    1234  x\n");
  EXPECT_EQ(Table({}), "");
}

TEST(TextTest, SuggestsOnlyWhatIsNear) {
  const std::string_view words[] = {"f32",     "f64",     "bf16",     "f16",
                                    "float32", "float64", "bfloat16", "float16"};
  EXPECT_EQ(Closest("f23", words), "f32");
  EXPECT_EQ(Closest("x23", words), "");
  EXPECT_EQ(Closest("f3", words), "f32");
  EXPECT_EQ(Closest("flaot32", words), "float32");
  EXPECT_EQ(Closest("int8", words), "");
  EXPECT_EQ(
      Unknown("type", "float3", words),
      "unknown type 'float3'; expected one of f32, f64, bf16, f16, float32, float64, bfloat16, "
      "float16; did you mean float32?");
  EXPECT_EQ(Unknown("type", "int8", words),
            "unknown type 'int8'; expected one of f32, f64, bf16, f16, float32, float64, bfloat16, "
            "float16");
}

}  // namespace
}  // namespace jitattn::cli
