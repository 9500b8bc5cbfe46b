// The emitted 2^x against the library's in higher precision.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "base/cpu.h"
#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "jit/parts/emit_exp.h"
#include "tests/jit/needs.h"
#include "tests/jit/problems.h"

namespace jitattn::jit {
namespace {

struct ExpParam {
  Isa isa;
  int in_flight, constants;
};

class ExpTest : public ::testing::TestWithParam<ExpParam> {
 protected:
  void SetUp() override {
    const std::string needs = testing::Needs(GetParam().isa);
    if (!needs.empty()) GTEST_SKIP() << needs;
  }

  // 2^x of every element; their number is rounded up to whole groups.
  template <typename T>
  std::vector<T> Exp2(std::vector<T> x, DType result, int degree) {
    const ExpParam param = GetParam();
    Assembler a(param.isa, HostCpu());
    a.Prolog(sizeof(T) == 8 ? DType::kF64 : DType::kF32);
    const int group = param.in_flight * a.lanes();
    x.resize((x.size() + group - 1) / group * group);
    {
      const Gprs at = a.pool().LeaseGprs("elements"), left = a.pool().LeaseGprs("groups left");
      const Vecs v = a.pool().LeaseVecs("x", param.in_flight);
      EmitExp exp(a, param.in_flight, param.constants, result, degree);
      exp.LoadConstants();
      a.mov(at, a.ptr[a.args()]);
      a.Repeat(left, x.size() / group, [&] {
        for (int i = 0; i < v.size(); ++i) a.LoadVec(v[i], a.ptr[at[0] + i * a.vec_bytes()]);
        exp.Emit(v.regs());
        for (int i = 0; i < v.size(); ++i) a.StoreVec(a.ptr[at[0] + i * a.vec_bytes()], v[i]);
        a.add(at, v.size() * a.vec_bytes());
      });
    }
    a.Epilog();
    auto memory = ExecutableMemory::Create(a.Finish());
    EXPECT_TRUE(memory.ok()) << memory.status();
    const void* args[] = {x.data()};
    reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(memory->code().data()))(
        args);
    return x;
  }

  // Worst error of results between 2^`lowest` and 2^`highest`, in units of T's last place.
  template <typename T, typename R>
  R WorstUlp(T lowest, T highest, DType result, int degree) {
    constexpr int kPoints = 200000;
    std::vector<T> x(kPoints);
    for (int i = 0; i < kPoints; ++i) x[i] = lowest + (highest - lowest) * (i / T(kPoints));
    const std::vector<T> y = Exp2(x, result, degree);
    R worst = 0;
    for (int i = 0; i < kPoints; ++i) {
      const R exact = std::exp2(static_cast<R>(x[i]));
      const R ulp = std::exp2(std::floor(std::log2(exact))) * std::numeric_limits<T>::epsilon();
      worst = std::max(worst, std::abs(y[i] - exact) / ulp);
    }
    return worst;
  }

  template <typename T>
  void CheckSpecials(DType result, int degree) {
    constexpr T kInf = std::numeric_limits<T>::infinity();
    constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
    const T least = std::numeric_limits<T>::min_exponent - 1;  // of normal numbers
    const std::vector<T> y =
        Exp2<T>({kNan, -kInf, T(-1e30), 0, 1, -1, 8, least, least - 1, least - 20, T(-0.0)}, result,
                degree);
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(y[1], 0);
    EXPECT_EQ(y[2], 0);
    EXPECT_EQ(y[3], 1);
    EXPECT_EQ(y[4], 2);
    EXPECT_EQ(y[5], 0.5);
    EXPECT_EQ(y[6], 256);
    EXPECT_EQ(y[7], std::numeric_limits<T>::min());
    EXPECT_EQ(y[8], 0);
    EXPECT_EQ(y[9], 0);
    EXPECT_EQ(y[10], 1);
  }
};

TEST_P(ExpTest, Float32) {
  for (const int degree : EmitExp::Degrees(GetParam().isa, DType::kF32)) {
    EXPECT_LE((WorstUlp<float, double>(-125.5, 100, DType::kF32, degree)), 2.1) << degree;
    EXPECT_LE((WorstUlp<float, double>(-1, 1, DType::kF32, degree)), 2.1) << degree;
    CheckSpecials<float>(DType::kF32, degree);
  }
}

TEST_P(ExpTest, Float64) {
  for (const int degree : EmitExp::Degrees(GetParam().isa, DType::kF64)) {
    EXPECT_LE((WorstUlp<double, long double>(-1021.5, 1000, DType::kF64, degree)), 1.0) << degree;
    EXPECT_LE((WorstUlp<double, long double>(-1, 1, DType::kF64, degree)), 1.0) << degree;
    CheckSpecials<double>(DType::kF64, degree);
  }
}

// Results of 16-bit types are computed in f32, where an ulp is 2^-24 to 2^-23 of the result. The
// error of a low degree is many ulps.
TEST_P(ExpTest, SixteenBits) {
  const std::map<int, double> bounds = {{3, 1.02e-4}, {4, 3.0e-6}, {5, 2.6e-7}};
  for (const DType result : {DType::kBF16, DType::kF16}) {
    for (const int degree : EmitExp::Degrees(GetParam().isa, result)) {
      const double worst = WorstUlp<float, double>(-125.5, 100, result, degree);
      EXPECT_LE(worst, bounds.at(degree) * 0x1p24) << degree;
      EXPECT_GT(worst, bounds.at(degree + 1 > 5 ? 5 : degree + 1) * 0x1p20) << degree;
      CheckSpecials<float>(result, degree);
    }
  }
}

TEST(ExpDegreesTest, AreAllFieldValues) {
  for (const ops::Algorithm* algorithm : {&ops::kTiles, &ops::kRows}) {
    const std::span<const int> values = ops::FindField(*algorithm, "exp_degree")->values;
    for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
      for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
        for (const int degree : EmitExp::Degrees(isa, dtype)) {
          EXPECT_TRUE(std::binary_search(values.begin(), values.end(), degree));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExpTest,
                         ::testing::Values(ExpParam{Isa::kAvx2, 1, 0}, ExpParam{Isa::kAvx2, 2, 3},
                                           ExpParam{Isa::kAvx2, 4, 4}, ExpParam{Isa::kAvx512, 1, 0},
                                           ExpParam{Isa::kAvx512, 4, 20},
                                           ExpParam{Isa::kAvx512, 6, 5}),
                         [](const auto& info) {
                           return std::string(Name(info.param.isa)) + "_x" +
                                  std::to_string(info.param.in_flight) + "_c" +
                                  std::to_string(info.param.constants);
                         });

}  // namespace
}  // namespace jitattn::jit
