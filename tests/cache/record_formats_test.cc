// Records of older and of newer formats.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/strings/str_replace.h"
#include "cache/record.h"
#include "ops/attention/algorithms.h"
#include "ops/operation.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"

namespace jitattn::cache {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

absl::StatusOr<Record> Parsed(const std::string& text) {
  return ParseRecord(text, "r.toml", TestCpu());
}

std::string ErrorOf(const std::string& text) {
  return std::string(Parsed(text).status().message());
}

// The keys that format 1.0 had, frozen: whatever comes later, such files are read.
constexpr std::string_view kKeys_1_0[] = {"format",
                                          "key",
                                          "kernel",
                                          "code_hash",
                                          "jitattn_version",
                                          "xbyak_version",
                                          "date",
                                          "op",
                                          "dtype",
                                          "mask",
                                          "batch",
                                          "heads",
                                          "kv_heads",
                                          "q_len",
                                          "kv_len",
                                          "head_dim",
                                          "value_dim",
                                          "rows",
                                          "cols",
                                          "threads",
                                          "isa",
                                          "buffers",
                                          "q_vecs",
                                          "kv_block",
                                          "qk_keys",
                                          "qk_vecs",
                                          "qk_unroll",
                                          "qk_embed",
                                          "fuse_exp",
                                          "exp_vecs",
                                          "pv_form",
                                          "pv_rows",
                                          "pv_vecs",
                                          "pv_unroll",
                                          "pv_embed",
                                          "prefetch",
                                          "task_tiles",
                                          "vecs",
                                          "unroll",
                                          "table",
                                          "reciprocal",
                                          "non_temporal",
                                          "median_s",
                                          "mad_s",
                                          "min_s",
                                          "samples",
                                          "default_median_s",
                                          "gain",
                                          "gain_low",
                                          "gain_high",
                                          "max_error",
                                          "strategy",
                                          "seed",
                                          "evaluations",
                                          "space_size",
                                          "tuning_s",
                                          "complete",
                                          "machine_flags",
                                          "vendor",
                                          "family",
                                          "model",
                                          "stepping",
                                          "features",
                                          "microcode",
                                          "cores",
                                          "l1d_bytes",
                                          "l2_bytes",
                                          "l3_bytes"};

// What stood before format 1.4 for a line of [config] or [default_config]: a number for a word.
std::string Before_1_4(std::string_view key, std::string_view value) {
  constexpr std::string_view kPv[] = {"\"natural\"", "\"transposed\"", "\"pairs\""};
  constexpr std::string_view kTable[] = {"\"none\"", "\"register\"", "\"wide\""};
  if (key != "pv" && key != "table") return std::string(key) + " = " + std::string(value);
  const auto& words = key == "pv" ? kPv : kTable;
  const auto number = std::find(std::begin(words), std::end(words), value) - std::begin(words);
  return (key == "pv" ? "pv_form = " : "table = ") + std::to_string(number);
}

// A record of tiles or vectors as format 1.0 wrote it.
std::string OfFormat_1_0(const Record& record) {
  std::istringstream lines(SerializeRecord(record));
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find(" = ");
    if (equals != line.npos) {
      line = Before_1_4(line.substr(0, equals), line.substr(equals + 3));
    }
    const std::string_view key = std::string_view(line).substr(0, line.find(" = "));
    const bool kept = equals == line.npos || std::find(std::begin(kKeys_1_0), std::end(kKeys_1_0),
                                                       key) != std::end(kKeys_1_0);
    if (kept) text += line + "\n";
  }
  return Edited(text, "", "format", "\"1.0\"");
}

TEST(Record, AnOlderFormatLacksOnlyWhatCameLater) {
  for (const Record& record :
       {TestRecord(), TestRecord(ops::SigmoidMulProblem{.rows = 1024, .cols = 11008})}) {
    const std::string old = OfFormat_1_0(record);
    const auto read = Parsed(old);
    ASSERT_TRUE(read.ok()) << read.status() << old;
    EXPECT_EQ(read->problem, record.problem);
    EXPECT_EQ(read->config, record.config);  // what came later is at its default
    EXPECT_EQ(read->result.default_config, record.result.default_config);
    EXPECT_EQ(read->key.conditions.layout, ops::Layout::kHeads);
    EXPECT_TRUE(Parsed(SerializeRecord(*read)).ok());
    // Each key of its own format is needed, a whole section too.
    std::string section;
    std::istringstream lines(old);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('[')) section = line.substr(1, line.size() - 2);
      const size_t equals = line.find(" = ");
      if (equals == line.npos) continue;
      const std::string key = line.substr(0, equals);
      EXPECT_THAT(ErrorOf(Edited(old, section, key, std::nullopt)), HasSubstr(key + " is missing"))
          << section;
    }
    const size_t result = old.find("[default_config]"), end = old.find("[fingerprint]");
    EXPECT_FALSE(Parsed(std::string(old).erase(result, end - result)).ok());
  }
}

// `record` as format 1.`minor` wrote it, with these lines in [config] and [default_config].
std::string OfOldFormat(int minor, const Record& record, const std::string& config,
                        const std::string& default_config) {
  std::string text =
      Edited(SerializeRecord(record), "", "format", "\"1." + std::to_string(minor) + "\"");
  const size_t start = text.find("[config]"), end = text.find("[result]");
  return text.replace(start, end - start,
                      "[config]\n" + config + "\n[default_config]\n" + default_config + "\n");
}

// Attention's tunables had one list of keys for all its kernels.
constexpr char kQueries_1_3[] =
    "isa = \"avx512\"\nlanes = \"queries\"\nq_vecs = 2\nkv_block = 256\npack = 1\nqk_keys = 4\n"
    "qk_vecs = 2\nqk_unroll = 8\nqk_embed = 1\nqk_ahead = 2\nfuse_exp = 0\nexp_vecs = 3\n"
    "exp_degree = 3\npv_form = 1\npv_rows = 8\npv_vecs = 2\npv_unroll = 4\npv_embed = 0\n"
    "pv_ahead = 1\nprefetch = 2\ntask_tiles = 8\nkv_split = 0\nthreads = 2\n";
constexpr char kColumns_1_3[] =
    "isa = \"avx512\"\nlanes = \"columns\"\nq_vecs = 8\nkv_block = 256\npack = 0\nqk_keys = 2\n"
    "qk_vecs = 1\nqk_unroll = 16\nqk_embed = 0\nqk_ahead = 0\nfuse_exp = 0\nexp_vecs = 3\n"
    "exp_degree = 3\npv_form = 0\npv_rows = 4\npv_vecs = 3\npv_unroll = 4\npv_embed = 0\n"
    "pv_ahead = 0\nprefetch = 128\ntask_tiles = 1\nkv_split = 4\nthreads = 2\n";
constexpr char kNone_1_3[] =
    "isa = \"none\"\nlanes = \"queries\"\nq_vecs = 4\nkv_block = 128\npack = 0\nqk_keys = 6\n"
    "qk_vecs = 4\nqk_unroll = 4\nqk_embed = 0\nqk_ahead = 0\nfuse_exp = 1\nexp_vecs = 4\n"
    "exp_degree = 0\npv_form = 0\npv_rows = 6\npv_vecs = 4\npv_unroll = 2\npv_embed = 0\n"
    "pv_ahead = 0\nprefetch = 0\ntask_tiles = 4\nkv_split = 0\nthreads = 2\n";

const jit::RowsConfig kRowsOfColumns_1_3 = {.threads = 2,
                                            .tile_rows = 8,
                                            .kv_block = 256,
                                            .qk_keys = 2,
                                            .depth_vecs = 16,
                                            .exp_vecs = 3,
                                            .exp_degree = 3,
                                            .pv_rows = 4,
                                            .pv_vecs = 3,
                                            .pv_unroll = 4,
                                            .prefetch = 128,
                                            .kv_split = 4};

// What is read is a record of this format from then on.
void ExpectRead(const std::string& text, const ops::Config& config,
                const ops::Config& default_config, const Cpu& cpu = TestCpu()) {
  const auto read = ParseRecord(text, "r.toml", cpu);
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << text;
  EXPECT_EQ(ops::ToString(read->config), ops::ToString(config));
  EXPECT_TRUE(read->config == config);
  EXPECT_EQ(ops::ToString(read->result.default_config), ops::ToString(default_config));
  EXPECT_EQ(read->unknown_toml, "");  // nothing of another algorithm's is carried along
  const std::string rewritten = SerializeRecord(*read);
  const auto again = ParseRecord(rewritten, "r.toml", cpu);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << rewritten;
  EXPECT_THAT(AllFields(*again), ElementsAreArray(AllFields(*read)));
}

TEST(Record, LanesOfFormat_1_3_AreAlgorithms) {
  const Record record = TestRecord();
  const jit::TilesConfig tiles = {.threads = 2,
                                  .q_vecs = 2,
                                  .kv_block = 256,
                                  .pack = 1,
                                  .qk_keys = 4,
                                  .qk_vecs = 2,
                                  .qk_unroll = 8,
                                  .qk_embed = 1,
                                  .qk_ahead = 2,
                                  .fuse_exp = 0,
                                  .exp_vecs = 3,
                                  .exp_degree = 3,
                                  .pv = jit::PvForm::kTransposed,
                                  .pv_rows = 8,
                                  .pv_vecs = 2,
                                  .pv_unroll = 4,
                                  .pv_ahead = 1,
                                  .prefetch = 2,
                                  .task_tiles = 8};
  ExpectRead(OfOldFormat(3, record, kQueries_1_3, kColumns_1_3), tiles, kRowsOfColumns_1_3);
  ExpectRead(OfOldFormat(3, record, kColumns_1_3, kQueries_1_3), kRowsOfColumns_1_3, tiles);
}

TEST(Record, PairsOfFormat_1_3_AreAChoiceOfEachAlgorithm) {
  Cpu cpu = TestCpu();
  cpu.avx512_bf16 = true;
  ops::AttentionProblem problem = Attention(8, 512);
  problem.dtype = DType::kBF16;
  const Record record = TestRecord(problem);
  jit::RowsConfig rows = kRowsOfColumns_1_3;
  rows.pairs = 1;
  const std::string columns = absl::StrReplaceAll(kColumns_1_3, {{"pv_form = 0", "pv_form = 2"}});
  ExpectRead(OfOldFormat(3, record, columns, columns), rows, rows, cpu);
  const jit::TilesConfig tiles = {.fuse_exp = 0, .pv = jit::PvForm::kPairs};
  const std::string queries =
      absl::StrReplaceAll(kNone_1_3, {{"isa = \"none\"", "isa = \"avx512\""},
                                      {"fuse_exp = 1", "fuse_exp = 0"},
                                      {"pv_form = 0", "pv_form = 2"},
                                      {"task_tiles = 4", "task_tiles = 1"},
                                      {"threads = 2", "threads = 1"}});
  ExpectRead(OfOldFormat(3, record, queries, queries), tiles, tiles, cpu);
}

TEST(Record, NoIsaOfFormat_1_3_IsThePortableAlgorithm) {
  Record record = TestRecord();
  record.code_hash = 0;
  const ops::PortableAttentionConfig portable = {.threads = 2, .task_tiles = 4};
  ExpectRead(OfOldFormat(3, record, kNone_1_3, kNone_1_3), portable, portable);
  ExpectRead(OfOldFormat(3, record, kNone_1_3, kColumns_1_3), portable, kRowsOfColumns_1_3);
  Record silu = TestRecord(ops::SigmoidMulProblem{.rows = 100, .cols = 90});
  silu.code_hash = 0;
  const std::string none =
      "isa = \"none\"\nvecs = 4\nunroll = 1\ntable = 1\nreciprocal = 0\nnon_temporal = 0\n"
      "prefetch = 0\npage_ahead = 0\nthreads = 2\n";
  const ops::PortableSigmoidMulConfig portable_silu = {.threads = 2};
  ExpectRead(OfOldFormat(3, silu, none, none), portable_silu, portable_silu);
}

// What each minor format brought is at its default in the files before it, and needed from then on.
TEST(Record, EachMinorFormatBroughtItsKeys) {
  const std::string silu =
      "isa = \"avx512\"\nvecs = 3\nunroll = 2\ntable = 2\nreciprocal = 1\nnon_temporal = 0\n"
      "prefetch = 8\nthreads = 1\n";
  const Record of_silu = TestRecord(ops::SigmoidMulProblem{.rows = 100, .cols = 90});
  const jit::SigmoidMulConfig vectors = {
      .vecs = 3, .unroll = 2, .table = jit::PowerTable::kWide, .reciprocal = 1, .prefetch = 8};
  ExpectRead(OfOldFormat(1, of_silu, silu, silu), vectors, vectors);
  EXPECT_THAT(ErrorOf(OfOldFormat(2, of_silu, silu, silu)),
              HasSubstr("config.page_ahead is missing"));

  // 1.2 had no `pack`, `qk_ahead`, `exp_degree` and `pv_ahead`.
  const std::string columns = absl::StrReplaceAll(kColumns_1_3, {{"pack = 0\n", ""},
                                                                 {"qk_ahead = 0\n", ""},
                                                                 {"exp_degree = 3\n", ""},
                                                                 {"pv_ahead = 0\n", ""}});
  jit::RowsConfig rows = kRowsOfColumns_1_3;
  rows.exp_degree = 0;
  ExpectRead(OfOldFormat(2, TestRecord(), columns, columns), rows, rows);
  EXPECT_THAT(ErrorOf(OfOldFormat(3, TestRecord(), columns, columns)),
              HasSubstr("config.exp_degree is missing"));
  // 1.4 has the keys of the algorithm that it names, and no other's.
  EXPECT_THAT(ErrorOf(OfOldFormat(4, TestRecord(), columns, columns)),
              HasSubstr("config.algorithm is missing"));
}

TEST(Record, NewerMajorFormatIsRefusedWhateverItHolds) {
  const auto read = Parsed("format = \"2.0\"\neverything = \"is different\"");
  EXPECT_EQ(read.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(read.status().message(),
            "r.toml:1: format 2.0 is newer than this jitattn, which reads 1.x: the record needs a "
            "newer jitattn");
}

TEST(Record, NewerMinorFormatIsReadAndItsKeysAreKept) {
  std::string text = SerializeRecord(TestRecord());
  text = Edited(text, "", "format", "\"1.7\"");
  text = Edited(text, "", "date", "\"d\"\nnote = \"a \\u00e9\"\nwhen = 1979-05-27");
  text = Edited(text, "config", "threads", "1\nq_pack = 3\nnested = { a = [1, { b = inf }] }");
  text += "[energy]\njoules = 1.5\n[energy.more]\nx = true\n[[list]]\ny = 1\n[[list]]\ny = 2\n";
  const auto read = Parsed(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->unknown_toml,
            "list = [{ y = 1 }, { y = 2 }]\nnote = \"a \\u00e9\"\nwhen = 1979-05-27\n"
            "\n[config]\nnested = { a = [1, { b = inf }] }\nq_pack = 3\n"
            "\n[energy]\njoules = 1.5\nmore = { x = true }\n");

  const std::string rewritten = SerializeRecord(*read);
  EXPECT_THAT(rewritten, HasSubstr("threads = 1\nnested = { a = [1, { b = inf }] }\nq_pack = 3\n"));
  const auto again = Parsed(rewritten);
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << rewritten;
  EXPECT_THAT(AllFields(*again), ElementsAreArray(AllFields(*read)));
}

}  // namespace
}  // namespace jitattn::cache
