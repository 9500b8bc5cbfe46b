// The emitted tanh and log2 against the library's in higher precision.

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "jit/parts/emit_log2.h"
#include "jit/parts/emit_tanh.h"
#include "tests/jit/needs.h"
#include "tests/jit/problems.h"

namespace jitattn::jit {
namespace {

class MathPartsTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    const std::string needs = testing::Needs(GetParam());
    if (!needs.empty()) GTEST_SKIP() << needs;
  }

  // Part's function of every element.
  template <typename Part, typename T>
  std::vector<T> Apply(std::vector<T> x) {
    const size_t count = x.size();
    Assembler a(GetParam(), HostCpu());
    a.Prolog(sizeof(T) == 8 ? DType::kF64 : DType::kF32);
    x.resize((count + a.lanes() - 1) / a.lanes() * a.lanes(), T{1});
    {
      const Gprs at = a.pool().LeaseGprs("elements"), left = a.pool().LeaseGprs("vectors left");
      const Vecs v = a.pool().LeaseVecs("x");
      Part part(a);
      a.mov(at, a.ptr[a.args()]);
      a.Repeat(left, x.size() / a.lanes(), [&] {
        a.LoadVec(v, a.ptr[at[0]]);
        part.Emit(v);
        a.StoreVec(a.ptr[at[0]], v);
        a.add(at, a.vec_bytes());
      });
    }
    a.Epilog();
    auto memory = ExecutableMemory::Create(a.Finish());
    EXPECT_TRUE(memory.ok()) << memory.status();
    const void* args[] = {x.data()};
    reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(memory->code().data()))(
        args);
    x.resize(count);
    return x;
  }

  // The largest error, in last places of the exact result or, if that is smaller, of `least`.
  template <typename Part, typename T>
  double Worst(const std::vector<T>& x, long double (*exact)(long double), T least) {
    const std::vector<T> y = Apply<Part>(x);
    long double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const long double truth = exact(x[i]);
      const long double size = std::max<long double>(std::abs(truth), least);
      const long double ulp =
          std::exp2(std::floor(std::log2(size))) * std::numeric_limits<T>::epsilon();
      worst = std::max(worst, std::abs(y[i] - truth) / ulp);
    }
    return static_cast<double>(worst);
  }

  template <typename T>
  void CheckTanh(double bound) {
    std::vector<T> x;
    for (T magnitude = T(1e-30); magnitude < 40; magnitude *= T(1.0007)) {
      x.push_back(magnitude);
      x.push_back(-magnitude);
    }
    const auto tanh = [](long double v) { return std::tanh(v); };
    EXPECT_LE((Worst<EmitTanh, T>(x, tanh, T(1e-30))), bound);
    constexpr T kInf = std::numeric_limits<T>::infinity();
    const auto y = Apply<EmitTanh, T>({std::numeric_limits<T>::quiet_NaN(), kInf, -kInf, 0});
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_NEAR(y[1], 1, 1e-6);
    EXPECT_NEAR(y[2], -1, 1e-6);
    EXPECT_EQ(y[3], 0);
  }

  template <typename T>
  void CheckLog2() {
    std::vector<T> x;
    for (T v = std::numeric_limits<T>::min(); v < std::numeric_limits<T>::max() / 2;
         v *= T(1.003)) {
      x.push_back(v);
    }
    for (int i = -2000; i < 2000; ++i) x.push_back(1 + T(i) / 4000);
    const auto log2 = [](long double v) { return std::log2(v); };
    EXPECT_LE((Worst<EmitLog2, T>(x, log2, T(0.5))), 2);
    constexpr T kInf = std::numeric_limits<T>::infinity();
    const auto y =
        Apply<EmitLog2, T>({0, 1, 2, T(0.125), kInf, std::numeric_limits<T>::quiet_NaN()});
    EXPECT_EQ(y[0], -kInf);
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[2], 1);
    EXPECT_EQ(y[3], -3);
    EXPECT_TRUE(std::isnan(y[4]));
    EXPECT_TRUE(std::isnan(y[5]));
  }
};

TEST_P(MathPartsTest, TanhFloat32) { CheckTanh<float>(6); }
TEST_P(MathPartsTest, TanhFloat64) { CheckTanh<double>(4); }
TEST_P(MathPartsTest, Log2Float32) { CheckLog2<float>(); }
TEST_P(MathPartsTest, Log2Float64) { CheckLog2<double>(); }

INSTANTIATE_TEST_SUITE_P(All, MathPartsTest, ::testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) { return std::string(Name(info.param)); });

}  // namespace
}  // namespace jitattn::jit
