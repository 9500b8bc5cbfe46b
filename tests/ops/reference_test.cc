// The checkers accept what is right, refuse what is wrong, and know the difference at the edges.

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/checker.h"
#include "ops/attention/formula_rows.h"
#include "ops/attention/problem.h"
#include "ops/checker.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/checker.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::ops {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Operands with gaps of NaN between rows, so that a stride misread shows.
template <typename T>
struct Attention {
  AttentionProblem problem;
  jitattn_attention_args args = {};
  std::vector<T> q, k, v, out;

  explicit Attention(const AttentionProblem& p, uint64_t seed = 7) : problem(p) {
    problem.dtype = sizeof(T) == 8 ? DType::kF64 : DType::kF32;
    Rng rng(seed);
    Fill(q, p.heads, p.q_len, p.head_dim, args.q_strides, rng);
    Fill(k, p.kv_heads, p.kv_len, p.head_dim, args.k_strides, rng);
    Fill(v, p.kv_heads, p.kv_len, p.value_dim, args.v_strides, rng);
    Fill(out, p.heads, p.q_len, p.value_dim, args.out_strides, rng);
    args.q = q.data(), args.k = k.data(), args.v = v.data(), args.out = out.data();
    args.batch = p.batch, args.q_len = p.q_len, args.kv_len = p.kv_len;
    args.scale = 1 / std::sqrt(static_cast<double>(p.head_dim));
    args.causal_offset = p.kv_len - p.q_len;
  }

  void Fill(std::vector<T>& data, int64_t heads, int64_t rows, int64_t cols, int64_t (&strides)[3],
            Rng& rng) {
    strides[2] = cols + 3;
    strides[1] = rows * strides[2] + 5;
    strides[0] = heads * strides[1];
    data.assign(problem.batch * strides[0] + 1, std::numeric_limits<T>::quiet_NaN());
    for (int64_t b = 0; b < problem.batch; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < cols; ++c)
            data[b * strides[0] + h * strides[1] + r * strides[2] + c] = T(rng.Normal());
  }

  T& At(std::vector<T>& data, const int64_t (&s)[3], int64_t b, int64_t h, int64_t r, int64_t c) {
    return data[b * s[0] + h * s[1] + r * s[2] + c];
  }
  T& Out(int64_t b, int64_t h, int64_t r, int64_t c) {
    return At(out, args.out_strides, b, h, r, c);
  }
  T& K(int64_t b, int64_t h, int64_t r, int64_t c) { return At(k, args.k_strides, b, h, r, c); }
  T& V(int64_t b, int64_t h, int64_t r, int64_t c) { return At(v, args.v_strides, b, h, r, c); }

  // The formula in long double, written apart from the library's. `normalise_over` is the number of
  // keys whose weights are summed: a study's kernel took q_len for it.
  void Solve(int64_t normalise_over = -1) {
    const int64_t group = problem.heads / problem.kv_heads;
    for (int64_t b = 0; b < problem.batch; ++b)
      for (int64_t h = 0; h < problem.heads; ++h)
        for (int64_t i = 0; i < args.q_len; ++i) {
          int64_t seen = args.kv_len;
          if (problem.mask == jit::Mask::kCausal)
            seen = std::clamp<int64_t>(i + args.causal_offset + 1, 0, seen);
          std::vector<long double> p(seen);
          long double sum = 0;
          for (int64_t j = 0; j < seen; ++j) {
            long double s = 0;
            for (int64_t d = 0; d < problem.head_dim; ++d)
              s += (long double)At(q, args.q_strides, b, h, i, d) * K(b, h / group, j, d);
            p[j] = std::exp(s * args.scale);
            if (normalise_over < 0 || j < normalise_over) sum += p[j];
          }
          for (int64_t d = 0; d < problem.value_dim; ++d) {
            long double o = 0;
            for (int64_t j = 0; j < seen; ++j) o += p[j] * V(b, h / group, j, d);
            Out(b, h, i, d) = seen == 0 ? T(0) : T(o / sum);
          }
        }
  }

  Verdict Check(double max_ops = kDefaultMaxOps) {
    return MakeAttentionChecker(problem, args, max_ops)->Check(out.data());
  }
};

TEST(AttentionReference, AcceptsTheTruthAndRefusesOneWrongElement) {
  const AttentionProblem problem{.batch = 2,
                                 .heads = 6,
                                 .kv_heads = 2,
                                 .q_len = 19,
                                 .kv_len = 33,
                                 .head_dim = 13,
                                 .value_dim = 9};
  for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
    AttentionProblem p = problem;
    p.mask = mask;
    auto run = [&]<typename T>(Attention<T> a) {
      a.Solve();
      const Verdict right = a.Check();
      EXPECT_TRUE(right.correct) << right.what;
      EXPECT_LE(right.max_error, std::numeric_limits<T>::epsilon());
      EXPECT_GT(right.bound, 2 * std::numeric_limits<T>::epsilon());
      EXPECT_LT(right.bound, 64 * std::numeric_limits<T>::epsilon());
      a.Out(1, 4, 17, 5) += T(1.01 * right.bound + right.max_error);
      const Verdict wrong = a.Check();
      EXPECT_FALSE(wrong.correct);
      EXPECT_THAT(wrong.what, Mentions({"1", "4", "17", "5"}));
    };
    run(Attention<float>(p));
    run(Attention<double>(p));
  }
}

// Rows of one band are solved together; each of them sees keys of its own.
TEST(AttentionReference, FormulaOfAWindow) {
  Attention<double> a({.q_len = 23, .kv_len = 40, .head_dim = 5, .value_dim = 3});
  const std::vector<RowId> rows = {{0, 0, 2}, {0, 0, 9}, {0, 0, 10}, {0, 0, 22}};
  for (const jit::Band band : {jit::Band{-3, 8}, {4, 5}, {12, 30}, {-60, 4}, {5, 2}, {40, 90}}) {
    a.problem.mask = jit::Mask::kWindow;
    a.problem.window_left = -band.left, a.problem.window_right = band.right;
    a.args.causal_offset = 0;
    const FormulaRows<double, long double> formula(a.problem, a.args, rows);
    for (size_t r = 0; r < rows.size(); ++r) {
      std::vector<long double> out(3);
      long double sum = 0;
      for (int64_t key = 0; key < 40; ++key) {
        const int64_t distance = key - rows[r].row;
        if (distance < band.left || distance > band.right) continue;
        long double score = 0;
        for (int64_t d = 0; d < 5; ++d) {
          score += (long double)a.At(a.q, a.args.q_strides, 0, 0, rows[r].row, d) *
                   a.K(0, 0, key, d) * a.args.scale;
        }
        sum += std::exp(score);
        for (int64_t d = 0; d < 3; ++d) out[d] += std::exp(score) * a.V(0, 0, key, d);
      }
      for (int64_t d = 0; d < 3; ++d) {
        EXPECT_NEAR(static_cast<double>(formula.out()[r * 3 + d]),
                    static_cast<double>(sum > 0 ? out[d] / sum : 0), 1e-15);
      }
    }
  }
}

TEST(AttentionReference, KnownAnswerWithMoreKeysThanQueries) {
  // One query, two keys with scores 0 and log 3: weights 1/4 and 3/4.
  Attention<double> a({.q_len = 1, .kv_len = 2, .head_dim = 1, .value_dim = 1});
  a.args.scale = 1;
  a.q[0] = 1, a.K(0, 0, 0, 0) = 0, a.K(0, 0, 1, 0) = std::log(3.0);
  a.V(0, 0, 0, 0) = 8, a.V(0, 0, 1, 0) = 4;
  a.Out(0, 0, 0, 0) = 5;
  EXPECT_TRUE(a.Check().correct);
  a.Out(0, 0, 0, 0) = 5.0001;
  EXPECT_FALSE(a.Check().correct);
}

// A study's softmax was wrong wherever the two lengths differed, and its check did not see it.
TEST(AttentionReference, SeesASoftmaxThatSumsOverTheQueryLength) {
  Attention<float> a({.q_len = 8, .kv_len = 24, .head_dim = 16, .value_dim = 16});
  a.Solve(/*normalise_over=*/8);
  EXPECT_FALSE(a.Check().correct);
  a.Solve();
  EXPECT_TRUE(a.Check().correct);
}

TEST(AttentionReference, RowsThatSeeNothingAreZeroAndUnseenKeysNeverMatter) {
  Attention<float> a(
      {.mask = jit::Mask::kCausal, .q_len = 6, .kv_len = 6, .head_dim = 4, .value_dim = 4});
  a.args.causal_offset = -2;  // rows 0 and 1 see nothing, keys 4 and 5 are seen by none
  for (const int j : {4, 5}) {
    for (int d = 0; d < 4; ++d) {
      a.K(0, 0, j, d) = std::numeric_limits<float>::quiet_NaN();
      a.V(0, 0, j, d) = std::numeric_limits<float>::infinity();
    }
  }
  a.Solve();
  EXPECT_EQ(a.Out(0, 0, 1, 3), 0);
  EXPECT_TRUE(a.Check().correct) << a.Check().what;
  a.Out(0, 0, 1, 3) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(a.Check().correct);
}

TEST(AttentionReference, NonFiniteWhereTheFormulaIs) {
  Attention<float> a({.q_len = 3, .kv_len = 5, .head_dim = 4, .value_dim = 2});
  a.V(0, 0, 2, 1) = std::numeric_limits<float>::infinity();
  a.Solve();
  EXPECT_TRUE(std::isinf(a.Out(0, 0, 0, 1)));
  EXPECT_TRUE(a.Check().correct);
  a.Out(0, 0, 0, 1) = 1;
  EXPECT_FALSE(a.Check().correct);

  Attention<float> b({.q_len = 3, .kv_len = 5, .head_dim = 4, .value_dim = 2});
  b.K(0, 0, 1, 0) = std::numeric_limits<float>::quiet_NaN();
  b.Solve();
  EXPECT_TRUE(b.Check().correct);
  b.Out(0, 0, 2, 0) = 0.5f;
  const Verdict verdict = b.Check();
  EXPECT_FALSE(verdict.correct);
  EXPECT_EQ(verdict.max_error, kInf);
  EXPECT_THAT(verdict.what, Mentions({"2", "0", "0.5"}));
}

TEST(AttentionReference, ASampleStillSeesEveryKvHeadAndBatch) {
  const AttentionProblem problem{.batch = 3,
                                 .heads = 6,
                                 .kv_heads = 2,
                                 .q_len = 200,
                                 .kv_len = 40,
                                 .head_dim = 8,
                                 .value_dim = 8};
  for (int64_t batch = 0; batch < 3; ++batch) {
    for (int64_t kv_head = 0; kv_head < 2; ++kv_head) {
      Attention<float> a(problem);
      a.Solve();
      // 640 multiplications a row: ten rows are paid for, of 3600.
      const auto checker = MakeAttentionChecker(a.problem, a.args, 6400);
      EXPECT_LE(checker->rows(), 10);
      EXPECT_TRUE(checker->Check(a.out.data()).correct) << checker->Check(a.out.data()).what;
      for (int64_t h = 0; h < 3; ++h) {
        for (int64_t i = 0; i < 200; ++i) a.Out(batch, 3 * kv_head + h, i, 4) += 0.1f;
      }
      EXPECT_FALSE(checker->Check(a.out.data()).correct) << batch << " " << kv_head;
    }
  }
}

TEST(AttentionReference, EmptyProblems) {
  Attention<float> none({.q_len = 0, .kv_len = 4, .head_dim = 2, .value_dim = 2});
  EXPECT_TRUE(none.Check().correct);
  Attention<float> no_keys({.q_len = 2, .kv_len = 0, .head_dim = 2, .value_dim = 2});
  no_keys.Solve();
  EXPECT_TRUE(no_keys.Check().correct);
  no_keys.Out(0, 0, 1, 1) = 1e-5f;
  EXPECT_FALSE(no_keys.Check().correct);
}

TEST(SampleRows, HasTheEndsTheBordersAndNoRowTwice) {
  for (const int64_t length : {1, 2, 17, 100, 1000, 4097}) {
    for (const int64_t count : {1, 2, 9, 20, 50}) {
      for (const int64_t turn : {0, 1, 5}) {
        const std::vector<int64_t> rows = SampleRows(length, count, turn);
        ASSERT_EQ(static_cast<int64_t>(rows.size()), std::min(length, count));
        EXPECT_EQ(std::set<int64_t>(rows.begin(), rows.end()).size(), rows.size());
        EXPECT_GE(rows.front(), 0);
        EXPECT_LT(rows.back(), length);
      }
    }
  }
  const std::vector<int64_t> rows = SampleRows(1000, 50, 0);
  EXPECT_THAT(rows, testing::IsSupersetOf({0, 15, 16, 63, 64, 959, 960, 991, 992, 999}));
  // No gap is much wider than an even spread leaves it: 1000 / 41 = 24.
  for (size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i] - rows[i - 1], 60);
}

// ---- x · sigmoid(x) -----------------------------------------------------------------------------

template <typename T>
Verdict CheckSigmoid(const std::vector<T>& x, const std::vector<T>& y) {
  const int64_t cols = static_cast<int64_t>(x.size());
  const jitattn_activation_args args = {.x = x.data(), .rows = 1, .cols = cols};
  const SigmoidMulProblem problem{
      .dtype = sizeof(T) == 8 ? DType::kF64 : DType::kF32, .rows = 1, .cols = cols};
  return MakeSigmoidMulChecker(problem, args, kDefaultMaxOps)->Check(y.data());
}

template <typename T>
T Exact(T x) {
  const long double wide = x;
  return static_cast<T>(wide / (1 + std::exp(-wide)));
}

template <typename T>
class SigmoidMulReference : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(SigmoidMulReference, Types);

TYPED_TEST(SigmoidMulReference, TwoUlpsAreRightAndThreeAreWrong) {
  using T = TypeParam;
  for (const T x : {T(-80), T(-1), T(-1e-20), T(0.3), T(1), T(7.7), T(1e20)}) {
    T y = Exact(x);
    EXPECT_TRUE(CheckSigmoid<T>({x}, {y}).correct) << x;
    // Away from zero, so that the exponent does not fall.
    for (int ulp = 1; ulp <= 3; ++ulp) {
      y = std::nextafter(y, y < 0 ? T(-kInf) : T(kInf));
      EXPECT_EQ(CheckSigmoid<T>({x}, {y}).correct, ulp < 3) << x << " " << ulp;
    }
  }
}

TYPED_TEST(SigmoidMulReference, BelowTheUnderflowOnlyAnAbsoluteBound) {
  using T = TypeParam;
  const bool single = sizeof(T) == 4;
  const T x = single ? T(-90) : T(-710), bound = single ? T(1e-36) : T(1.6e-305);
  EXPECT_TRUE(CheckSigmoid<T>({x}, {Exact(x)}).correct);
  EXPECT_TRUE(CheckSigmoid<T>({x}, {Exact(x) + T(0.9) * bound}).correct);
  EXPECT_FALSE(CheckSigmoid<T>({x}, {Exact(x) + T(1.1) * bound}).correct);
  EXPECT_TRUE(CheckSigmoid<T>({T(-1000)}, {T(-0.0)}).correct);
}

TYPED_TEST(SigmoidMulReference, NonFinite) {
  using T = TypeParam;
  const T inf = T(kInf), nan = std::numeric_limits<T>::quiet_NaN();
  EXPECT_TRUE(CheckSigmoid<T>({inf, -inf, nan}, {inf, nan, nan}).correct);
  EXPECT_FALSE(CheckSigmoid<T>({inf}, {std::numeric_limits<T>::max()}).correct);
  EXPECT_FALSE(CheckSigmoid<T>({-inf}, {T(-0.0)}).correct);
  EXPECT_FALSE(CheckSigmoid<T>({nan}, {T(1)}).correct);
  EXPECT_FALSE(CheckSigmoid<T>({T(1)}, {nan}).correct);
}

TEST(SigmoidMulReferenceSampling, LongRowsAndManyRowsAndInPlace) {
  const int64_t rows = 64, cols = 10000;
  std::vector<float> x(rows * cols, 0.5f);
  const jitattn_activation_args args = {.x = x.data(),
                                        .out = x.data(),
                                        .rows = rows,
                                        .cols = cols,
                                        .x_stride = cols,
                                        .out_stride = cols};
  const SigmoidMulProblem problem{.rows = rows, .cols = cols};
  const auto all = MakeSigmoidMulChecker(problem, args, kDefaultMaxOps);
  const auto some = MakeSigmoidMulChecker(problem, args, 64.0 * 3 * cols);
  const auto part = MakeSigmoidMulChecker(problem, args, 1);
  EXPECT_EQ(all->rows(), rows);
  EXPECT_EQ(some->rows(), 3);
  EXPECT_EQ(part->rows(), 1);
  for (float& value : x) value = Exact(value);  // x is gone now
  EXPECT_TRUE(all->Check(x.data()).correct);
  EXPECT_TRUE(part->Check(x.data()).correct);
  x[37 * cols + 9999] += 1e-3f;
  const Verdict verdict = all->Check(x.data());
  EXPECT_FALSE(verdict.correct);
  EXPECT_THAT(verdict.what, Mentions({"37", "9999"}));
}

// ---- Activations

// Results off by less than the bound are right, and by far more wrong, for every option.
TEST(ActivationReference, HoldsEveryOptionToItsFormula) {
  using jit::Activation, jit::Gate;
  const long double root = std::sqrt(2.0L), c = 2 * std::sqrt(2 / std::acos(-1.0L));
  const auto formula = [&](Activation activation, long double g) -> long double {
    const long double t = activation == Activation::kQuickGelu  ? 1.5L * g
                          : activation == Activation::kGeluTanh ? c * (g + 0.044715L * g * g * g)
                                                                : g;
    if (activation == Activation::kGelu) return g * (1 + std::erf(g / root)) / 2;
    if (activation == Activation::kRelu2) return g > 0 ? g * g : 0;
    if (activation == Activation::kHardSwish) return g * std::clamp(g + 3, 0.0L, 6.0L) / 6;
    return g / (1 + std::exp(-t));
  };
  for (int function = 0; function <= 5; ++function) {
    for (const Gate gate : {Gate::kNone, Gate::kTwo, Gate::kPairs}) {
      for (const bool clamped : {false, true}) {
        if (clamped && gate == Gate::kNone) continue;
        const SigmoidMulProblem problem = {.activation = static_cast<Activation>(function),
                                           .gate = gate,
                                           .clamped = clamped,
                                           .rows = 2,
                                           .cols = 1};
        SCOPED_TRACE(Describe(problem));
        const long double g[] = {5, -0.75}, u[] = {-4, 0.5}, limit = clamped ? 2 : 100;
        const std::vector<float> x = gate == Gate::kPairs ? std::vector<float>{5, -4, -0.75, 0.5}
                                                          : std::vector<float>{5, -0.75};
        const std::vector<float> up = {-4, 0.5};
        const jitattn_activation_args args = {.x = x.data(),
                                              .up = up.data(),
                                              .rows = 2,
                                              .cols = 1,
                                              .x_stride = gate == Gate::kPairs ? 2 : 1,
                                              .up_stride = 1,
                                              .out_stride = 1,
                                              .alpha = 1.5,
                                              .limit = static_cast<double>(limit),
                                              .up_offset = clamped ? 1.0 : 0};
        std::vector<float> y(2);
        for (int i = 0; i < 2; ++i) {
          const long double factor = std::clamp(u[i], -limit, limit) + (clamped ? 1 : 0);
          y[i] = static_cast<float>(formula(problem.activation, std::min(g[i], limit)) *
                                    (gate == Gate::kNone ? 1 : factor));
        }
        const auto checker = MakeSigmoidMulChecker(problem, args, kDefaultMaxOps);
        EXPECT_TRUE(checker->Check(y.data()).correct) << checker->Check(y.data()).what;
        std::vector<float> wrong = y;
        wrong[0] *= 1.000002f;  // some 20 ulp
        EXPECT_FALSE(checker->Check(wrong.data()).correct);
      }
    }
  }
}

TEST(ActivationReference, RoundsToTheTypeOfTheOutput) {
  const std::vector<float> x = {1.25f};
  const SigmoidMulProblem problem = {.out = jit::OutType::kBF16,
                                     .activation = jit::Activation::kRelu2};
  const jitattn_activation_args args = {.x = x.data(), .rows = 1, .cols = 1};
  const auto checker = MakeSigmoidMulChecker(problem, args, kDefaultMaxOps);
  BFloat16 y = 1.5625f;
  EXPECT_TRUE(checker->Check(&y).correct);
  ++y.bits;
  EXPECT_FALSE(checker->Check(&y).correct);
}

// ---- As the tables have them

// What a caller that knows no operation gets is the same.
TEST(Checkers, OfTheOperationsAreThoseOfTheirProblems) {
  Attention<float> a({.q_len = 7, .kv_len = 9, .head_dim = 8, .value_dim = 4});
  a.Solve();
  const auto checker = kAttention.make_checker(a.problem, &a.args, kDefaultMaxOps);
  EXPECT_EQ(checker->rows(), 7);
  EXPECT_TRUE(checker->Check(a.out.data()).correct);
  a.Out(0, 0, 3, 2) += 0.1f;
  EXPECT_FALSE(checker->Check(a.out.data()).correct);
  EXPECT_EQ(checker->Check(a.out.data()).max_error, a.Check().max_error);

  std::vector<float> x = {0.5f, -2}, y = {Exact(0.5f), Exact(-2.0f)};
  const SigmoidMulProblem problem{.rows = 2, .cols = 1};
  const jitattn_activation_args args = {
      .x = x.data(), .rows = 2, .cols = 1, .x_stride = 1, .out_stride = 1};
  const auto silu = kSigmoidMul.make_checker(problem, &args, kDefaultMaxOps);
  EXPECT_EQ(silu->rows(), 2);
  EXPECT_TRUE(silu->Check(y.data()).correct);
  y[1] = 1;
  EXPECT_FALSE(silu->Check(y.data()).correct);
}

}  // namespace
}  // namespace jitattn::ops
