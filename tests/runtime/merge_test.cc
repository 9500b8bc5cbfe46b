// Attention over parts of the keys, merged, against attention over all of them.

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

constexpr int64_t kHeads = 3, kQueries = 20, kKeys = 150, kDim = 72;
constexpr int64_t kCuts[] = {0, 1, 70, 70, kKeys};  // one part has a key, one has none
constexpr int kParts = 4;

template <typename T>
class MergeTest : public ::testing::Test {
 protected:
  static constexpr int32_t kType = sizeof(T) == 8 ? JITATTN_F64 : JITATTN_F32;

  MergeTest() {
    std::mt19937_64 random(1);
    std::normal_distribution<T> normal;
    for (std::vector<T>* data : {&q_, &k_, &v_}) {
      data->resize(kHeads * (data == &q_ ? kQueries : kKeys) * kDim);
      for (T& x : *data) x = 3 * normal(random);
    }
  }

  void Attend(int64_t first_key, int64_t keys, std::vector<T>* out, std::vector<T>* lse) {
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, kHeads, kQueries, kDim);
    problem.dtype = kType;
    problem.kv_len = kKeys;
    problem.options = JITATTN_LSE;
    jitattn_attention_args args;
    jitattn_attention_args_init(&args, &problem);
    out->assign(kHeads * kQueries * kDim, 0);
    lse->assign(kHeads * kQueries, 0);
    args.q = q_.data(), args.k = &k_[first_key * kDim % k_.size()],
    args.v = &v_[first_key * kDim % v_.size()];
    args.out = out->data(), args.lse = lse->data();
    args.kv_len = keys;
    ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK) << jitattn_last_error();
  }

  // Of all parts.
  jitattn_attention_merge_args Args() {
    for (int part = 0; part < kParts; ++part) {
      Attend(kCuts[part], kCuts[part + 1] - kCuts[part], &outs_[part], &lses_[part]);
      out_pointers_[part] = outs_[part].data();
      lse_pointers_[part] = lses_[part].data();
    }
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, kHeads, kQueries, kDim);
    problem.dtype = kType;
    jitattn_attention_merge_args args;
    jitattn_attention_merge_args_init(&args, &problem);
    args.parts = kParts;
    args.part_outs = out_pointers_, args.part_lses = lse_pointers_;
    merged_.assign(kHeads * kQueries * kDim, 0);
    merged_lse_.assign(kHeads * kQueries, 0);
    args.out = merged_.data(), args.lse = merged_lse_.data();
    return args;
  }

  void ExpectWhole(const std::vector<T>& out, const std::vector<T>& lse) {
    std::vector<T> all, all_lse;
    Attend(0, kKeys, &all, &all_lse);
    const T bound = 400 * std::numeric_limits<T>::epsilon();
    for (size_t i = 0; i < all.size(); ++i) ASSERT_NEAR(out[i], all[i], bound) << i;
    for (size_t i = 0; i < all_lse.size(); ++i) ASSERT_NEAR(lse[i], all_lse[i], bound) << i;
  }

  std::vector<T> q_, k_, v_, outs_[kParts], lses_[kParts], merged_, merged_lse_;
  const void *out_pointers_[kParts], *lse_pointers_[kParts];
};

using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(MergeTest, Types);

TYPED_TEST(MergeTest, PartsMakeTheWhole) {
  const jitattn_attention_merge_args args = this->Args();
  ASSERT_EQ(jitattn_attention_merge(&args), JITATTN_OK) << jitattn_last_error();
  this->ExpectWhole(this->merged_, this->merged_lse_);
}

TYPED_TEST(MergeTest, TheResultMayBeAPart) {
  jitattn_attention_merge_args args = this->Args();
  args.out = this->outs_[2].data(), args.lse = this->lses_[2].data();
  ASSERT_EQ(jitattn_attention_merge(&args), JITATTN_OK) << jitattn_last_error();
  this->ExpectWhole(this->outs_[2], this->lses_[2]);
}

TYPED_TEST(MergeTest, PartsWithoutKeysHaveNoEffect) {
  jitattn_attention_merge_args args = this->Args();
  constexpr TypeParam kInf = std::numeric_limits<TypeParam>::infinity();
  this->lses_[0].assign(kHeads * kQueries, -kInf);
  this->outs_[0].assign(kHeads * kQueries * kDim, std::numeric_limits<TypeParam>::quiet_NaN());
  args.parts = 1;
  ASSERT_EQ(jitattn_attention_merge(&args), JITATTN_OK) << jitattn_last_error();
  for (const TypeParam x : this->merged_) ASSERT_EQ(x, 0);
  for (const TypeParam x : this->merged_lse_) ASSERT_EQ(x, -kInf);
}

TEST(MergeArguments, BadOnesAreNamed) {
  std::vector<float> memory(64, 0);
  const void* parts[] = {&memory[0]};
  const auto error = [&](void (*change)(jitattn_attention_merge_args&)) {
    jitattn_attention_problem problem;
    jitattn_attention_problem_init(&problem, 1, 2, 4);
    jitattn_attention_merge_args args;
    jitattn_attention_merge_args_init(&args, &problem);
    args.parts = 1;
    args.part_outs = args.part_lses = parts;
    args.out = &memory[16], args.lse = &memory[32];
    change(args);
    const jitattn_status status = jitattn_attention_merge(&args);
    return std::to_string(status) +
           (status == JITATTN_OK ? "" : std::string(": ") + jitattn_last_error());
  };
  using Args = jitattn_attention_merge_args;
  EXPECT_EQ(error([](Args&) {}), "0");
  EXPECT_THAT(error([](Args& a) { a.parts = 0; }), Mentions({"1", "parts", "0"}));
  EXPECT_THAT(error([](Args& a) { a.dtype = 9; }), Mentions({"1", "dtype", "9"}));
  EXPECT_THAT(error([](Args& a) { a.q_len = -1; }), Mentions({"1", "q_len", "-1"}));
  EXPECT_THAT(error([](Args& a) { a.batch = a.heads = int64_t{1} << 40; }),
              Mentions({"1", "batch", "1099511627776"}));
  EXPECT_EQ(error([](Args& a) {
              a.batch = a.heads = 1 << 20, a.value_dim = 0, a.lse = nullptr;
              for (auto* strides : {&a.part_strides, &a.part_lse_strides, &a.out_strides}) {
                (*strides)[0] = (*strides)[1] = (*strides)[2] = 0;
              }
            }),
            "0");
  EXPECT_THAT(error([](Args& a) { a.out = nullptr; }), Mentions({"1", "out"}));
  EXPECT_THAT(error([](Args& a) { a.part_lses = nullptr; }), Mentions({"1", "part_lses"}));
  EXPECT_THAT(error([](Args& a) { a.out_strides[2] = 1; }), Mentions({"1", "out"}));
  EXPECT_THAT(error([](Args& a) { a.struct_size = 3; }), Mentions({"1", "struct_size", "3"}));
}

}  // namespace
}  // namespace jitattn::runtime
