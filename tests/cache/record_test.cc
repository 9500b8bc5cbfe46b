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

namespace jitattn::cache {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
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
      EXPECT_THAT(ErrorOf(Edited(text, section, key, std::nullopt)),
                  HasSubstr(name + " is missing"));
      // No field of ours is a date.
      EXPECT_THAT(ErrorOf(Edited(text, section, key, "1979-05-27")),
                  StartsWith("r.toml:" + std::to_string(line_number) + ": " + name +
                             " is 1979-05-27, must be "));
    }
    EXPECT_GT(keys, 45);
  }
}

TEST(Record, SectionsMustBeTables) {
  std::string text = SerializeRecord(TestRecord());
  text = absl::StrReplaceAll(text, {{"[result]", "[result2]"}});
  EXPECT_THAT(ErrorOf(text), HasSubstr("result.median_s is missing"));
  text = absl::StrReplaceAll(text, {{"date = ", "result = 3\ndate = "}});
  EXPECT_THAT(ErrorOf(text), HasSubstr("result is 3, must be a table"));
  EXPECT_THAT(ErrorOf("format = \"1.4\""), HasSubstr("key is missing"));
}

struct BadValue {
  const char *section, *key, *value, *why;
};

void PrintTo(const BadValue& bad, std::ostream* out) {
  *out << bad.section << "." << bad.key << " = " << bad.value;
}

class BadValueTest : public ::testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRefused) {
  const auto& [section, key, value, why] = GetParam();
  const auto read = Parsed(Edited(SerializeRecord(TestRecord()), section, key, value));
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), StartsWith("r.toml:"));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(why));
}

constexpr char kFar[] = "9223372036854775807";

INSTANTIATE_TEST_SUITE_P(
    All, BadValueTest,
    ::testing::Values(
        BadValue{"", "format", "\"0.9\"", "format is \"0.9\""},
        BadValue{"", "format", "\"1\"", "must be a string like \"1.4\""},
        BadValue{"", "format", "\"1.-1\"", "must be a string like"},
        BadValue{"", "format", "\"1.0.0\"", "must be a string like"},
        BadValue{"", "format", "1.0", "must be a string like"},
        BadValue{"", "key", "\"../../etc/passwd\"", "key is \"../../etc/passwd\", but the fields"},
        BadValue{"", "code_hash", "\"0x\"", "code_hash is \"0x\", must be 0x and"},
        BadValue{"", "code_hash", "\"12\"", "must be 0x and up to 16 hexadecimal digits"},
        BadValue{"", "code_hash", "\"0x12g\"", "must be 0x and"},
        BadValue{"", "code_hash", "\"0x11112222333344445\"", "must be 0x and"},
        BadValue{"problem", "op", "\"axpy\"", "problem.op is \"axpy\""},
        BadValue{"problem", "op", "\"\"", "problem.op is \"\""},
        BadValue{"problem", "op", "\"sigmoid-mul\"", "problem.rows is missing"},
        BadValue{"problem", "dtype", "\"f8\"", "problem.dtype is \"f8\""},
        BadValue{"problem", "mask", "\"\\u001b[31m\"", "problem.mask is \"\\u001b[31m\""},
        BadValue{"problem", "batch", "0", "problem.batch is 0, must lie between 1 and"},
        BadValue{"problem", "heads", "-1", "problem.heads is -1"},
        BadValue{"problem", "heads", "17", "heads 17 is not a multiple of kv_heads 4"},
        BadValue{"problem", "kv_heads", "0", "problem.kv_heads is 0"},
        BadValue{"problem", "q_len", "-1", "problem.q_len is -1"},
        BadValue{"problem", "q_len", kFar, "q has 2×16×9223372036854775807×64 elements"},
        BadValue{"problem", "q_len", "4611686018427387904", "2^62 bytes"},
        BadValue{"problem", "kv_len", "4611686018427387904", "2^62 bytes"},
        BadValue{"problem", "kv_len", "3000",
                 "but the fields below make attn_f32_d64_causal."
                 "b2h16g4.q1024k3072.t2.avx512.hot"},
        BadValue{"problem", "head_dim", "0", "problem.head_dim is 0"},
        BadValue{"problem", "head_dim", "4097", "problem.head_dim is 4097"},
        BadValue{"problem", "value_dim", "1.5", "problem.value_dim is 1.5, must be an integer"},
        BadValue{"conditions", "threads", "0", "conditions.threads is 0"},
        BadValue{"conditions", "threads", "65537", "conditions.threads is 65537"},
        BadValue{"conditions", "threads", "3", "but the fields below make"},
        BadValue{"conditions", "isa", "\"avx9\"", "conditions.isa is \"avx9\", which is no isa"},
        BadValue{"conditions", "buffers", "\"warm\"", "conditions.buffers is \"warm\""},
        BadValue{"config", "threads", "3", "config.threads is 3, above conditions.threads 2"},
        BadValue{"config", "isa", "\"sse\"", "must be one of none, avx2, avx512"},
        BadValue{"config", "isa", "2", "must be a word"},
        BadValue{"config", "isa", "\"none\"", "isa none: expected one of avx2, avx512"},
        BadValue{"config", "algorithm", "\"axpy\"", "config.algorithm is \"axpy\""},
        BadValue{"config", "algorithm", "\"vectors\"", "config.algorithm is \"vectors\""},
        BadValue{"config", "algorithm", "1", "config.algorithm is 1, must be a word"},
        BadValue{"config", "algorithm", "\"rows\"", "config.tile_rows is missing"},
        BadValue{"default_config", "algorithm", "\"columns\"",
                 "default_config.algorithm is \"columns\""},
        BadValue{"config", "pv", "0", "config.pv is 0, must be a word"},
        BadValue{"config", "pv", "\"sideways\"", "one of natural, transposed, pairs"},
        BadValue{"config", "pv", "\"pairs\"", "needs bf16 and avx512"},
        BadValue{"config", "qk_ahead", "\"l3\"", "must be one of no, l1, l2"},
        BadValue{"config", "exp_degree", "\"none\"", "must be one of default"},
        BadValue{"config", "exp_degree", "0", "config.exp_degree is 0, must lie between 1 and"},
        BadValue{"config", "exp_degree", "6", "exp_degree 6: expected one of"},
        BadValue{"config", "q_vecs", "-1", "config.q_vecs is -1"},
        BadValue{"config", "q_vecs", kFar, "config.q_vecs is 9223372036854775807"},
        BadValue{"config", "q_vecs", "1000000", "q_vecs 1000000: expected one of"},
        BadValue{"default_config", "q_vecs", "-1", "default_config.q_vecs is -1"},
        BadValue{"result", "median_s", "0.0", "result.median_s is 0.0, must lie between"},
        BadValue{"result", "median_s", "nan", "result.median_s is nan"},
        BadValue{"result", "median_s", "inf", "result.median_s is inf"},
        BadValue{"result", "mad_s", "-1e-9", "result.mad_s is -1e-09"},
        BadValue{"result", "min_s", "-inf", "result.min_s is -inf"},
        BadValue{"result", "samples", "0", "result.samples is 0"},
        BadValue{"result", "samples", "2147483648", "result.samples is 2147483648"},
        BadValue{"result", "default_median_s", "1e10", "result.default_median_s is 1e+10"},
        BadValue{"result", "gain", "0", "result.gain is 0.0"},
        BadValue{"result", "gain_low", "nan", "result.gain_low is nan"},
        BadValue{"result", "gain_low", "3.0", "result.gain_low 3 is above gain_high 2.125"},
        BadValue{"result", "gain_high", "-2.0", "result.gain_high is -2.0"},
        BadValue{"result", "max_error", "inf", "result.max_error is inf"},
        BadValue{"result", "max_error", "-1.0", "result.max_error is -1.0"},
        BadValue{"result", "seed", "\"18446744073709551616\"", "a whole number below 2^64"},
        BadValue{"result", "seed", "\"-1\"", "a whole number below 2^64"},
        BadValue{"result", "seed", "\"\"", "a whole number below 2^64"},
        BadValue{"result", "evaluations", "-1", "result.evaluations is -1"},
        BadValue{"result", "space_size", "-1", "result.space_size is -1"},
        BadValue{"result", "tuning_s", "nan", "result.tuning_s is nan"},
        BadValue{"result", "complete", "1", "result.complete is 1, must be true or false"},
        BadValue{"result", "machine_flags", "[\"a\", 1]", "must be an array of strings"},
        BadValue{"fingerprint", "model", "17", "fingerprint.model is 17, must be a string"}));

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
  EXPECT_THAT(ErrorOf(SerializeRecord(record)),
              HasSubstr("config.isa is above conditions.isa avx2"));
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
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("code_hash is 0"));
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
