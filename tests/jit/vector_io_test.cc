// The 16-bit types: as values of C++, and as vector_io moves them, every one of them both ways.

#include "jit/vector_io.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/cpu.h"
#include "base/small_float.h"
#include "gtest/gtest.h"
#include "jit/executable_memory.h"
#include "tests/jit/needs.h"

namespace jitattn::jit {
namespace {

// Significands of digits bits times powers of two no smaller than the smallest denormal's.
template <typename T>
double Nearest(double x) {
  using Limits = std::numeric_limits<T>;
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), Limits::min_exponent - 1);
  const double unit = std::ldexp(1.0, exponent + 1 - Limits::digits);
  const double rounded = std::nearbyint(x / unit) * unit;  // ties to even, as the default is
  return std::abs(rounded) > static_cast<double>(Limits::max()) ? std::copysign(INFINITY, x)
                                                                : rounded;
}

template <typename T>
class SmallFloatTest : public ::testing::Test {};
using Types = ::testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(SmallFloatTest, Types);

TYPED_TEST(SmallFloatTest, EveryValueSurvives) {
  for (int bits = 0; bits < 1 << 16; ++bits) {
    TypeParam x{};
    x.bits = static_cast<uint16_t>(bits);
    const float wide = x;
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(wide))));
    } else {
      EXPECT_EQ(TypeParam(wide).bits, bits);
      EXPECT_EQ(Nearest<TypeParam>(wide), wide);
    }
  }
}

// Each middle between two neighbours, and the floats next to it.
TYPED_TEST(SmallFloatTest, RoundsToNearestEven) {
  const int finite = std::numeric_limits<TypeParam>::infinity().bits;
  for (int sign : {0, 0x8000}) {
    for (int bits = 0; bits < finite; ++bits) {
      TypeParam low{}, high{};
      low.bits = static_cast<uint16_t>(sign | bits);
      high.bits = static_cast<uint16_t>(low.bits + 1);
      const double beyond =
          bits + 1 == finite ? 2.0 * std::ldexp(1.0, std::ilogb(static_cast<float>(low))) : 0;
      const double top =
          beyond > 0 ? std::copysign(beyond, static_cast<double>(low)) : static_cast<double>(high);
      const float middle = static_cast<float>((static_cast<double>(low) + top) / 2);
      for (const float x : {middle, std::nextafter(middle, -INFINITY),
                            std::nextafter(middle, INFINITY), std::nextafter(float(low), middle)}) {
        ASSERT_EQ(static_cast<float>(TypeParam(x)), Nearest<TypeParam>(x)) << std::hexfloat << x;
      }
    }
  }
}

TYPED_TEST(SmallFloatTest, LimitsAreThoseOfTheType) {
  using Limits = std::numeric_limits<TypeParam>;
  EXPECT_EQ(float(Limits::epsilon()), std::ldexp(1.f, 1 - Limits::digits));
  EXPECT_EQ(float(Limits::min()), std::ldexp(1.f, Limits::min_exponent - 1));
  EXPECT_EQ(float(Limits::denorm_min()), std::ldexp(1.f, Limits::min_exponent - Limits::digits));
  EXPECT_EQ(float(Limits::max()),
            std::ldexp(2 - std::ldexp(1.f, 1 - Limits::digits), Limits::max_exponent - 1));
  EXPECT_TRUE(std::isinf(float(Limits::infinity())) && std::isnan(float(Limits::quiet_NaN())));
}

class VectorIoTest : public ::testing::TestWithParam<std::tuple<Isa, DType>> {
 protected:
  Isa isa() const { return std::get<0>(GetParam()); }
  DType dtype() const { return std::get<1>(GetParam()); }
  int lanes() const { return Lanes(isa(), dtype()); }
  void SetUp() override {
    const std::string needs = testing::Needs(isa(), dtype());
    if (!needs.empty()) GTEST_SKIP() << needs;
  }

  struct Args {
    const void* in;
    void* out;
    int64_t vectors;
  };
  // A loop over vectors; body(io, from, to) moves one.
  template <typename Body>
  void Run(const Args& args, Denormals denormals, Ties ties, int in_bytes, int out_bytes,
           Body body) {
    Assembler a(isa(), HostCpu());
    a.Prolog(DType::kF32);
    {
      const Gprs from = a.pool().LeaseGprs("from"), to = a.pool().LeaseGprs("to");
      const Gprs left = a.pool().LeaseGprs("left");
      const Vecs x = a.pool().LeaseVecs("x", 2);
      VectorIo io(a, dtype(), denormals, ties);
      a.mov(from, a.ptr[a.args() + offsetof(Args, in)]);
      a.mov(to, a.ptr[a.args() + offsetof(Args, out)]);
      a.mov(left, a.ptr[a.args() + offsetof(Args, vectors)]);
      a.WhileAtLeast(left, 1, [&] {
        body(a, io, x, from, to);
        a.add(from, in_bytes);
        a.add(to, out_bytes);
      });
    }
    a.Epilog();
    auto memory = ExecutableMemory::Create(a.Finish());
    ASSERT_TRUE(memory.ok()) << memory.status();
    reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(memory->code().data()))(
        &args);
  }

  static void StoreOne(Assembler& a, VectorIo& io, const Vecs& x, const Gprs& from,
                       const Gprs& to) {
    a.LoadVec(x[0], a.ptr[from[0]]);
    io.Store(a.ptr[to[0]], x[0]);
  }

  std::vector<float> ToRound(uint64_t seed) const;
  // What C++ makes of them.
  float Widened(uint16_t bits) const {
    return dtype() == DType::kBF16 ? std::bit_cast<float>(uint32_t{bits} << 16)
                                   : static_cast<float>(std::bit_cast<Float16>(bits));
  }
  uint16_t Narrowed(float x) const {
    return dtype() == DType::kBF16 ? BFloat16(x).bits : Float16(x).bits;
  }
};

TEST_P(VectorIoTest, LoadsEveryValueExactly) {
  std::vector<uint16_t> in(1 << 16);
  std::vector<float> out(in.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint16_t>(i);
  Run({in.data(), out.data(), static_cast<int64_t>(in.size()) / lanes()}, Denormals::kKeep,
      Ties::kToEven, 2 * lanes(), 4 * lanes(),
      [](Assembler& a, VectorIo& io, const Vecs& x, const Gprs& from, const Gprs& to) {
        io.Load(x[0], a.ptr[from[0]]);
        a.StoreVec(a.ptr[to[0]], x[0]);
      });
  for (size_t i = 0; i < in.size(); ++i) {
    const float expected = Widened(in[i]);
    ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(expected)) << std::hex << i;
  }
}

// Every value, its surroundings, the middles to the next one of either type, and random bits.
std::vector<float> VectorIoTest::ToRound(uint64_t seed) const {
  std::mt19937 random(seed);
  std::vector<float> values;
  for (int i = 0; i < 1 << 16; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(Widened(static_cast<uint16_t>(i)));
    for (uint32_t add : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xfffu, 0x1000u, 0x1001u})
      values.push_back(std::bit_cast<float>(bits + add));
    for (int k = 0; k < 8; ++k)
      values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  }
  return values;
}

TEST_P(VectorIoTest, StoresRoundToNearestEven) {
  const uint64_t seed = 3;
  const std::vector<float> in = ToRound(seed);
  std::vector<uint16_t> out(in.size());
  for (const Denormals denormals : {Denormals::kKeep, Denormals::kMayFlush}) {
    Run({in.data(), out.data(), static_cast<int64_t>(in.size()) / lanes()}, denormals,
        Ties::kToEven, 4 * lanes(), 2 * lanes(), StoreOne);
    for (size_t i = 0; i < in.size(); ++i) {
      const bool may_flush =
          denormals == Denormals::kMayFlush && std::abs(in[i]) < std::numeric_limits<float>::min();
      if (std::isnan(in[i])) {
        const bool quiet = (std::bit_cast<uint32_t>(in[i]) & 0x400000) != 0;
        ASSERT_TRUE(!quiet || std::isnan(Widened(out[i]))) << i;
      } else if (!may_flush || (out[i] & 0x7fff) != 0) {
        ASSERT_EQ(out[i], Narrowed(in[i])) << std::hexfloat << in[i] << ", seed " << seed;
      }
    }
  }
}

TEST_P(VectorIoTest, StoresRoundTiesAwayFromZero) {
  const uint64_t seed = 4;
  const std::vector<float> in = ToRound(seed);
  std::vector<uint16_t> out(in.size());
  Run({in.data(), out.data(), static_cast<int64_t>(in.size()) / lanes()}, Denormals::kKeep,
      Ties::kAway, 4 * lanes(), 2 * lanes(), StoreOne);
  int ties = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(in[i]);
    if (std::isnan(in[i])) {
      const bool arithmetic_gives_it = (bits & 0x40ffff) == 0x400000;
      ASSERT_TRUE(!arithmetic_gives_it || std::isnan(Widened(out[i]))) << i;
      continue;
    }
    const bool tie = dtype() == DType::kBF16 && (bits & 0xffff) == 0x8000;
    ties += tie;
    ASSERT_EQ(out[i], tie ? (bits >> 16) + 1 : Narrowed(in[i]))
        << std::hexfloat << in[i] << ", seed " << seed;
  }
  EXPECT_EQ(ties > 0, dtype() == DType::kBF16);
}

TEST_P(VectorIoTest, PairsLoadAndStoreEveryValue) {
  std::vector<uint16_t> in(1 << 16), out(in.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint16_t>(i);
  for (const Ties ties : {Ties::kToEven, Ties::kAway}) {
    Run({in.data(), out.data(), static_cast<int64_t>(in.size()) / (2 * lanes())}, Denormals::kKeep,
        ties, 4 * lanes(), 4 * lanes(),
        [](Assembler& a, VectorIo& io, const Vecs& x, const Gprs& from, const Gprs& to) {
          io.LoadPair(x[0], x[1], a.ptr[from[0]]);
          for (int i = 0; i < 2; ++i) a.Add(x[i], x[i], a.Const(0));  // NaN becomes quiet
          io.StorePair(a.ptr[to[0]], x[0], x[1]);
        });
    for (size_t i = 0; i < in.size(); ++i) {
      const float value = Widened(in[i]);
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(Widened(out[i]))) << std::hex << i;
      } else {
        ASSERT_EQ(out[i], value == 0 ? 0 : in[i]) << std::hex << i;
      }
    }
  }
}

// As single vectors do, whichever element a value comes to lie in.
TEST_P(VectorIoTest, PairsRoundAsVectorsDo) {
  const std::vector<float> in = ToRound(5);
  const auto count = static_cast<int64_t>(in.size()) / lanes();
  for (const Ties ties : {Ties::kToEven, Ties::kAway}) {
    std::vector<uint16_t> expected(in.size()), out(2 * in.size());
    Run({in.data(), expected.data(), count}, Denormals::kKeep, ties, 4 * lanes(), 2 * lanes(),
        StoreOne);
    Run({in.data(), out.data(), count}, Denormals::kKeep, ties, 4 * lanes(), 4 * lanes(),
        [](Assembler& a, VectorIo& io, const Vecs& x, const Gprs& from, const Gprs& to) {
          for (int i = 0; i < 2; ++i) a.LoadVec(x[i], a.ptr[from[0]]);
          io.StorePair(a.ptr[to[0]], x[0], x[1]);
        });
    for (int64_t i = 0; i < count * lanes(); ++i) {
      const int64_t vector = i / lanes(), lane = i % lanes();
      for (int half = 0; half < 2; ++half) {
        const int64_t at = 2 * vector * lanes() +
                           (dtype() == DType::kBF16 ? 2 * lane + half : half * lanes() + lane);
        ASSERT_EQ(out[at], expected[i]) << std::hexfloat << in[i];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, VectorIoTest,
                         ::testing::Combine(::testing::Values(Isa::kAvx2, Isa::kAvx512),
                                            ::testing::Values(DType::kBF16, DType::kF16)),
                         [](const auto& info) {
                           return std::string(Name(std::get<0>(info.param))) + "_" +
                                  std::string(Name(std::get<1>(info.param)));
                         });

}  // namespace
}  // namespace jitattn::jit
