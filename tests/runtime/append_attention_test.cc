// Attention that first moves rows to its operands, against attention on operands filled before.

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/faults/elements.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

using faults::BytesOf;

constexpr int64_t kBatch = 2, kHeads = 6, kKvHeads = 2, kDim = 64, kValueDim = 40, kCapacity = 400;

// A step of a decoder layer: q is normalised and rotated into a buffer, k as well into the cache,
// and v is appended.
class AppendAttention : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  AppendAttention() {
    jitattn_attention_problem_init(&problem_, kHeads, kCapacity, kDim);
    problem_.dtype = dtype();
    problem_.batch = kBatch;
    problem_.kv_heads = kKvHeads;
    problem_.value_dim = kValueDim;
    problem_.mask = JITATTN_MASK_CAUSAL;
    new_q_ = Random(kBatch * kHeads * kCapacity * kDim);
    new_k_ = Random(kBatch * kKvHeads * kCapacity * kDim);
    new_v_ = Random(kBatch * kKvHeads * kCapacity * kValueDim);
    q_ = std::vector<char>(new_q_.size(), '\xff');
    k_ = Random(kBatch * kKvHeads * kCapacity * kDim);
    v_ = Random(kBatch * kKvHeads * kCapacity * kValueDim);
    out_ = std::vector<char>(kBatch * kHeads * kCapacity * kValueDim * BytesOf(dtype()), '\xff');
    std::mt19937_64 random(7);
    std::normal_distribution<float> normal;
    for (auto* data : {&table_, &weight_}) {
      data->resize(kCapacity * kDim);
      for (float& x : *data) x = normal(random);
    }
  }

  static int32_t dtype() { return std::get<0>(GetParam()); }
  static int64_t rows() { return std::get<1>(GetParam()); }

  std::vector<char> Random(int64_t count) {
    std::vector<char> bytes(count * BytesOf(dtype()));
    for (int64_t i = 0; i < count; ++i) {
      faults::Store(dtype(), bytes.data(), i, faults::Pseudo(++drawn_));
    }
    return bytes;
  }

  jitattn_attention_args Args() {
    jitattn_attention_args args;
    jitattn_attention_args_init(&args, &problem_);
    args.q = q_.data(), args.k = k_.data(), args.v = v_.data(), args.out = out_.data();
    args.q_len = rows();
    args.kv_len = 100 + rows();
    args.causal_offset = 100;
    return args;
  }

  jitattn_append_args Append(int32_t operand) {
    jitattn_append_args args;
    jitattn_append_args_init(&args, operand, &problem_);
    const bool is_q = operand == JITATTN_APPEND_Q, is_k = operand == JITATTN_APPEND_K;
    args.from = is_q ? new_q_.data() : is_k ? new_k_.data() : new_v_.data();
    args.to = is_q ? q_.data() : is_k ? k_.data() : v_.data();
    args.rows = rows();
    args.to_begin = is_q ? 0 : 100;
    if (operand == JITATTN_APPEND_V) return args;
    args.norm = JITATTN_NORM_RMS;
    args.norm_weight = weight_.data();
    args.rope = JITATTN_ROPE_HALVES;
    args.cos_table = args.sin_table = table_.data();
    args.rotary_len = kCapacity;
    positions_.resize(rows());
    for (int64_t i = 0; i < rows(); ++i) positions_[i] = 100 + i;
    args.positions = positions_.data();
    args.position_stride = 0;
    return args;
  }

  std::vector<jitattn_append_args> Appends() {
    return {Append(JITATTN_APPEND_Q), Append(JITATTN_APPEND_K), Append(JITATTN_APPEND_V)};
  }

  // On `threads` threads; 0: as a one-shot call.
  jitattn_status Run(int threads, const jitattn_attention_args& args) {
    if (threads == 0) return jitattn_attention(&problem_, &args);
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.threads = threads;
    options.ignore_cache = 1;
    jitattn_plan* plan = nullptr;
    if (jitattn_attention_plan(&problem_, &options, &plan) != JITATTN_OK) return JITATTN_INTERNAL;
    const jitattn_status status = jitattn_attention_run(plan, &args);
    jitattn_plan_free(plan);
    return status;
  }

  jitattn_attention_problem problem_;
  uint64_t drawn_ = 0;
  std::vector<char> new_q_, new_k_, new_v_, q_, k_, v_, out_;
  std::vector<float> table_, weight_;
  std::vector<int64_t> positions_;
};

TEST_P(AppendAttention, IsAttentionOnWhatWasAppended) {
  const std::vector<char> old_k = k_, old_v = v_, old_q = q_, old_out = out_;
  const std::vector<jitattn_append_args> appends = Appends();
  for (const int threads : {0, 1, 2}) {
    k_ = old_k, v_ = old_v, q_ = old_q, out_ = old_out;
    for (const jitattn_append_args& append : appends) {
      ASSERT_EQ(jitattn_append(&append), JITATTN_OK) << jitattn_last_error();
    }
    jitattn_attention_args args = Args();
    ASSERT_EQ(Run(threads, args), JITATTN_OK) << jitattn_last_error();
    const std::vector<char> right = out_, right_k = k_, right_v = v_;
    EXPECT_NE(right, old_out);
    k_ = old_k, v_ = old_v, q_ = old_q, out_ = old_out;
    args.appends = appends.data(), args.append_count = 3;
    ASSERT_EQ(Run(threads, args), JITATTN_OK) << jitattn_last_error();
    EXPECT_EQ(out_, right) << threads;
    EXPECT_EQ(k_, right_k) << threads;
    EXPECT_EQ(v_, right_v) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(TypesAndRows, AppendAttention,
                         ::testing::Combine(::testing::Range(0, 4), ::testing::Values(1, 5, 150)));

class AppendAttentionOnce : public AppendAttention {};

// Appends are done in their order: the second one finds what the first one wrote.
TEST_P(AppendAttentionOnce, InOrder) {
  jitattn_append_args to_q = Append(JITATTN_APPEND_Q), within = to_q;
  within.from = q_.data();
  std::memcpy(within.from_strides, within.to_strides, sizeof within.to_strides);
  const jitattn_append_args both[] = {to_q, within};
  jitattn_attention_args args = Args();
  args.appends = both, args.append_count = 2;
  ASSERT_EQ(Run(1, args), JITATTN_OK) << jitattn_last_error();
  const std::vector<char> twice = q_;
  for (const jitattn_append_args& append : both) {
    ASSERT_EQ(jitattn_append(&append), JITATTN_OK) << jitattn_last_error();
  }
  EXPECT_EQ(q_, twice);
}

TEST_P(AppendAttentionOnce, WithoutQueriesRowsAreStillMoved) {
  const jitattn_append_args append = Append(JITATTN_APPEND_V);
  jitattn_attention_args args = Args();
  args.appends = &append, args.append_count = 1;
  args.q_len = 0, args.q = nullptr, args.out = nullptr;
  for (const int threads : {0, 1}) {
    std::fill(v_.begin(), v_.end(), '\0');
    ASSERT_EQ(Run(threads, args), JITATTN_OK) << jitattn_last_error();
    EXPECT_EQ(std::memcmp(&v_[100 * kValueDim * BytesOf(dtype())], new_v_.data(),
                          rows() * kValueDim * BytesOf(dtype())),
              0);
  }
}

// Whatever is wrong, nothing was moved.
TEST_P(AppendAttentionOnce, EverythingIsCheckedFirst) {
  const std::vector<char> old_k = k_, old_v = v_, old_q = q_, old_out = out_;
  const auto error = [&](const auto& change) {
    std::vector<jitattn_append_args> appends = Appends();
    jitattn_attention_args args = Args();
    args.appends = appends.data(), args.append_count = 3;
    change(args, appends);
    std::string text;
    for (const int threads : {0, 1}) {
      const jitattn_status status = Run(threads, args);
      text = absl::StrCat(status, ": ", jitattn_last_error());
      EXPECT_TRUE(k_ == old_k && v_ == old_v && q_ == old_q && out_ == old_out) << text;
    }
    return text;
  };
  using A = jitattn_attention_args;
  using Appends = std::vector<jitattn_append_args>;
  EXPECT_THAT(error([](A&, Appends& a) { a[2].to_begin = -1; }),
              Mentions({"1", "appends[2]", "to_begin", "-1"}));
  EXPECT_THAT(error([](A&, Appends& a) { a[1].struct_size = 8; }),
              Mentions({"1", "appends[1].struct_size", "8"}));
  EXPECT_THAT(error([](A& args, Appends&) { args.appends = nullptr; }), Mentions({"1", "appends"}));
  EXPECT_THAT(error([](A& args, Appends&) { args.append_count = -1; }),
              Mentions({"1", "append_count", "-1"}));
  EXPECT_THAT(error([](A& args, Appends&) { args.out = nullptr; }), Mentions({"1", "out"}));
  EXPECT_THAT(error([](A& args, Appends&) { args.kv_len = kCapacity + 1; }),
              Mentions({"1", "kv_len", absl::StrCat(kCapacity + 1)}));
}

// Entries of a newer version lie further apart, and what they add is zero.
TEST_P(AppendAttentionOnce, EntriesMayBeLarger) {
  constexpr size_t kSize = sizeof(jitattn_append_args) + 16;
  std::vector<uint64_t> memory(3 * kSize / 8, 0);
  const std::vector<jitattn_append_args> appends = Appends();
  for (size_t i = 0; i < 3; ++i) {
    std::memcpy(&memory[i * kSize / 8], &appends[i], sizeof appends[i]);
    memory[i * kSize / 8] = kSize;
  }
  jitattn_attention_args args = Args();
  args.appends = appends.data(), args.append_count = 3;
  ASSERT_EQ(Run(0, args), JITATTN_OK) << jitattn_last_error();
  const std::vector<char> right = out_;
  std::fill(k_.begin(), k_.end(), '\0');
  std::fill(out_.begin(), out_.end(), '\0');
  ASSERT_EQ(jitattn_append(&appends[1]), JITATTN_OK);
  const std::vector<char> with_row = k_;
  k_.assign(k_.size(), '\0');
  args.appends = reinterpret_cast<const jitattn_append_args*>(memory.data());
  ASSERT_EQ(Run(0, args), JITATTN_OK) << jitattn_last_error();
  EXPECT_EQ(k_, with_row);
  memory[(2 * kSize - 8) / 8] = 1;
  EXPECT_EQ(Run(0, args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"appends[1]"}));
  memory[(2 * kSize - 8) / 8] = 0;
  memory[kSize / 8] = sizeof(jitattn_append_args);
  EXPECT_EQ(Run(0, args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()),
              Mentions({"appends[1].struct_size", absl::StrCat(kSize)}));
}

INSTANTIATE_TEST_SUITE_P(OneType, AppendAttentionOnce,
                         ::testing::Values(std::tuple(JITATTN_F32, 5),
                                           std::tuple(JITATTN_BF16, 1)));

}  // namespace
}  // namespace jitattn::runtime
