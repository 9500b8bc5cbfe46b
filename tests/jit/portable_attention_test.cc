// The portable attention kernel against a straightforward loop of higher precision.

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gtest/gtest.h"
#include "jit/attention/args.h"
#include "tests/jit/jit_testing.h"
#include "tests/jit/problems.h"

namespace jitattn::jit {
namespace {

using testing::GuardedBuffer;

template <typename T>
struct Matrix {
  Matrix(int64_t rows, int64_t cols) : rows(rows), cols(cols), values(rows * cols) {}
  T& at(int64_t row, int64_t col) { return values[row * cols + col]; }
  T at(int64_t row, int64_t col) const { return values[row * cols + col]; }

  int64_t rows, cols;
  std::vector<T> values;
};

template <typename T>
struct Inputs {
  Inputs(const AttentionSpec& spec, int64_t q_rows, int64_t kv_len, uint64_t seed)
      : spec(spec),
        q(q_rows, spec.head_dim),
        k(kv_len, spec.head_dim),
        v(kv_len, spec.value_dim),
        scale(1 / std::sqrt(static_cast<double>(spec.head_dim))) {
    std::mt19937_64 random(seed);
    std::normal_distribution<T> normal;
    for (Matrix<T>* m : {&q, &k, &v})
      for (T& value : m->values) value = normal(random);
  }

  int64_t SeenBy(int64_t row) const {
    if (spec.mask == Mask::kNone) return k.rows;
    return std::clamp<int64_t>(row + offset + 1, 0, k.rows);
  }

  AttentionSpec spec;
  Matrix<T> q, k, v;
  double scale;
  int64_t offset = 0;
};

// The formula in R, sums from left to right.
template <typename R, typename T>
Matrix<R> Straightforward(const Inputs<T>& in) {
  Matrix<R> out(in.q.rows, in.v.cols);
  for (int64_t i = 0; i < in.q.rows; ++i) {
    const int64_t seen = in.SeenBy(i);
    std::vector<R> p(seen);
    R highest = -std::numeric_limits<R>::infinity(), sum = 0;
    for (int64_t j = 0; j < seen; ++j) {
      for (int64_t d = 0; d < in.q.cols; ++d)
        p[j] += static_cast<R>(in.q.at(i, d)) * static_cast<R>(in.k.at(j, d));
      p[j] *= static_cast<R>(in.scale);
      highest = std::max(highest, p[j]);
    }
    for (R& x : p) sum += x = std::exp(x - highest);
    for (int64_t j = 0; j < seen; ++j)
      for (int64_t d = 0; d < in.v.cols; ++d)
        out.at(i, d) += p[j] / sum * static_cast<R>(in.v.at(j, d));
  }
  return out;
}

// Every operand flush against unreadable memory at its end.
template <typename T>
Matrix<T> RunPortable(const Inputs<T>& in) {
  const Cpu none = Capped(HostCpu(), Isa::kPortable);
  const auto kernel = testing::CompileFor(in.spec, ops::PortableAttentionConfig{}, none);
  EXPECT_TRUE(kernel.ok()) << kernel.status();
  const auto bytes = [](const Matrix<T>& m) { return m.values.size() * sizeof(T); };
  Matrix<T> out(in.q.rows, in.v.cols);
  GuardedBuffer q(bytes(in.q), GuardedBuffer::kBack), k(bytes(in.k), GuardedBuffer::kBack),
      v(bytes(in.v), GuardedBuffer::kBack), o(bytes(out), GuardedBuffer::kBack);
  std::ranges::copy(in.q.values, q.template as<T>());
  std::ranges::copy(in.k.values, k.template as<T>());
  std::ranges::copy(in.v.values, v.template as<T>());
  GuardedBuffer scratch((*kernel)->scratch_bytes(0, 0), GuardedBuffer::kBack);
  const int64_t size = sizeof(T);
  (*kernel)->Run(AttentionArgs{.spec = &in.spec,
                               .q = q.data(),
                               .k = k.data(),
                               .v = v.data(),
                               .out = o.data(),
                               .q_stride = in.q.cols * size,
                               .k_stride = in.k.cols * size,
                               .v_stride = in.v.cols * size,
                               .out_stride = out.cols * size,
                               .q_rows = in.q.rows,
                               .kv_len = in.k.rows,
                               .right = in.offset,
                               .scale = in.scale,
                               .scratch = scratch.data()});
  EXPECT_TRUE(scratch.SlackUntouched() && o.SlackUntouched());
  std::copy_n(o.template as<T>(), out.values.size(), out.values.begin());
  return out;
}

// The contract: at most twice the error of the straightforward loop in T, or 4 ε · max|V|.
template <typename T, typename R>
void CheckAgainstReference(const Inputs<T>& in) {
  const Matrix<R> exact = Straightforward<R>(in);
  const Matrix<T> plain = Straightforward<T>(in), got = RunPortable(in);
  R plain_error = 0, error = 0, largest = 0;
  for (T value : in.v.values) largest = std::max<R>(largest, std::abs(value));
  for (size_t i = 0; i < exact.values.size(); ++i) {
    plain_error = std::max(plain_error, std::abs(plain.values[i] - exact.values[i]));
    const R difference = std::abs(got.values[i] - exact.values[i]);
    if (!(difference <= error)) error = difference;  // keeps a NaN
  }
  EXPECT_LE(error, std::max(2 * plain_error, 4 * std::numeric_limits<T>::epsilon() * largest));
}

TEST(PortableAttentionTest, IsAsExactAsAStraightforwardLoop) {
  const struct {
    int head_dim, value_dim;
    int64_t q_rows, kv_len;
  } shapes[] = {{1, 1, 1, 1},    {64, 64, 16, 64},  {64, 64, 17, 65},  {5, 7, 3, 200},
                {65, 33, 40, 1}, {128, 3, 1, 1000}, {1024, 8, 20, 70}, {3, 130, 50, 129}};
  for (const auto& shape : shapes) {
    for (Mask mask : {Mask::kNone, Mask::kCausal}) {
      for (int64_t offset : {int64_t{0}, shape.kv_len - shape.q_rows, int64_t{-5}, int64_t{9}}) {
        const uint64_t seed = 31;
        AttentionSpec spec = {DType::kF32, mask, shape.head_dim, shape.value_dim};
        SCOPED_TRACE(::testing::Message()
                     << testing::NameOf(spec) << " " << shape.q_rows << "×" << shape.kv_len
                     << " offset " << offset << " seed " << seed);
        Inputs<float> f32(spec, shape.q_rows, shape.kv_len, seed);
        f32.offset = offset;
        CheckAgainstReference<float, double>(f32);
        spec.dtype = DType::kF64;
        Inputs<double> f64(spec, shape.q_rows, shape.kv_len, seed);
        f64.offset = offset;
        CheckAgainstReference<double, long double>(f64);
      }
    }
  }
}

TEST(PortableAttentionTest, AnyScaleAndLargeScores) {
  for (double scale : {-0.5, 0.0, 1.0, 30.0}) {
    SCOPED_TRACE(scale);
    Inputs<float> in({DType::kF32, Mask::kNone, 16, 16}, 20, 300, 3);
    in.scale = scale;
    CheckAgainstReference<float, double>(in);
  }
}

TEST(PortableAttentionTest, ExtremeOffsets) {
  Inputs<float> in({DType::kF32, Mask::kCausal, 8, 8}, 5, 9, 3);
  in.offset = std::numeric_limits<int64_t>::min();
  for (float value : RunPortable(in).values) EXPECT_EQ(value, 0);
  in.offset = std::numeric_limits<int64_t>::max();
  const Matrix<float> all = RunPortable(in);
  in.spec.mask = Mask::kNone;
  EXPECT_EQ(all.values, RunPortable(in).values);
}

TEST(PortableAttentionTest, NoKeysGiveZero) {
  const Inputs<float> in({DType::kF32, Mask::kNone, 8, 5}, 3, 0, 1);
  for (float value : RunPortable(in).values) EXPECT_EQ(value, 0);
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

class PortableSemanticsTest : public ::testing::Test {
 protected:
  // Row i sees keys j ≤ i; 70 keys are more than a block, 40 rows more than two tiles.
  Inputs<float> in_{{DType::kF32, Mask::kCausal, 4, 6}, 40, 70, 17};
};

TEST_F(PortableSemanticsTest, NanInAQueryFillsItsRow) {
  const Matrix<float> before = RunPortable(in_);
  in_.q.at(21, 3) = kNan;
  const Matrix<float> after = RunPortable(in_);
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t d = 0; d < 6; ++d) {
      if (i == 21) {
        EXPECT_TRUE(std::isnan(after.at(i, d)));
      } else {
        EXPECT_EQ(after.at(i, d), before.at(i, d)) << i;
      }
    }
  }
}

TEST_F(PortableSemanticsTest, NanInAKeyOrValueReachesThoseWhoSeeIt) {
  const Matrix<float> before = RunPortable(in_);
  in_.k.at(19, 1) = kNan;
  const Matrix<float> key = RunPortable(in_);
  in_ = Inputs<float>({DType::kF32, Mask::kCausal, 4, 6}, 40, 70, 17);
  in_.v.at(19, 2) = kNan;
  const Matrix<float> value = RunPortable(in_);
  for (int64_t i = 0; i < 40; ++i) {
    for (int64_t d = 0; d < 6; ++d) {
      const bool sees = i >= 19;
      EXPECT_EQ(std::isnan(key.at(i, d)), sees) << i;
      EXPECT_EQ(std::isnan(value.at(i, d)), sees && d == 2) << i << " " << d;
      if (!sees) {
        EXPECT_EQ(key.at(i, d), before.at(i, d));
        EXPECT_EQ(value.at(i, d), before.at(i, d));
      }
    }
  }
}

TEST_F(PortableSemanticsTest, InfiniteScores) {
  // One key of +∞ among finite ones: ∞ − ∞. All seen keys −∞: 0/0. Some −∞: as if not there.
  Inputs<float> in({DType::kF32, Mask::kNone, 1, 2}, 1, 100, 23);
  in.q.at(0, 0) = 1;
  in.k.at(80, 0) = kInf;
  for (float value : RunPortable(in).values) EXPECT_TRUE(std::isnan(value)) << "+∞";
  for (int64_t j = 0; j < 100; ++j) in.k.at(j, 0) = -kInf;
  for (float value : RunPortable(in).values) EXPECT_TRUE(std::isnan(value)) << "all −∞";
  in.k.at(90, 0) = 0.5f;  // after a whole block of −∞
  const Matrix<float> out = RunPortable(in);
  EXPECT_EQ(out.at(0, 0), in.v.at(90, 0));
  EXPECT_EQ(out.at(0, 1), in.v.at(90, 1));
}

TEST_F(PortableSemanticsTest, UnseenKeysNeverMatter) {
  const Matrix<float> before = RunPortable(in_);
  for (int64_t j = 40; j < 70; ++j) {  // the last row sees keys up to 39
    for (int64_t d = 0; d < 4; ++d) in_.k.at(j, d) = d % 2 == 0 ? kInf : kNan;
    for (int64_t d = 0; d < 6; ++d) in_.v.at(j, d) = kNan;
  }
  EXPECT_EQ(RunPortable(in_).values, before.values);
}

TEST(PortableAttentionTest, StridesLeaveGapsAlone) {
  Inputs<float> in({DType::kF32, Mask::kNone, 5, 3}, 18, 70, 29);
  const Matrix<float> expected = RunPortable(in);
  constexpr int kGap = 4;
  const auto spread = [](const Matrix<float>& m) {
    Matrix<float> wide(m.rows, m.cols + kGap);
    std::fill(wide.values.begin(), wide.values.end(), kNan);
    for (int64_t i = 0; i < m.rows; ++i)
      for (int64_t j = 0; j < m.cols; ++j) wide.at(i, j) = m.at(i, j);
    return wide;
  };
  const Matrix<float> q = spread(in.q), k = spread(in.k), v = spread(in.v);
  Matrix<float> out(18, 3 + kGap);
  std::fill(out.values.begin(), out.values.end(), 42.f);
  const auto kernel = testing::CompileFor(in.spec, ops::PortableAttentionConfig{}, HostCpu());
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  std::vector<char> scratch((*kernel)->scratch_bytes(0, 0));
  (*kernel)->Run(AttentionArgs{.spec = &in.spec,
                               .q = q.values.data(),
                               .k = k.values.data(),
                               .v = v.values.data(),
                               .out = out.values.data(),
                               .q_stride = q.cols * 4,
                               .k_stride = k.cols * 4,
                               .v_stride = v.cols * 4,
                               .out_stride = out.cols * 4,
                               .q_rows = 18,
                               .kv_len = 70,
                               .right = 0,
                               .scale = in.scale,
                               .scratch = scratch.data()});
  for (int64_t i = 0; i < 18; ++i) {
    for (int64_t d = 0; d < out.cols; ++d)
      EXPECT_EQ(out.at(i, d), d < 3 ? expected.at(i, d) : 42.f) << i << " " << d;
  }
}

}  // namespace
}  // namespace jitattn::jit
