// Records as text: every field there and back, and every field refused when it is wrong.

#include "cache/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_replace.h"
#include "ops/attention/algorithms.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

absl::StatusOr<Record> Parsed(const std::string& text) {
  return ParseRecord(text, "r.toml", TestCpu());
}

std::string ErrorOf(const std::string& text) {
  return std::string(Parsed(text).status().message());
}

TEST(Key, NamesTheFile) {
  EXPECT_EQ(TestRecord().key.ToString(), "attn_f32_d64_causal.b2h16g4.q1024k1024.t2.avx512.hot");
  const ops::SigmoidMulProblem silu{.dtype = DType::kF64, .rows = 1000, .cols = 1000};
  EXPECT_EQ(MakeKey(silu, {.isa = Isa::kPortable, .buffers = ops::Buffers::kCold}).ToString(),
            "silu_f64.r1c1048576.t1.none.cold");
}

TEST(Record, RoundTripKeepsEveryField) {
  for (const Record& record :
       {TestRecord(), TestRecord(ops::SigmoidMulProblem{.rows = 1024, .cols = 11008})}) {
    const std::string text = SerializeRecord(record);
    const auto read = Parsed(text);
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
    EXPECT_THAT(AllFields(*read), ElementsAreArray(AllFields(record)));
    EXPECT_EQ(read->problem, record.problem);
    EXPECT_EQ(read->config, record.config);
    EXPECT_EQ(read->result.default_config, record.result.default_config);
    EXPECT_EQ(SerializeRecord(*read), text);
  }
}

TEST(Record, RoundTripKeepsTheTypeOfKeysAndValues) {
  ops::AttentionProblem problem{.q_len = 4, .kv_len = 64};
  problem.kv_type = jit::KvType::kI8;
  problem.kv_scale_block = 32;
  const Record record = TestRecord(problem);
  EXPECT_THAT(record.key.ToString(), StartsWith("attn_f32_d64_kvi8b32."));
  const std::string text = SerializeRecord(record);
  EXPECT_THAT(text, HasSubstr("kv_type = \"i8\""));
  const auto read = Parsed(text);
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
  EXPECT_EQ(read->problem, record.problem);
  EXPECT_THAT(SerializeRecord(TestRecord()), Not(HasSubstr("kv_type")));
  EXPECT_THAT(SerializeRecord(TestRecord()), Not(HasSubstr("kv_scale_block")));
  const auto refused = Parsed(Edited(text, "problem", "kv_scale_block", "40"));
  EXPECT_THAT(refused.status().message(), Mentions({"kv_scale_block", "40", "32"}));
}

TEST(Record, RoundTripKeepsEveryTunableOfEveryAlgorithm) {
  int algorithms = 0;
  for (const Record& record :
       {TestRecord(), TestRecord(ops::SigmoidMulProblem{.rows = 1024, .cols = 11008})}) {
    for (const ops::Algorithm* algorithm : record.problem.operation().algorithms) {
      ++algorithms;
      for (const ops::Field& field : algorithm->fields) {
        for (int value : field.values) {
          // The default's are not judged, so that any value will do.
          Record changed = record;
          changed.result.default_config = algorithm->blank();
          field.set(changed.result.default_config, value);
          const auto read = Parsed(SerializeRecord(changed));
          ASSERT_TRUE(read.ok()) << read.status();
          EXPECT_EQ(read->result.default_config, changed.result.default_config)
              << algorithm->name << " " << field.name << " " << value;
        }
      }
    }
  }
  EXPECT_EQ(algorithms, 5);
}

TEST(Record, RoundTripKeepsOddStrings) {
  for (const std::string& odd :
       {std::string(), std::string("\"'\\#=[]{}"), std::string("line\nline\r\n\ttab"),
        std::string("nul\0nul", 7), std::string("\x1b[31mred\x7f"), std::string("µ π 語 🙂"),
        std::string(2000, '.')}) {
    Record record = TestRecord();
    record.kernel = record.date = record.jitattn_version = record.xbyak_version = odd;
    record.result.strategy = record.fingerprint.microcode = odd;
    record.result.machine_flags = {odd, "", odd};
    const auto read = Parsed(SerializeRecord(record));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_THAT(AllFields(*read), ElementsAreArray(AllFields(record)));
  }
}

TEST(Record, EveryKeyIsNeededAndHasOneType) {
  for (const Record& record : {TestRecord(), TestRecord(ops::SigmoidMulProblem{.rows = 7})}) {
    const std::string text = SerializeRecord(record);
    std::string section;
    int keys = 0, line_number = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      ++line_number;
      if (line.starts_with('[')) section = line.substr(1, line.size() - 2);
      const size_t equals = line.find(" = ");
      if (equals == line.npos) continue;
      ++keys;
      const std::string key = line.substr(0, equals);
      const std::string name = section.empty() ? key : section + "." + key;
      EXPECT_THAT(ErrorOf(Edited(text, section, key, std::nullopt)), Mentions({name}));
      // No field of ours is a date.
      EXPECT_THAT(ErrorOf(Edited(text, section, key, "1979-05-27")),
                  AllOf(StartsWith("r.toml:" + std::to_string(line_number) + ": "),
                        Mentions({name, "1979-05-27"})));
    }
    EXPECT_GT(keys, 45);
  }
}

TEST(Record, SectionsMustBeTables) {
  std::string text = SerializeRecord(TestRecord());
  text = absl::StrReplaceAll(text, {{"[result]", "[result2]"}});
  EXPECT_THAT(ErrorOf(text), Mentions({"result.median_s"}));
  text = absl::StrReplaceAll(text, {{"date = ", "result = 3\ndate = "}});
  EXPECT_THAT(ErrorOf(text), Mentions({"result", "3"}));
  EXPECT_THAT(ErrorOf("format = \"1.5\""), Mentions({"key"}));
}

struct BadValue {
  const char *section, *key, *value;
  std::vector<std::string> data;  // that the message carries
};

void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.section << "." << bad.key << " = " << bad.value;
}

class BadValueTest : public ::testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRefused) {
  const auto& [section, key, value, data] = GetParam();
  const auto read = Parsed(Edited(SerializeRecord(TestRecord()), section, key, value));
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), StartsWith("r.toml:"));
  EXPECT_THAT(read.status().message(), Mentions(data));
}

constexpr char kFar[] = "9223372036854775807";

INSTANTIATE_TEST_SUITE_P(
    All, BadValueTest,
    ::testing::Values(
        BadValue{"", "format", "\"0.9\"", {"\"0.9\""}},
        BadValue{"", "format", "\"1\"", {"\"1.5\""}},
        BadValue{"", "format", "\"1.-1\"", {"format"}},
        BadValue{"", "format", "\"1.0.0\"", {"format"}}, BadValue{"", "format", "1.0", {"format"}},
        BadValue{"", "key", "\"../../etc/passwd\"", {"\"../../etc/passwd\""}},
        BadValue{"", "code_hash", "\"0x\"", {"code_hash", "\"0x\""}},
        BadValue{"", "code_hash", "\"12\"", {"code_hash", "\"12\""}},
        BadValue{"", "code_hash", "\"0x12g\"", {"code_hash", "\"0x12g\""}},
        BadValue{"", "code_hash", "\"0x11112222333344445\"", {"code_hash"}},
        BadValue{"problem", "op", "\"axpy\"", {"problem.op", "\"axpy\""}},
        BadValue{"problem", "op", "\"\"", {"problem.op", "\"\""}},
        BadValue{"problem", "op", "\"sigmoid-mul\"", {"problem.rows"}},
        BadValue{"problem", "dtype", "\"f8\"", {"problem.dtype", "\"f8\""}},
        BadValue{"problem", "mask", "\"\\u001b[31m\"", {"problem.mask", "\"\\u001b[31m\""}},
        BadValue{"problem", "batch", "0", {"problem.batch", "0", "1"}},
        BadValue{"problem", "heads", "-1", {"problem.heads", "-1"}},
        BadValue{"problem", "heads", "17", {"heads", "17", "kv_heads", "4"}},
        BadValue{"problem", "kv_heads", "0", {"problem.kv_heads", "0"}},
        BadValue{"problem", "q_len", "-1", {"problem.q_len", "-1"}},
        BadValue{"problem", "q_len", kFar, {"q", "9223372036854775807"}},
        BadValue{"problem", "q_len", "4611686018427387904", {"2^62"}},
        BadValue{"problem", "kv_len", "4611686018427387904", {"2^62"}},
        BadValue{
            "problem", "kv_len", "3000", {"attn_f32_d64_causal.b2h16g4.q1024k3072.t2.avx512.hot"}},
        BadValue{"problem", "head_dim", "0", {"problem.head_dim", "0"}},
        BadValue{"problem", "head_dim", "4097", {"problem.head_dim", "4097"}},
        BadValue{"problem", "value_dim", "1.5", {"problem.value_dim", "1.5"}},
        BadValue{"conditions", "threads", "0", {"conditions.threads", "0"}},
        BadValue{"conditions", "threads", "65537", {"conditions.threads", "65537"}},
        BadValue{"conditions", "threads", "3", {"key"}},
        BadValue{"conditions", "isa", "\"avx9\"", {"conditions.isa", "\"avx9\""}},
        BadValue{"conditions", "buffers", "\"warm\"", {"conditions.buffers", "\"warm\""}},
        BadValue{"config", "threads", "3", {"config.threads", "3", "conditions.threads", "2"}},
        BadValue{"config", "isa", "\"sse\"", {"none", "avx2", "avx512"}},
        BadValue{"config", "isa", "2", {"config.isa"}},
        BadValue{"config", "isa", "\"none\"", {"isa"}},
        BadValue{"config", "algorithm", "\"axpy\"", {"config.algorithm", "\"axpy\""}},
        BadValue{"config", "algorithm", "\"vectors\"", {"config.algorithm", "\"vectors\""}},
        BadValue{"config", "algorithm", "1", {"config.algorithm", "1"}},
        BadValue{"config", "algorithm", "\"rows\"", {"config.tile_rows"}},
        BadValue{"default_config",
                 "algorithm",
                 "\"columns\"",
                 {"default_config.algorithm", "\"columns\""}},
        BadValue{"config", "pv", "0", {"config.pv", "0"}},
        BadValue{"config", "pv", "\"sideways\"", {"natural", "transposed", "pairs"}},
        BadValue{"config", "pv", "\"pairs\"", {"bf16", "avx512"}},
        BadValue{"config", "qk_ahead", "\"l3\"", {"l1", "l2"}},
        BadValue{"config", "exp_degree", "\"none\"", {"default"}},
        BadValue{"config", "exp_degree", "0", {"config.exp_degree", "0", "1"}},
        BadValue{"config", "exp_degree", "6", {"exp_degree", "6"}},
        BadValue{"config", "q_vecs", "-1", {"config.q_vecs", "-1"}},
        BadValue{"config", "q_vecs", kFar, {"config.q_vecs", "9223372036854775807"}},
        BadValue{"config", "q_vecs", "1000000", {"q_vecs", "1000000"}},
        BadValue{"default_config", "q_vecs", "-1", {"default_config.q_vecs", "-1"}},
        BadValue{"result", "median_s", "0.0", {"result.median_s", "0.0"}},
        BadValue{"result", "median_s", "nan", {"result.median_s"}},
        BadValue{"result", "median_s", "inf", {"result.median_s"}},
        BadValue{"result", "mad_s", "-1e-9", {"result.mad_s", "-1e-09"}},
        BadValue{"result", "min_s", "-inf", {"result.min_s"}},
        BadValue{"result", "samples", "0", {"result.samples", "0"}},
        BadValue{"result", "samples", "2147483648", {"result.samples", "2147483648"}},
        BadValue{"result", "default_median_s", "1e10", {"result.default_median_s", "1e+10"}},
        BadValue{"result", "gain", "0", {"result.gain", "0.0"}},
        BadValue{"result", "gain_low", "nan", {"result.gain_low"}},
        BadValue{"result", "gain_low", "3.0", {"result.gain_low", "3", "gain_high", "2.125"}},
        BadValue{"result", "gain_high", "-2.0", {"result.gain_high", "-2.0"}},
        BadValue{"result", "max_error", "inf", {"result.max_error"}},
        BadValue{"result", "max_error", "-1.0", {"result.max_error", "-1.0"}},
        BadValue{"result", "seed", "\"18446744073709551616\"", {"result.seed"}},
        BadValue{"result", "seed", "\"-1\"", {"result.seed"}},
        BadValue{"result", "seed", "\"\"", {"result.seed"}},
        BadValue{"result", "evaluations", "-1", {"result.evaluations", "-1"}},
        BadValue{"result", "space_size", "-1", {"result.space_size", "-1"}},
        BadValue{"result", "tuning_s", "nan", {"result.tuning_s"}},
        BadValue{"result", "complete", "1", {"result.complete", "1"}},
        BadValue{"result", "machine_flags", "[\"a\", 1]", {"result.machine_flags"}},
        BadValue{"fingerprint", "model", "17", {"fingerprint.model", "17"}}));

TEST(Record, WhatTheCpuCannotRunIsRefused) {
  Cpu cpu = TestCpu();
  cpu.isa = Isa::kAvx2;
  const auto read = ParseRecord(SerializeRecord(TestRecord()), "r.toml", cpu);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("avx512"));
}

TEST(Record, ConfigMayNotExceedTheCapItWasTunedUnder) {
  Record record = TestRecord();
  record.key.conditions.isa = Isa::kAvx2;
  EXPECT_THAT(ErrorOf(SerializeRecord(record)), Mentions({"config.isa", "conditions.isa", "avx2"}));
}

TEST(Record, WhatIsUnknownIsNamed) {
  const std::string text = SerializeRecord(TestRecord());
  for (const auto& [section, key] :
       {std::pair("problem", "op"), {"config", "algorithm"}, {"default_config", "algorithm"}}) {
    const auto read = Parsed(Edited(text, section, key, "\"axpy\""));
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(read.status().message()), HasSubstr("axpy"));
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(std::string(section) + "." + key));
  }
}

TEST(Record, WhatEmittedNoCodeIsNoRecordOfAKernel) {
  Record record = TestRecord();
  record.code_hash = 0;
  const auto refused = Parsed(SerializeRecord(record));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), Mentions({"code_hash", "0"}));
  // The portable path has none.
  record.config = ops::PortableAttentionConfig{};
  EXPECT_TRUE(Parsed(SerializeRecord(record)).ok());
}

TEST(Record, UnknownTextThatIsNoTomlIsDropped) {
  Record record = TestRecord();
  record.unknown_toml = "x = = 1";
  EXPECT_EQ(SerializeRecord(record), SerializeRecord(TestRecord()));
}

TEST(Record, HandWrittenFormsAreRead) {
  std::string text = SerializeRecord(TestRecord());
  text = Edited(text, "result", "gain", "2");          // for 2.0
  text = Edited(text, "", "code_hash", "\"0xFEDC\"");  // short, capitals
  text = Edited(text, "problem", "q_len", "0x3_e8 # hexadecimal");
  text = absl::StrReplaceAll(text, {{"\n", "\r\n"}});
  const auto read = Parsed(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->result.gain, 2);
  EXPECT_EQ(read->code_hash, 0xfedcu);
  EXPECT_EQ(read->problem, TestRecord().problem);
}

}  // namespace
}  // namespace jitattn::cache
