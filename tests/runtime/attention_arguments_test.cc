// What the C API of attention refuses, what it says then, and what a run leaves alone.

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

jitattn_status RunWith(int32_t options, void (*change)(jitattn_attention_args&)) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 8, 16);
  problem.options = options;
  std::vector<float> memory(6 * 2 * 8 * 16, 0);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = &memory[0], args.k = &memory[256], args.v = &memory[512], args.out = &memory[768];
  args.lse = &memory[1024];
  args.gate = &memory[1280];
  args.alibi_slopes = args.sinks = &memory[0];
  args.softcap = 1;
  change(args);
  return jitattn_attention(&problem, &args);
}

std::string ErrorWith(int32_t options, void (*change)(jitattn_attention_args&)) {
  const jitattn_status status = RunWith(options, change);
  return absl::StrCat(status, ": ", jitattn_last_error());
}

TEST(AttentionArguments, BadArgumentsOfOptionsAreNamed) {
  using Args = jitattn_attention_args;
  EXPECT_EQ(RunWith(31, [](Args&) {}), JITATTN_OK) << jitattn_last_error();
  EXPECT_THAT(ErrorWith(JITATTN_SOFTCAP, [](Args& a) { a.softcap = 0; }),
              Mentions({"1", "softcap", "0"}));
  EXPECT_THAT(ErrorWith(JITATTN_SOFTCAP, [](Args& a) { a.softcap = NAN; }), Mentions({"softcap"}));
  EXPECT_THAT(ErrorWith(JITATTN_ALIBI, [](Args& a) { a.alibi_slopes = nullptr; }),
              Mentions({"1", "alibi_slopes"}));
  EXPECT_THAT(ErrorWith(JITATTN_SINKS, [](Args& a) { a.sinks = nullptr; }),
              Mentions({"1", "sinks"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = nullptr; }), Mentions({"1", "lse"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = a.out; }),
              Mentions({"1", "lse", "out"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = const_cast<void*>(a.k); }),
              Mentions({"1", "lse", "k"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse_strides[2] = 0; }),
              Mentions({"1", "lse"}));
  // Without the option nobody looks.
  EXPECT_EQ(RunWith(0,
                    [](Args& a) {
                      a.lse = a.out;
                      a.gate = a.out;
                      a.alibi_slopes = a.sinks = nullptr;
                      a.softcap = -1;
                    }),
            JITATTN_OK);
  EXPECT_THAT(ErrorWith(JITATTN_OUT_GATE, [](Args& a) { a.gate = nullptr; }),
              Mentions({"1", "gate"}));
  EXPECT_THAT(ErrorWith(JITATTN_OUT_GATE, [](Args& a) { a.gate = a.out; }),
              Mentions({"1", "out", "gate"}));
  EXPECT_THAT(
      ErrorWith(JITATTN_OUT_GATE + JITATTN_LSE, [](Args& a) { a.lse = const_cast<void*>(a.gate); }),
      Mentions({"1", "lse", "gate"}));
  EXPECT_THAT(ErrorWith(64, [](Args&) {}), Mentions({"1", "options", "64"}));
}

// Elements of a row lie apart: overlaps are found by the elements, and what lies between them may
// be another operand.
TEST(AttentionArguments, BadInnerStridesAreNamed) {
  using Args = jitattn_attention_args;
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.out_inner = 2; }), Mentions({"1", "out", "overlap"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.q_inner = INT64_MAX / 2; }),
              Mentions({"1", "q", "address space"}));
  EXPECT_THAT(ErrorWith(0,
                        [](Args& a) {
                          a.k_inner = 33;
                          a.k_strides[2] = 1;
                        }),
              Mentions({"1", "out overlaps k"}));
  // q and out lie between each other's elements.
  EXPECT_EQ(RunWith(0,
                    [](Args& a) {
                      for (int64_t* strides : {a.q_strides, a.out_strides})
                        for (int axis = 0; axis < 3; ++axis) strides[axis] *= 2;
                      a.q_inner = a.out_inner = 2;
                      a.out = static_cast<float*>(const_cast<void*>(a.q)) + 1;
                      a.k = a.v;
                    }),
            JITATTN_OK)
      << jitattn_last_error();
}

// Rows of queries that do not exist, and keys that the mask hides from everybody, are not mapped.
TEST(AttentionArguments, CopiesTouchOnlyWhatARunDoes) {
  constexpr int64_t kLength = 512, kDim = 4, kSeen = 3, kPage = 4096;
  constexpr int64_t kStride = kPage / sizeof(float);  // each row in a page of its own
  void* const pages = mmap(nullptr, (kSeen + 1) * kPage, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  auto* const memory = static_cast<float*>(pages);
  ASSERT_EQ(mprotect(memory + kSeen * kStride, kPage, PROT_NONE), 0);
  for (int64_t row = 0; row < kSeen; ++row) {
    std::fill_n(memory + row * kStride, 24, 1.0f);
    std::fill_n(memory + row * kStride + 24, 2 * kDim, 7.0f);
  }
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, kLength, kDim);
  problem.mask = JITATTN_MASK_CAUSAL;
  const int64_t queries[] = {kSeen}, offsets[] = {0};
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = memory, args.k = memory + 8, args.v = memory + 16, args.out = memory + 24;
  for (int64_t* strides : {args.q_strides, args.k_strides, args.v_strides, args.out_strides}) {
    strides[2] = kStride;
  }
  args.q_inner = args.k_inner = args.v_inner = args.out_inner = 2;
  args.q_lens = queries;
  args.causal_offsets = offsets;
  ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK) << jitattn_last_error();
  for (int64_t row = 0; row < kSeen; ++row) {
    for (int64_t d = 0; d < 2 * kDim; ++d) {
      EXPECT_EQ(memory[row * kStride + 24 + d], d % 2 == 0 ? 1 : 7) << row << ", " << d;
    }
  }
  munmap(pages, (kSeen + 1) * kPage);
}

TEST(AttentionArguments, BadBiasesAreNamed) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, 2, 4);
  problem.bias = 4;
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"bias", "4"}));
  problem.bias = JITATTN_BIAS_F32;
  std::vector<float> memory(32, 0);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = &memory[0], args.k = &memory[8], args.v = &memory[16], args.out = &memory[24];
  EXPECT_EQ(jitattn_attention(&problem, &args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"bias"}));
  args.bias = &memory[24];
  EXPECT_EQ(jitattn_attention(&problem, &args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"out", "bias"}));
  args.bias = &memory[8];
  for (const int64_t keys : {int64_t{-1}, int64_t{3}}) {
    args.bias_keys = keys;
    EXPECT_EQ(jitattn_attention(&problem, &args), JITATTN_INVALID_ARGUMENT);
    EXPECT_THAT(std::string(jitattn_last_error()),
                Mentions({"bias_keys", absl::StrCat(keys), "2"}));
  }
  EXPECT_THAT(ErrorWith(0, [](jitattn_attention_args& a) { a.bias_keys = 2; }),
              Mentions({"bias_keys 2", "no bias"}));
}

// A bias that ends before the keys do hides those behind it, which may hold anything, and leaves a
// causal mask where it is.
TEST(AttentionArguments, ShortBiasHidesTheKeysBehind) {
  constexpr int64_t kLength = 6, kKeys = 4;
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, kLength, 1);
  problem.mask = JITATTN_MASK_CAUSAL;
  problem.bias = JITATTN_BIAS_BOOL;
  const float q[kLength] = {}, nan = std::numeric_limits<float>::quiet_NaN();
  const float k[kLength] = {1, 1, 1, 1, nan, nan}, v[kLength] = {0, 1, 2, 3, nan, nan};
  const char bias[kKeys] = {1, 1, 1, 1};
  float out[kLength] = {};
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q, args.k = k, args.v = v, args.out = out, args.bias = bias;
  args.bias_strides[2] = 0;
  args.bias_keys = kKeys;
  ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK) << jitattn_last_error();
  EXPECT_THAT(out, ::testing::ElementsAre(0, 0.5f, 1, 1.5f, 1.5f, 1.5f));
}

TEST(AttentionArguments, BadSequencesAreNamed) {
  using Args = jitattn_attention_args;
  static const int64_t kLens[] = {9}, kNegative[] = {-1}, kFalling[] = {8, 4}, kSix[] = {0, 6},
                       kSeven[] = {7};
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.q_lens = kLens; }), Mentions({"1", "q_lens[0]", "9"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.kv_lens = kNegative; }),
              Mentions({"1", "kv_lens[0]", "-1"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.kv_begins = kNegative; }), Mentions({"kv_begins[0]"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.q_offsets = kFalling; }),
              Mentions({"1", "q_offsets[1]", "4", "8"}));
  EXPECT_THAT(ErrorWith(0,
                        [](Args& a) {
                          a.kv_offsets = kSix;
                          a.kv_lens = kSeven;
                        }),
              Mentions({"kv_offsets[1]", "6", "7"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.prefix_lens = kSeven; }), Mentions({"prefix_lens"}));
}

TEST(AttentionArguments, BadWindowsAreNamed) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, 8, 16);
  jitattn_plan* plan = nullptr;
  problem.window_left = 3;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"window", "3"}));
  problem.mask = JITATTN_MASK_WINDOW;
  problem.window_left = -2;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"window_left", "-2"}));
  problem.mask = 3;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"mask", "3"}));
}

}  // namespace
}  // namespace jitattn::runtime
