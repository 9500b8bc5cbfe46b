// Configurations: the field tables, their text, and the one judge of validity.

#include "ops/config.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/mentions.h"

namespace jitattn::ops {
namespace {

using jit::PowerTable;
using jit::RowsConfig;
using jit::SigmoidMulConfig;
using jit::TilesConfig;

struct Table {
  const Operation* operation;
  const Algorithm* algorithm;

  std::string name() const {
    std::string name =
        absl::StrCat(std::string(operation->name), "_", std::string(algorithm->name));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }
};

void PrintTo(const Table& table, std::ostream* os) { *os << table.name(); }

std::vector<Table> Tables() {
  std::vector<Table> tables;
  for (const Operation* operation : Operations()) {
    for (const Algorithm* algorithm : operation->algorithms)
      tables.push_back({operation, algorithm});
  }
  return tables;
}

class FieldTableTest : public ::testing::TestWithParam<Table> {
 protected:
  const Algorithm& algorithm() const { return *GetParam().algorithm; }
  std::span<const Field> fields() const { return algorithm().fields; }
  Config Default() const { return algorithm().blank(); }
  Problem AnyProblem() const { return GetParam().operation->blank(); }
};

bool IsPartOf(std::span<const int> some, std::span<const int> all) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

TEST_P(FieldTableTest, IsWellFormed) {
  std::set<std::string_view> names;
  for (const Field& field : fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name << " twice";
    EXPECT_FALSE(field.help.empty()) << field.name;
    ASSERT_FALSE(field.values.empty()) << field.name;
    EXPECT_TRUE(std::is_sorted(field.values.begin(), field.values.end())) << field.name;
    // Words for all values, or for 0 alone.
    if (field.labels.size() == 1) {
      EXPECT_EQ(field.values.front(), 0) << field.name;
    } else if (!field.labels.empty()) {
      EXPECT_LT(static_cast<size_t>(field.values.back()), field.labels.size()) << field.name;
    }
    EXPECT_TRUE(IsPartOf(field.steps, field.values)) << field.name;
    EXPECT_TRUE(IsPartOf(field.small_steps, field.steps.empty() ? field.values : field.steps))
        << field.name;
    if (field.full_once_set != nullptr) {
      EXPECT_GT(std::count_if(&field + 1, &*fields().end(),
                              [&](const Field& f) { return f.get == field.full_once_set; }),
                0)
          << field.name << ": the field that it waits for does not follow";
    }
    EXPECT_EQ(FindField(algorithm(), field.name), &field);
  }
  EXPECT_EQ(fields().front().role, Field::Role::kIsa);
  EXPECT_EQ(std::count_if(fields().begin(), fields().end(),
                          [](const Field& f) { return f.role == Field::Role::kThreads; }),
            1);
  EXPECT_EQ(std::count_if(fields().begin(), fields().end(),
                          [](const Field& f) { return f.role == Field::Role::kIsa; }),
            1);
  EXPECT_EQ(FindField(algorithm(), "q_tiel"), nullptr);
}

TEST_P(FieldTableTest, BelongsToItsAlgorithm) {
  EXPECT_EQ(FindAlgorithm(*GetParam().operation, algorithm().name), &algorithm());
  EXPECT_EQ(&Default().algorithm(), &algorithm());
  EXPECT_EQ(FindField(algorithm(), "isa")->get(Default()), static_cast<int>(Default().isa()));
  Config config = Default();
  config.set_threads(7);
  EXPECT_EQ(config.threads(), 7);
  EXPECT_EQ(FindField(algorithm(), "threads")->get(config), 7);
}

TEST_P(FieldTableTest, NameTellsWhatShapesCodeAndNothingElse) {
  const std::string name = KernelName(AnyProblem(), Default());
  for (const Field& field : fields()) {
    for (int value : field.values) {
      Config config = Default();
      if (value == field.get(config)) continue;
      field.set(config, value);
      EXPECT_EQ(KernelName(AnyProblem(), config) != name, field.shapes_code()) << field.name;
    }
  }
}

TEST_P(FieldTableTest, SetThenGetAndNothingElse) {
  for (const Field& field : fields()) {
    for (int value : field.values) {
      Config config = Default();
      field.set(config, value);
      EXPECT_EQ(field.get(config), value) << field.name;
      EXPECT_EQ(&config.algorithm(), &algorithm());
      for (const Field& other : fields()) {
        if (&other == &field) continue;
        EXPECT_EQ(other.get(config), other.get(Default())) << field.name << " sets " << other.name;
      }
    }
  }
}

// What "algorithm=tiles isa=avx512 …" says; every word has to be understood.
Config FromText(const Operation& operation, const std::string& text) {
  Config config;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(text, ' '))) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (parts.first == "algorithm") {
      const Algorithm* algorithm = FindAlgorithm(operation, parts.second);
      EXPECT_NE(algorithm, nullptr) << text;
      if (algorithm != nullptr) config = algorithm->blank();
      continue;
    }
    const Field* field = FindField(config.algorithm(), parts.first);
    EXPECT_NE(field, nullptr) << word;
    if (field == nullptr) continue;
    const auto value = ParseValue(*field, parts.second);
    EXPECT_TRUE(value.ok()) << value.status();
    if (value.ok()) field->set(config, *value);
  }
  return config;
}

TEST_P(FieldTableTest, TextRoundTripsExactly) {
  for (const Field& field : fields()) {
    for (int value : field.values) {
      Config config = Default();
      field.set(config, value);
      EXPECT_EQ(FromText(*GetParam().operation, ToString(config)), config) << ToString(config);
      EXPECT_EQ(ParseValue(field, absl::StrCat(value)).value(), value) << field.name;
    }
  }
}

TEST_P(FieldTableTest, RefusesWhatItDoesNotKnow) {
  const auto error = [&](std::string_view name, std::string_view text) {
    const auto value = ParseValue(*FindField(algorithm(), name), text);
    EXPECT_EQ(value.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(value.status().message());
  };
  EXPECT_THAT(error("threads", "two"), Mentions({"threads=two"}));
  EXPECT_THAT(error("threads", "3x"), Mentions({"threads=3x"}));
  EXPECT_THAT(error("threads", ""), Mentions({"threads="}));
  EXPECT_THAT(error("threads", "99999999999"), Mentions({"threads=99999999999"}));
  EXPECT_THAT(error("isa", "avx3"), Mentions({"isa=avx3", "none", "avx2", "avx512"}));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, FieldTableTest, ::testing::ValuesIn(Tables()),
                         [](const auto& info) { return info.param.name(); });

TEST(ConfigTest, KnowsItsAlgorithm) {
  const Config tiles = TilesConfig{.threads = 3, .q_vecs = 2};
  EXPECT_TRUE(tiles.Is<TilesConfig>());
  EXPECT_FALSE(tiles.Is<RowsConfig>());
  EXPECT_EQ(tiles.If<RowsConfig>(), nullptr);
  ASSERT_NE(tiles.If<TilesConfig>(), nullptr);
  EXPECT_EQ(tiles.If<TilesConfig>()->q_vecs, 2);
  EXPECT_EQ(&tiles.algorithm(), &kTiles);
  EXPECT_EQ(tiles.isa(), Isa::kAvx512);
  EXPECT_EQ(tiles.threads(), 3);
}

TEST(ConfigTest, IsEqualWhereAlgorithmAndFieldsAre) {
  const Config config = TilesConfig{};
  EXPECT_EQ(config, Config(TilesConfig{}));
  EXPECT_NE(config, Config(TilesConfig{.task_tiles = 2}));
  EXPECT_NE(config, Config());
  EXPECT_EQ(Config(), Config());
  // The same bytes, of another algorithm.
  EXPECT_NE(Config(PortableAttentionConfig{.threads = 1, .task_tiles = 0}),
            Config(PortableSigmoidMulConfig{.threads = 1}));
  // What a longer configuration held before leaves nothing behind.
  Config changed = config;
  changed = PortableSigmoidMulConfig{};
  EXPECT_EQ(changed, Config(PortableSigmoidMulConfig{}));
}

Cpu CpuWith(Isa isa) { return Capped(Cpu{.isa = Isa::kAvx512, .detected_isa = Isa::kAvx512}, isa); }

std::string ErrorOf(const SigmoidMulConfig& config, DType dtype = DType::kF32,
                    Isa isa = Isa::kAvx512) {
  const absl::Status s = Validate(config, SigmoidMulProblem{.dtype = dtype}, CpuWith(isa));
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument) << ToString(config);
  return std::string(s.message());
}

TEST(ValidateSigmoidMulTest, NamesTheRule) {
  EXPECT_THAT(ErrorOf({.vecs = 7}), Mentions({"vecs", "7", "1", "2", "3", "4", "5", "6"}));
  EXPECT_THAT(ErrorOf({.prefetch = 5}),
              Mentions({"prefetch", "5", "0", "4", "8", "16", "32", "64"}));
  EXPECT_THAT(ErrorOf({.page_ahead = 1}), Mentions({"page_ahead", "1", "0", "8", "16", "32"}));
  // Words where the field has words.
  EXPECT_THAT(ErrorOf({.isa = Isa::kPortable}), Mentions({"isa", "none", "avx2", "avx512"}));
  EXPECT_THAT(ErrorOf({.table = static_cast<PowerTable>(3)}),
              Mentions({"table", "3", "none", "register", "wide"}));
  EXPECT_THAT(ErrorOf({.isa = Isa::kAvx2, .vecs = 4}), Mentions({"vecs", "4", "17", "avx2", "16"}));
  EXPECT_THAT(ErrorOf({.isa = Isa::kAvx2, .vecs = 2, .table = PowerTable::kWide}, DType::kF64),
              Mentions({"table", "wide", "avx512", "isa", "avx2"}));
  EXPECT_THAT(ErrorOf({.isa = Isa::kAvx2, .vecs = 2, .reciprocal = 1}),
              Mentions({"reciprocal", "1", "avx512", "isa", "avx2"}));
  EXPECT_THAT(ErrorOf({}, DType::kF32, Isa::kAvx2), Mentions({"isa", "avx512", "avx2"}));
  EXPECT_THAT(ErrorOf({.threads = 0}), Mentions({"threads", "0", "1", "1024"}));
  EXPECT_THAT(ErrorOf({.threads = 100000}), Mentions({"threads", "100000", "1", "1024"}));
}

TEST(ValidateSigmoidMulTest, AnotherCpuHasNot) {
  Cpu cpu = CpuWith(Isa::kAvx2);
  cpu.detected_isa = Isa::kAvx2;
  EXPECT_THAT(Validate(SigmoidMulConfig{}, SigmoidMulProblem{}, cpu).message(),
              Mentions({"isa", "avx512", "avx2"}));
}

TEST(ValidateSigmoidMulTest, ConfigOfAnotherOperation) {
  EXPECT_THAT(Validate(SigmoidMulConfig{}, AttentionProblem{}, CpuWith(Isa::kAvx512)).message(),
              Mentions({"algorithm", "vectors", "attention"}));
  const Config config = SigmoidMulConfig{};
  EXPECT_EQ(Canonical(config, AttentionProblem{}), config);
}

TEST(ValidateTest, PortableIsValidEverywhere) {
  const Cpu none = CpuWith(Isa::kPortable);
  EXPECT_TRUE(Validate(PortableSigmoidMulConfig{.threads = 6}, SigmoidMulProblem{}, none).ok());
  EXPECT_TRUE(Validate(PortableAttentionConfig{.task_tiles = 16}, AttentionProblem{}, none).ok());
  EXPECT_TRUE(
      Validate(PortableAttentionConfig{}, AttentionProblem{.dtype = DType::kF16}, none).ok());
}

// A struct may say anything: a portable kernel has no instruction set, an emitted one has some.
TEST(ValidateTest, IsaIsOneOfTheAlgorithms) {
  const Cpu cpu = CpuWith(Isa::kAvx512);
  EXPECT_FALSE(
      Validate(PortableSigmoidMulConfig{.isa = Isa::kAvx2}, SigmoidMulProblem{}, cpu).ok());
  EXPECT_FALSE(Validate(SigmoidMulConfig{.isa = Isa::kPortable}, SigmoidMulProblem{}, cpu).ok());
  EXPECT_FALSE(Validate(TilesConfig{.isa = Isa::kPortable}, AttentionProblem{}, cpu).ok());
  EXPECT_FALSE(Validate(RowsConfig{.isa = Isa::kPortable}, AttentionProblem{}, cpu).ok());
}

TEST(CanonicalTest, OneKernelIsOnePoint) {
  const auto canonical = [](const SigmoidMulConfig& config, DType dtype) {
    return Canonical(config, SigmoidMulProblem{.dtype = dtype}).As<SigmoidMulConfig>();
  };
  constexpr PowerTable kRegister = PowerTable::kRegister, kWide = PowerTable::kWide;
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .reciprocal = 1}, DType::kF32).reciprocal, 0);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, DType::kF64).table, kRegister);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2}, DType::kF32).table, kRegister);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .table = kWide}, DType::kF32).table, kRegister);
  EXPECT_EQ(canonical({.isa = Isa::kAvx2, .table = kWide}, DType::kBF16).table, kRegister);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = kWide}, DType::kBF16).table, kWide);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = kWide}, DType::kF64).table, kWide);
  EXPECT_EQ(canonical({.isa = Isa::kAvx512, .table = kWide}, DType::kF32).table, kWide);
  const SigmoidMulConfig all = {.table = kRegister, .reciprocal = 1, .prefetch = 16};
  EXPECT_EQ(canonical(all, DType::kF64), all);
  const Config portable = PortableSigmoidMulConfig{.threads = 2};
  EXPECT_EQ(Canonical(portable, SigmoidMulProblem{}), portable);
}

TEST(KernelNameTest, IsTheCodeTheAlgorithmAndTheShapingFields) {
  EXPECT_EQ(KernelName(SigmoidMulProblem{}, SigmoidMulConfig{.threads = 7}),
            "silu_f32_vectors_avx512_v4u1_tregister_r0_nt0_p0a0");
  EXPECT_EQ(KernelName(SigmoidMulProblem{.dtype = DType::kF64}, PortableSigmoidMulConfig{}),
            "silu_f64_portable");
  EXPECT_EQ(KernelName(AttentionProblem{}, PortableAttentionConfig{.task_tiles = 4}),
            "attn_f32_d64_portable");
  EXPECT_EQ(KernelName(AttentionProblem{.mask = jit::Mask::kCausal},
                       RowsConfig{.threads = 2, .exp_degree = 5, .kv_split = 4}),
            "attn_f32_d64_causal_rows_avx512_q4b128_s1u4_e4d5_o0r4x4u2_p0");
  EXPECT_EQ(KernelName(AttentionProblem{}, TilesConfig{.exp_degree = 5, .task_tiles = 4}),
            "attn_f32_d64_tiles_avx512_q4b128k0_s6x4u4m0_ano_f1e4d5_natural_r6x4u2m0_ano_p0");
}

}  // namespace
}  // namespace jitattn::ops
