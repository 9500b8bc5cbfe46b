// The arguments of jitattn_append: what is refused, and by which message; rows in place; threads.

#include <cfenv>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "jitattn/jitattn.hpp"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using Args = jitattn_append_args;

constexpr int64_t kBatch = 2, kHeads = 2, kRows = 3, kDim = 32, kCapacity = 8;

// Valid arguments: keys of two sequences at the end of a cache, normalised and rotated.
class AppendArguments : public ::testing::Test {
 protected:
  AppendArguments()
      : from_(kBatch * kHeads * kRows * kDim, 1.f),
        to_(kBatch * kHeads * kCapacity * kDim, 7.f),
        scales_(kBatch * kHeads * kCapacity, 7.f),
        table_(kCapacity * kDim, 0.5f),
        weight_(kDim, 1.f),
        positions_(kBatch * kRows, 1) {
    jitattn_attention_problem_init(&problem_, kHeads, kRows, kDim);
    problem_.batch = kBatch;
    problem_.kv_len = kCapacity;
  }

  Args Valid() {
    Args args;
    jitattn_append_args_init(&args, JITATTN_APPEND_K, &problem_);
    args.from = from_.data(), args.to = to_.data();
    args.scales = scales_.data();
    args.norm = JITATTN_NORM_RMS;
    args.norm_weight = weight_.data();
    args.rope = JITATTN_ROPE_HALVES;
    args.cos_table = args.sin_table = table_.data();
    args.rotary_len = kCapacity;
    return args;
  }

  // The status and the message. Nothing has been written unless the status is OK.
  std::string Try(const Args& args) {
    const jitattn_status status = jitattn_append(&args);
    if (status == JITATTN_OK) return "0";
    for (const float x : to_) EXPECT_EQ(x, 7) << jitattn_last_error();
    for (const float x : scales_) EXPECT_EQ(x, 7) << jitattn_last_error();
    return absl::StrCat(status, ": ", jitattn_last_error());
  }
  template <typename Change>
  std::string With(const Change& change) {
    Args args = Valid();
    change(args);
    return Try(args);
  }

  jitattn_attention_problem problem_;
  std::vector<float> from_, to_, scales_, table_, weight_;
  std::vector<int64_t> positions_;
};

TEST_F(AppendArguments, InitTakesTheOperandsOfTheProblem) {
  problem_.kv_heads = 1;
  problem_.value_dim = 16;
  problem_.kv_type = JITATTN_KV_I8;
  problem_.kv_scale_block = 32;
  problem_.page_size = 4;
  Args k, v, q;
  jitattn_append_args_init(&k, JITATTN_APPEND_K, &problem_);
  jitattn_append_args_init(&v, JITATTN_APPEND_V, &problem_);
  jitattn_append_args_init(&q, JITATTN_APPEND_Q, &problem_);
  EXPECT_EQ(k.heads, 1);
  EXPECT_EQ(k.dim, kDim);
  EXPECT_EQ(k.rows, kRows);
  EXPECT_EQ(k.to_type, JITATTN_KV_I8);
  EXPECT_EQ(k.scale_block, 32);
  EXPECT_EQ(k.page_size, 4);
  EXPECT_EQ(k.block_table_stride, 2);
  EXPECT_EQ(k.to_begin, kCapacity - kRows);
  EXPECT_THAT(k.to_strides, ::testing::ElementsAre(4 * kDim, 4 * kDim, kDim));
  EXPECT_THAT(k.scale_strides, ::testing::ElementsAre(4, 4, 1));
  EXPECT_EQ(v.dim, 16);
  EXPECT_EQ(q.heads, kHeads);
  EXPECT_EQ(q.to_type, JITATTN_KV_F32);
  EXPECT_EQ(q.to_begin, 0);
  EXPECT_EQ(q.to_len, kRows);
  EXPECT_EQ(q.page_size, 0);
  problem_.kv_type = JITATTN_KV_Q8_0;
  jitattn_append_args_init(&k, JITATTN_APPEND_K, &problem_);
  EXPECT_THAT(k.to_strides, ::testing::ElementsAre(4, 4, 1));
}

TEST_F(AppendArguments, BadTypesAreNamed) {
  EXPECT_THAT(With([](Args& a) { a.struct_size = 3; }), Mentions({"1", "struct_size", "3"}));
  EXPECT_THAT(With([](Args& a) { a.from_type = 4; }), Mentions({"1", "from_type", "4"}));
  EXPECT_THAT(With([](Args& a) { a.to_type = -1; }), Mentions({"1", "to_type", "-1"}));
  EXPECT_THAT(With([](Args& a) { a.norm = 2; }), Mentions({"1", "norm", "2"}));
  EXPECT_THAT(With([](Args& a) { a.norm_weight_type = 9; }),
              Mentions({"1", "norm_weight_type", "9"}));
  EXPECT_THAT(With([](Args& a) { a.rope = 3; }), Mentions({"1", "rope", "3"}));
  EXPECT_THAT(With([](Args& a) { a.from_type = JITATTN_F64; }),
              Mentions({"1", "to_type", "1", "JITATTN_F64"}));
}

TEST_F(AppendArguments, BadSizesAreNamed) {
  EXPECT_THAT(With([](Args& a) { a.batch = -1; }), Mentions({"1", "batch", "-1"}));
  EXPECT_THAT(With([](Args& a) { a.heads = -2; }), Mentions({"1", "heads", "-2"}));
  EXPECT_THAT(With([](Args& a) { a.rows = -3; }), Mentions({"1", "rows", "-3"}));
  EXPECT_THAT(With([](Args& a) { a.to_len = -4; }), Mentions({"1", "to_len", "-4"}));
  EXPECT_THAT(With([](Args& a) { a.dim = 0; }), Mentions({"1", "dim", "0", "4096"}));
  EXPECT_THAT(With([](Args& a) { a.dim = 4097; }), Mentions({"1", "dim", "4097", "4096"}));
  EXPECT_THAT(With([](Args& a) { a.batch = a.heads = int64_t{1} << 40; }),
              Mentions({"1", "batch", "1099511627776"}));
  // A batch of any size is refused, or accepted, at once.
  EXPECT_THAT(With([](Args& a) {
                a.batch = int64_t{1} << 50;
                a.to_strides[0] = 0;
              }),
              Mentions({"1", "to"}));
  EXPECT_THAT(With([](Args& a) {
                a.batch = int64_t{1} << 50;
                a.page_size = 4;
              }),
              Mentions({"1", "block_table"}));
  EXPECT_EQ(With([](Args& a) {
              a.batch = int64_t{1} << 50;
              a.rows = 0;
            }),
            "0");
  EXPECT_THAT(With([](Args& a) {
                a.to_type = JITATTN_KV_Q8_0;
                a.dim = 31, a.rotary_dim = 30;
              }),
              Mentions({"1", "dim", "31", "32"}));
  EXPECT_THAT(With([](Args& a) {
                a.to_type = JITATTN_KV_I8;
                a.scale_block = 40;
              }),
              Mentions({"1", "scale_block", "40", "32"}));
}

TEST_F(AppendArguments, BadLengthsAreNamed) {
  static const int64_t kLens[] = {3, 4}, kFalling[] = {0, 3, 2}, kBegins[] = {0, 9},
                       kFar[] = {0, 6};
  EXPECT_THAT(With([](Args& a) { a.from_lens = kLens; }),
              Mentions({"1", "from_lens[1]", "4", "3"}));
  EXPECT_THAT(With([](Args& a) { a.from_offsets = kFalling; }),
              Mentions({"1", "from_offsets[2]", "2", "3"}));
  EXPECT_THAT(With([](Args& a) { a.to_begins = kBegins; }),
              Mentions({"1", "to_begins[1]", "9", "8"}));
  EXPECT_THAT(With([](Args& a) { a.to_begins = kFar; }),
              Mentions({"1", "1", "3", "6", "to_len", "8"}));
  EXPECT_THAT(With([](Args& a) { a.to_begin = -1; }), Mentions({"1", "to_begin", "-1"}));
  EXPECT_THAT(With([](Args& a) { a.to_begin = 6; }), Mentions({"1", "3", "6", "to_len", "8"}));
}

TEST_F(AppendArguments, BadNormsAreNamed) {
  EXPECT_THAT(With([](Args& a) { a.norm_eps = -1; }), Mentions({"1", "norm_eps", "-1"}));
  EXPECT_THAT(With([](Args& a) { a.norm_eps = NAN; }), Mentions({"1", "norm_eps"}));
  EXPECT_THAT(With([](Args& a) { a.norm_offset = INFINITY; }), Mentions({"1", "norm_offset"}));
  EXPECT_THAT(With([](Args& a) { a.norm_weight = reinterpret_cast<const float*>(2); }),
              Mentions({"1", "norm_weight", "2", "4"}));
}

TEST_F(AppendArguments, BadRotationsAreNamed) {
  EXPECT_THAT(With([](Args& a) { a.rotary_dim = 31; }), Mentions({"1", "rotary_dim", "31"}));
  EXPECT_THAT(With([](Args& a) { a.rotary_dim = 34; }), Mentions({"1", "rotary_dim", "34", "32"}));
  EXPECT_THAT(With([](Args& a) { a.rotary_begin = 1; }), Mentions({"1", "rotary_begin", "1", "0"}));
  EXPECT_THAT(With([](Args& a) { a.rotary_len = -1; }), Mentions({"1", "rotary_len", "-1"}));
  // Rows 5 to 7 of the cache.
  EXPECT_THAT(With([](Args& a) { a.rotary_len = 7; }), Mentions({"1", "position", "7"}));
  EXPECT_THAT(With([](Args& a) { a.cos_table = nullptr; }), Mentions({"1", "cos_table"}));
  EXPECT_THAT(With([](Args& a) { a.sin_table = nullptr; }), Mentions({"1", "sin_table"}));
  EXPECT_THAT(With([](Args& a) { a.rotary_stride = INT64_MAX / 2; }), Mentions({"1", "cos_table"}));
  positions_[4] = 8;
  EXPECT_THAT(With([&](Args& a) { a.positions = positions_.data(); }),
              Mentions({"1", "sequence 1", "row 1", "8"}));
  positions_[4] = -1;
  EXPECT_THAT(With([&](Args& a) { a.positions = positions_.data(); }), Mentions({"1", "-1"}));
  EXPECT_EQ(With([&](Args& a) {
              a.positions = positions_.data();
              a.position_stride = 0;
            }),
            "0");
}

TEST_F(AppendArguments, BadPagesAreNamed) {
  static const int32_t kNegative[] = {0, 1, 2, -3}, kPages[] = {0, 3, 2, 1};
  const auto paged = [](Args& a) {
    a.page_size = 4, a.block_table_stride = 2;
    a.to_strides[0] = kHeads * 4 * kDim, a.to_strides[1] = 4 * kDim;
    a.block_table = kPages;
  };
  EXPECT_THAT(With([](Args& a) { a.page_size = -1; }), Mentions({"1", "page_size", "-1"}));
  EXPECT_THAT(With([](Args& a) { a.page_size = 4; }), Mentions({"1", "block_table"}));
  EXPECT_THAT(With([&](Args& a) {
                paged(a);
                a.block_table = kNegative;
              }),
              Mentions({"1", "block_table", "page -3", "sequence 1", "row 5"}));
  EXPECT_THAT(With([&](Args& a) {
                paged(a);
                a.block_table_stride = 0;
              }),
              Mentions({"1", "block_table_stride", "0", "2"}));
  EXPECT_EQ(With(paged), "0");
}

TEST_F(AppendArguments, BadMemoryIsNamed) {
  EXPECT_THAT(With([](Args& a) { a.from = nullptr; }), Mentions({"1", "from"}));
  EXPECT_THAT(With([](Args& a) { a.to = nullptr; }), Mentions({"1", "to"}));
  EXPECT_THAT(With([](Args& a) { a.to = static_cast<char*>(a.to) + 2; }),
              Mentions({"1", "to", "4"}));
  EXPECT_THAT(With([](Args& a) { a.to_strides[2] = 31; }), Mentions({"1", "to"}));
  EXPECT_THAT(With([](Args& a) { a.to_strides[0] = 0; }), Mentions({"1", "to"}));
  EXPECT_THAT(With([](Args& a) { a.to_strides[0] = INT64_MAX; }),
              Mentions({"1", "to", "address space"}));
  EXPECT_THAT(With([](Args& a) { a.from_strides[1] = INT64_MIN; }),
              Mentions({"1", "from", "address space"}));
  EXPECT_THAT(With([](Args& a) { a.from = static_cast<float*>(a.to) + kDim; }),
              Mentions({"1", "to", "from"}));
  const auto int8 = [](Args& a) { a.to_type = JITATTN_KV_I8; };
  EXPECT_THAT(With([&](Args& a) {
                int8(a);
                a.scales = nullptr;
              }),
              Mentions({"1", "scales"}));
  EXPECT_THAT(With([&](Args& a) {
                int8(a);
                a.scale_strides[2] = 0;
              }),
              Mentions({"1", "scales"}));
  for (const int fixed : {0, 1}) {
    EXPECT_THAT(With([&](Args& a) {
                  int8(a);
                  a.fixed_scales = fixed;
                  a.scales = static_cast<float*>(a.to) + 35;  // row 5 where row 5 of `to` is
                }),
                Mentions({"1", "scales", "to"}))
        << fixed;
  }
  EXPECT_THAT(With([&](Args& a) {
                int8(a);
                a.scales = const_cast<float*>(static_cast<const float*>(a.from));
              }),
              Mentions({"1", "scales", "from"}));
}

// Rows that stay where they are, of a tensor that is not contiguous, and of ragged sequences.
TEST_F(AppendArguments, InPlaceIsAsElsewhere) {
  static const int64_t kOffsets[] = {0, 2, 5}, kStarts[] = {0, 2};
  std::iota(from_.begin(), from_.end(), -40.f);
  for (const bool ragged : {false, true}) {
    Args args = Valid();
    args.to_begin = 0;
    if (ragged) {
      args.from_offsets = kOffsets;
      args.from_strides[1] = 5 * kDim;
      args.to_begins = kStarts;  // the rows of `to` are ragged too
      args.to_strides[0] = 0;
    }
    ASSERT_EQ(Try(args), "0");
    std::vector<float> same = from_;
    Args in_place = args;
    in_place.from = in_place.to = same.data();
    std::memcpy(in_place.to_strides, in_place.from_strides, sizeof args.to_strides);
    if (ragged) in_place.to_strides[0] = 0;
    in_place.to_len = ragged ? 5 : kRows;
    ASSERT_EQ(jitattn_append(&in_place), JITATTN_OK) << jitattn_last_error();
    for (int64_t b = 0; b < (ragged ? 1 : kBatch); ++b) {
      for (int64_t head = 0; head < kHeads; ++head) {
        for (int64_t i = 0; i < (ragged ? 5 : kRows) * kDim; ++i) {
          const float here = same[b * args.from_strides[0] + head * args.from_strides[1] + i];
          ASSERT_EQ(here, to_[b * args.to_strides[0] + head * args.to_strides[1] + i]) << ragged;
        }
      }
    }
    std::fill(to_.begin(), to_.end(), 7.f);
  }
  // A row further, in the same memory, is not in place.
  Args shifted = Valid();
  shifted.to_begin = 1;
  shifted.from = to_.data();
  std::memcpy(shifted.from_strides, shifted.to_strides, sizeof shifted.to_strides);
  EXPECT_THAT(Try(shifted), Mentions({"1", "to", "from"}));
}

// A NaN whose bits say more than that it is one.
TEST_F(AppendArguments, WhatIsNotChangedIsCopied) {
  const uint32_t odd = 0x7f812345;
  std::memcpy(&from_[5], &odd, 4);
  Args args = Valid();
  args.norm = JITATTN_NORM_NONE, args.rope = JITATTN_ROPE_NONE;
  ASSERT_EQ(Try(args), "0");
  EXPECT_EQ(std::memcmp(&to_[5 * kDim + 5], &odd, 4), 0);
}

// The caller's modes change nothing, and are found as they were left.
TEST_F(AppendArguments, TheRoundingModeIsTheCallers) {
  std::iota(from_.begin(), from_.end(), -40.3f);
  const Args args = Valid();
  ASSERT_EQ(Try(args), "0");
  const std::vector<float> right = to_;
  std::fill(to_.begin(), to_.end(), 7.f);
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  const jitattn_status status = jitattn_append(&args);
  const int mode = std::fegetround();
  std::fesetround(FE_TONEAREST);
  ASSERT_EQ(status, JITATTN_OK) << jitattn_last_error();
  EXPECT_EQ(mode, FE_UPWARD);
  EXPECT_EQ(to_, right);
}

TEST(AppendThreads, BitsAreThoseOfSingleRows) {
  constexpr int64_t kLong = 700, kWide = 64, kMany = 4;
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, kMany, kLong, kWide);
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> from(kMany * kLong * kWide), table(kLong * kWide / 2), to(from.size()),
      single(from.size());
  for (auto* data : {&from, &table}) {
    for (float& x : *data) x = normal(random);
  }
  jitattn_append_args args = AppendArgs(problem, JITATTN_APPEND_K, from.data(), to.data());
  args.norm = JITATTN_NORM_RMS;
  args.rope = JITATTN_ROPE_NEIGHBOURS;
  args.cos_table = args.sin_table = table.data();
  args.rotary_len = kLong;
  ASSERT_TRUE(jitattn::Append(args).ok()) << jitattn_last_error();
  args.rows = 1;
  args.to = single.data();
  for (int64_t row = 0; row < kLong; ++row) {
    args.from = &from[row * kWide];
    args.to_begin = row;
    ASSERT_TRUE(jitattn::Append(args).ok()) << jitattn_last_error();
  }
  EXPECT_EQ(to, single);
}

}  // namespace
}  // namespace jitattn::runtime
