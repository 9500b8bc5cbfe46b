// IEEE specials: NaN, infinities and nothing to see, by the formula's own rules.

#include <limits>
#include <tuple>

#include "tests/jit/attention_reference.h"

namespace jitattn::jit {
namespace {

using testing::AsExactAsAPlainLoop;
using testing::AttentionCase;
using testing::RandomConfig;
using testing::RunKernel;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Kernels drawn from the whole space, on problems of a few tiles and chunks, with head_dim 4: q and
// k are 1 in their first element and 0 elsewhere, so that one element sets a score.
class AttentionSpecialsTest : public ::testing::TestWithParam<std::tuple<Isa, DType>> {
 protected:
  static constexpr int kKernels = 6;

  void SetUp() override {
    const std::string needs = testing::Needs(isa(), dtype());
    if (!needs.empty()) GTEST_SKIP() << needs;
  }
  Isa isa() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }

  template <typename T>
  static AttentionCase<T> Simple(const AttentionSpec& spec) {
    AttentionCase<T> in{.spec = spec, .q_rows = 75, .kv_len = 150, .offset = 75};
    in.Fill(3);
    std::fill(in.q.begin(), in.q.end(), 0);
    std::fill(in.k.begin(), in.k.end(), 0);
    for (size_t i = 0; i < in.q.size(); i += 4) in.q[i] = 1;
    for (size_t i = 0; i < in.k.size(); i += 4) in.k[i] = 1;
    return in;
  }

  // Runs `change` on a simple problem of every mask, and compares with the formula.
  template <typename Change>
  void Check(Change change) {
    switch (dtype()) {
      case DType::kF32:
        return CheckType<float>(change);
      case DType::kF64:
        return CheckType<double>(change);
      case DType::kBF16:
        return CheckType<BFloat16>(change);
      case DType::kF16:
        return CheckType<Float16>(change);
    }
  }

 private:
  template <typename T, typename Change>
  void CheckType(Change change) {
    std::mt19937_64 random(11);
    for (const Mask mask : {Mask::kNone, Mask::kCausal}) {
      const AttentionSpec spec = {dtype(), mask, 4, 19};
      AttentionCase<T> in = Simple<T>(spec);
      change(in);
      const auto expected = testing::Expect(in);
      for (int i = 0; i < kKernels && !HasFailure(); ++i) {
        const auto kernel =
            testing::CompileFor(spec, RandomConfig(isa(), spec, HostCpu(), random), HostCpu());
        ASSERT_TRUE(kernel.ok()) << kernel.status();
        EXPECT_TRUE(AsExactAsAPlainLoop(expected, RunKernel(**kernel, in))) << (*kernel)->name();
      }
    }
  }
};

TEST_P(AttentionSpecialsTest, NanInAQuery) {
  Check([](auto& in) { in.q[7 * 4 + 2] = kNan; });
}

TEST_P(AttentionSpecialsTest, NanInAKey) {
  for (const int key : {0, 5, 77, 120, 149}) Check([&](auto& in) { in.k[key * 4 + 3] = kNan; });
}

TEST_P(AttentionSpecialsTest, NanInAValue) {
  for (const int key : {0, 77, 120, 149}) Check([&](auto& in) { in.v[key * 19 + 18] = kNan; });
}

TEST_P(AttentionSpecialsTest, InfinityInAValue) {
  for (const int key : {0, 120}) {
    Check([&](auto& in) { in.v[key * 19 + 3] = kInf; });
    Check([&](auto& in) {
      in.v[key * 19 + 3] = kInf;
      in.v[(key + 1) * 19 + 3] = -kInf;  // ∞ − ∞
    });
    Check([&](auto& in) {
      in.v[key * 19 + 3] = kInf;
      in.k[key * 4] = -kInf;  // 0 · ∞
    });
  }
}

TEST_P(AttentionSpecialsTest, ScoresOfPlusInfinity) {
  for (const int key : {0, 70, 120}) Check([&](auto& in) { in.k[key * 4] = kInf; });
}

TEST_P(AttentionSpecialsTest, SomeScoresOfMinusInfinity) {
  for (const int upto : {1, 7, 60, 140}) {
    Check([&](auto& in) {
      for (int key = 0; key < upto; ++key) in.k[key * 4] = -kInf;
    });
    Check([&](auto& in) {
      for (int key = 149; key > 149 - upto; --key) in.k[key * 4] = -kInf;
    });
  }
}

// Then the first finite score, far below 0, has to set the maximum. (With this scale the logarithms
// are integers, which the kernel holds exactly.)
TEST_P(AttentionSpecialsTest, MinusInfinityThenVeryLowScores) {
  Check([](auto& in) {
    in.scale = std::log(2.0);
    for (int key = 0; key < 150; ++key) in.k[key * 4] = key < 40 ? -kInf : -1e5 - key;
  });
}

TEST_P(AttentionSpecialsTest, AllScoresOfMinusInfinity) {
  Check([](auto& in) {
    for (int key = 0; key < 150; ++key) in.k[key * 4] = -kInf;
  });
  Check([](auto& in) { in.q[9 * 4] = -kInf; });  // one row only
  Check([](auto& in) { in.q[9 * 4] = kInf; });
}

TEST_P(AttentionSpecialsTest, QueriesThatSeeNothingAreZero) {
  for (const int64_t offset : {-1, -5, -16, -40, -64, -74, -75, -1000})
    Check([&](auto& in) { in.offset = offset; });
  Check([](auto& in) {
    in.kv_len = 0;
    in.k.clear();
    in.v.clear();
  });
}

// What lies behind the diagonal may be anything.
TEST_P(AttentionSpecialsTest, UnseenKeysDoNotMatter) {
  for (const int64_t offset : {-40, -3, 0, 1, 15, 16, 17, 40, 63, 64, 70}) {
    for (const float poison : {kNan, kInf, -kInf}) {
      Check([&](auto& in) {
        in.offset = offset;
        for (int64_t key = std::max<int64_t>(0, offset + 30); key < in.kv_len; ++key) {
          for (int d = 0; d < 4; ++d) in.k[key * 4 + d] = poison;
          for (int d = 0; d < 19; ++d) in.v[key * 19 + d] = poison;
        }
      });
    }
  }
}

std::string ParamName(const ::testing::TestParamInfo<std::tuple<Isa, DType>>& info) {
  return absl::StrCat(std::string(Name(std::get<0>(info.param))), "_",
                      std::string(Name(std::get<1>(info.param))));
}

INSTANTIATE_TEST_SUITE_P(All, AttentionSpecialsTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kF32, DType::kF64,
                                                              DType::kBF16, DType::kF16)),
                         ParamName);

INSTANTIATE_TEST_SUITE_P(Portable, AttentionSpecialsTest,
                         ::testing::Combine(::testing::Values(Isa::kPortable),
                                            ::testing::Values(DType::kBF16, DType::kF16)),
                         ParamName);

}  // namespace
}  // namespace jitattn::jit
