// Configurations: the field tables, their text, and the one judge of validity.

#include "jit/config.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace jitattn::jit {
namespace {

using ::testing::HasSubstr;

class FieldTableTest : public ::testing::TestWithParam<Op> {
 protected:
  Config Default() const {
    return GetParam() == Op::kAttention ? Config(AttentionConfig{}) : Config(SigmoidMulConfig{});
  }
};

TEST_P(FieldTableTest, IsWellFormed) {
  std::set<std::string_view> names;
  for (const Field& field : Fields(GetParam())) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name << " twice";
    EXPECT_FALSE(field.help.empty()) << field.name;
    ASSERT_FALSE(field.values.empty()) << field.name;
    EXPECT_TRUE(std::is_sorted(field.values.begin(), field.values.end())) << field.name;
    if (!field.labels.empty()) {
      EXPECT_LT(static_cast<size_t>(field.values.back()), field.labels.size()) << field.name;
    }
    EXPECT_EQ(FindField(GetParam(), field.name), &field);
  }
  EXPECT_TRUE(names.contains("isa"));
  EXPECT_TRUE(names.contains("threads"));
  EXPECT_EQ(FindField(GetParam(), "q_tiel"), nullptr);
}

TEST_P(FieldTableTest, NameTellsWhatShapesCodeAndNothingElse) {
  const Spec spec = GetParam() == Op::kAttention ? Spec(AttentionSpec{}) : Spec(SigmoidMulSpec{});
  const std::string name = KernelName(spec, Default());
  for (const Field& field : Fields(GetParam())) {
    for (int value : field.values) {
      Config config = Default();
      if (value == field.get(config)) continue;
      field.set(config, value);
      EXPECT_EQ(KernelName(spec, config) != name, field.shapes_code()) << field.name;
    }
  }
}

TEST_P(FieldTableTest, SetThenGetAndNothingElse) {
  for (const Field& field : Fields(GetParam())) {
    for (int value : field.values) {
      Config config = Default();
      field.set(config, value);
      EXPECT_EQ(field.get(config), value) << field.name;
      for (const Field& other : Fields(GetParam())) {
        if (&other == &field) continue;
        EXPECT_EQ(other.get(config), other.get(Default())) << field.name << " sets " << other.name;
      }
    }
  }
}

TEST_P(FieldTableTest, TextRoundTripsExactly) {
  for (const Field& field : Fields(GetParam())) {
    for (int value : field.values) {
      Config config = Default();
      field.set(config, value);
      const auto back = ConfigFromString(GetParam(), ToString(config));
      ASSERT_TRUE(back.ok()) << back.status() << " for " << ToString(config);
      EXPECT_EQ(*back, config) << ToString(config);
    }
  }
}

TEST_P(FieldTableTest, RefusesWhatItDoesNotKnow) {
  const auto error = [&](std::string_view text) {
    const auto config = ConfigFromString(GetParam(), text);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(config.status().message());
  };
  EXPECT_THAT(error("q_tiel=3"), HasSubstr("q_tiel=3: expected FIELD=VALUE with a field of"));
  EXPECT_THAT(error("threads"), HasSubstr("threads: expected FIELD=VALUE"));
  EXPECT_EQ(error("threads=1 threads=2"), "threads is given twice");
  EXPECT_EQ(error("threads=two"), "threads=two: expected a number");
  EXPECT_EQ(error("threads=3x"), "threads=3x: expected a number");
  EXPECT_EQ(error("threads="), "threads=: expected a number");
  EXPECT_EQ(error("threads=99999999999"), "threads=99999999999: expected a number");
  EXPECT_EQ(error("isa=avx3"), "isa=avx3: expected a number, none, avx2, avx512");
}

TEST_P(FieldTableTest, WordsOfLabelsAndSpacesAreAccepted) {
  const auto config = ConfigFromString(GetParam(), "  isa=avx2   threads=3 ");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(FindField(GetParam(), "isa")->get(*config), static_cast<int>(Isa::kAvx2));
  EXPECT_EQ(FindField(GetParam(), "threads")->get(*config), 3);
  EXPECT_EQ(ConfigFromString(GetParam(), "").value(), Default());
}

INSTANTIATE_TEST_SUITE_P(Ops, FieldTableTest, ::testing::Values(Op::kAttention, Op::kSigmoidMul),
                         [](const auto& info) {
                           return info.param == Op::kAttention ? "Attention" : "SigmoidMul";
                         });

Cpu CpuWith(Isa isa) { return Capped(Cpu{.isa = Isa::kAvx512, .detected_isa = Isa::kAvx512}, isa); }

std::string ErrorOf(const SigmoidMulConfig& config, DType dtype = DType::kF32,
                    Isa isa = Isa::kAvx512) {
  const absl::Status s = Validate(config, SigmoidMulSpec{.dtype = dtype}, CpuWith(isa));
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << ToString(config);
  return std::string(s.message());
}

TEST(ValidateSigmoidMulTest, NamesTheRule) {
  EXPECT_EQ(ErrorOf({.vecs = 7}), "vecs 7 is none of 1, 2, 3, 4, 5, 6");
  EXPECT_EQ(ErrorOf({.prefetch = 5}), "prefetch 5 is none of 0, 4, 8, 16, 32, 64");
  EXPECT_EQ(ErrorOf({.page_ahead = 1}), "page_ahead 1 is none of 0, 8, 16, 32");
  EXPECT_EQ(ErrorOf({.isa = Isa::kAvx2, .vecs = 4}),
            "vecs 4 needs 17 vector registers, avx2 has 16");
  EXPECT_EQ(ErrorOf({.isa = Isa::kAvx2, .vecs = 2, .table = 2}, DType::kF64),
            "table 2 needs avx512, isa is avx2");
  EXPECT_EQ(ErrorOf({.isa = Isa::kAvx2, .vecs = 2, .reciprocal = 1}),
            "reciprocal 1 needs avx512, isa is avx2");
  EXPECT_EQ(ErrorOf({}, DType::kF32, Isa::kAvx2),
            "isa avx512 is capped: this process may use avx2");
  EXPECT_EQ(ErrorOf({.threads = 0}), "threads 0 is not between 1 and 1024");
  EXPECT_EQ(ErrorOf({.threads = 100000}), "threads 100000 is not between 1 and 1024");
}

TEST(ValidateSigmoidMulTest, AnotherCpuHasNot) {
  Cpu cpu = CpuWith(Isa::kAvx2);
  cpu.detected_isa = Isa::kAvx2;
  EXPECT_EQ(Validate(SigmoidMulConfig{}, SigmoidMulSpec{}, cpu).message(),
            "isa avx512 is not available: this process may use avx2");
}

TEST(ValidateSigmoidMulTest, ConfigOfAnotherOperation) {
  EXPECT_EQ(Validate(SigmoidMulConfig{}, AttentionSpec{}, CpuWith(Isa::kAvx512)).message(),
            "a configuration of sigmoid-mul does not fit attention");
}

TEST(ValidateSigmoidMulTest, PortableIsValidEverywhere) {
  EXPECT_TRUE(Validate(SigmoidMulConfig{.isa = Isa::kPortable, .vecs = 6, .reciprocal = 1},
                       SigmoidMulSpec{}, CpuWith(Isa::kPortable))
                  .ok());
}

TEST(CanonicalTest, OneKernelIsOnePoint) {
  const auto canonical = [](SigmoidMulConfig config, DType dtype) {
    return std::get<SigmoidMulConfig>(Canonical(config, SigmoidMulSpec{.dtype = dtype}));
  };
  EXPECT_EQ(canonical({.isa = Isa::kPortable, .vecs = 6, .prefetch = 8, .threads = 2}, DType::kF32),
            canonical({.isa = Isa::kPortable, .threads = 2}, DType::kF32));
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .reciprocal = 1}, DType::kF32).reciprocal, 0);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, DType::kF64).table, 1);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, DType::kF32).table, 1);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .table = 2}, DType::kF32).table, 1);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .table = 2}, DType::kBF16).table, 1);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = 2}, DType::kBF16).table, 2);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = 2}, DType::kF64).table, 2);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = 2}, DType::kF32).table, 2);
  const SigmoidMulConfig all = {.table = 1, .reciprocal = 1, .prefetch = 16};
  EXPECT_EQ(canonical(all, DType::kF64), all);
}

TEST(KernelNameTest, IsTheSpecAndTheShapingFields) {
  EXPECT_EQ(KernelName(SigmoidMulSpec{}, SigmoidMulConfig{.threads = 7}),
            "silu_f32_avx512_v4u1_t1r0_nt0_p0a0");
  EXPECT_EQ(KernelName(SigmoidMulSpec{.dtype = DType::kF64},
                       SigmoidMulConfig{.isa = Isa::kPortable, .vecs = 2}),
            "silu_f64_portable");
}

}  // namespace
}  // namespace jitattn::jit
