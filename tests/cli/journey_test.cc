// Tune, run, look, clear: the command as its user meets it, in processes of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cli/npy.h"
#include "tests/cli/process.h"

namespace jitattn::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Json = nlohmann::json;

// Small enough for a second, large enough that the search has something to choose.
std::vector<std::string> Tune(std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"tune", "--dim",  "32", "--evaluations",
                                        "4",    "--time", "120"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Json RunJson(const TempDir& cache, std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const ProcessResult result = RunJitattn(cache, arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
}

TEST(JourneyTest, TuneRunListClear) {
  const TempDir cache;
  const ProcessResult tuned = RunJitattn(cache, Tune());
  ASSERT_EQ(tuned.exit_code, 0) << tuned.err;
  EXPECT_THAT(tuned.out, AllOf(HasSubstr("GFLOP/s"), HasSubstr("GB/s"), HasSubstr(cache.path())));
  const std::vector<std::string> files = FilesUnder(cache.path());
  ASSERT_THAT(files, SizeIs(2));

  const Json run = RunJson(cache, {"run", "--dim", "32", "--check"});
  ASSERT_THAT(run["runs"], SizeIs(2));
  for (const Json& one : run["runs"]) {
    EXPECT_EQ(one["match"], "exact") << one;
    EXPECT_EQ(one["check"]["correct"], true) << one;
    EXPECT_THAT(files, testing::Contains(one["record"].get<std::string>()));
  }
  EXPECT_EQ(FilesUnder(cache.path()), files);  // run never tunes

  const ProcessResult list = RunJitattn(cache, {"cache", "list"});
  EXPECT_THAT(list.out, AllOf(HasSubstr("attn_f32_d32"), HasSubstr("silu_f32")));
  const std::string key =
      RunJson(cache, {"cache", "list"})["folders"][0]["records"][0]["record"]["key"];
  EXPECT_THAT(RunJitattn(cache, {"cache", "show", key}).out, HasSubstr(files[0]));

  // Nobody can be asked: refused. Then a filter, then all.
  EXPECT_EQ(RunJitattn(cache, {"cache", "clear"}).exit_code, 2);
  EXPECT_THAT(FilesUnder(cache.path()), SizeIs(2));
  EXPECT_EQ(RunJitattn(cache, {"cache", "clear", "--yes", "--op", "sigmoid-mul"}).out,
            "1 removed\n");
  EXPECT_THAT(FilesUnder(cache.path()), SizeIs(1));
  EXPECT_EQ(RunJitattn(cache, {"cache", "clear", "--yes", "--dim", "64"}).out, "0 removed\n");
  EXPECT_EQ(RunJitattn(cache, {"cache", "clear", "--yes"}).out, "1 removed\n");
  EXPECT_THAT(FilesUnder(cache.path()), IsEmpty());
  EXPECT_EQ(RunJson(cache, {"run", "--dim", "32"})["runs"][0]["match"], "none");
}

// What `bench --preset` measures is tuned by one command, and found by it.
TEST(JourneyTest, APresetIsTunedAndThenFound) {
  const TempDir cache;
  // An --isa above what this process may use is refused.
  const std::string isa(Name(std::min(HostCpu().isa, Isa::kAvx2)));
  const auto bench = [&] {
    return RunJson(cache, {"bench", "--preset", "small", "--isa", isa, "--threads", "1", "--repeat",
                           "1", "--time", "0.01"})["rows"];
  };
  const Json before = bench();
  const Json tuned = RunJson(
      cache, {"tune", "--preset", "small", "--evaluations", "1", "--isa", isa, "--threads", "1"});
  const Json after = bench();
  std::set<std::string> keys, found;
  for (const Json& problem : tuned["problems"]) keys.insert(problem["record"]["key"]);
  EXPECT_GE(keys.size(), 3u);
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    if (after[i]["source"] != before[i]["source"]) found.insert(after[i]["name"]);
  }
  EXPECT_THAT(found, testing::IsSupersetOf(keys));
}

TEST(JourneyTest, SimilarProblemsGetTheNearestRecord) {
  const TempDir cache;
  ASSERT_EQ(RunJitattn(cache, Tune({"--op", "attention"})).exit_code, 0);
  const Json run = RunJson(cache, {"run", "--op", "attention", "--seq", "50", "--head-dim", "32"});
  EXPECT_EQ(run["runs"][0]["match"], "nearest") << run;
}

TEST(JourneyTest, DamagedRecordsAreSkippedWithTheReason) {
  const TempDir cache;
  ASSERT_EQ(RunJitattn(cache, Tune({"--op", "attention"})).exit_code, 0);
  const std::string file = FilesUnder(cache.path()).at(0);
  WriteFile(file, "q_vecs = [");
  const Json run = RunJson(cache, {"run", "--dim", "32", "--op", "attention", "--check"});
  EXPECT_EQ(run["runs"][0]["match"], "none");
  EXPECT_EQ(run["runs"][0]["rejected"][0]["path"], file);
  EXPECT_EQ(run["runs"][0]["check"]["correct"], true);
  EXPECT_THAT(RunJitattn(cache, {"cache", "list"}).out, HasSubstr(file));
  EXPECT_EQ(RunJitattn(cache, {"cache", "clear", "--yes"}).out, "1 removed\n");
}

TEST(JourneyTest, FullDiskHarmsNoRecord) {
#if defined(__clang__)
  // LLVM's OpenMP ends a process that may write no file, by a signal, before main() begins.
  GTEST_SKIP() << "needs libgomp";
#endif
  const TempDir cache;
  ASSERT_EQ(RunJitattn(cache, Tune({"--op", "attention"})).exit_code, 0);
  const std::vector<std::string> files = FilesUnder(cache.path());
  const std::string before = ReadFile(files.at(0));
  const ProcessResult result =
      RunJitattn(cache, Tune({"--op", "attention", "--seed", "2"}), {.file_limit_bytes = 100});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(std::strerror(EFBIG)));
  EXPECT_EQ(FilesUnder(cache.path()), files);
  EXPECT_EQ(ReadFile(files.at(0)), before);
}

TEST(JourneyTest, UnwritableFolderIsSaid) {
  const TempDir cache;
  WriteFile(cache / "file", "");  // no folder can be made below a file, not even by root
  const ProcessResult result = RunJitattn(cache, Tune({"--op", "sigmoid-mul"}),
                                          {.env = {{"JITATTN_CACHE_DIR", cache / "file/below"}}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr(cache / "file"));
}

TEST(JourneyTest, CtrlCKeepsWhatWasFound) {
  const TempDir cache;
  Process process(JitattnCommand({"tune", "--dim", "64", "--op", "attention", "--evaluations",
                                  "500", "--time", "600"}),
                  {.env = {{"JITATTN_CACHE_DIR", cache.path()}}});
  ASSERT_TRUE(process.WaitForError("best "));
  process.Signal(SIGINT);
  const ProcessResult result = process.Finish();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_THAT(result.out, HasSubstr(cache.path()));
  EXPECT_THAT(FilesUnder(cache.path()), SizeIs(1));
}

TEST(JourneyTest, PipesGetPlainText) {
  const TempDir cache;
  const ProcessResult tuned = RunJitattn(cache, Tune(), {.env = {{"TERM", "xterm"}}});
  EXPECT_THAT(tuned.out + tuned.err, AllOf(Not(HasSubstr("\033")), Not(HasSubstr("\r"))));
  EXPECT_THAT(tuned.err, Not(IsEmpty()));
  const ProcessResult quiet = RunJitattn(cache, Tune({"--quiet"}));
  EXPECT_THAT(quiet.err, IsEmpty());
  EXPECT_EQ(std::count(quiet.out.begin(), quiet.out.end(), '\n'), 2) << quiet.out;
}

TEST(JourneyTest, TerminalsGetABar) {
  const TempDir cache;
  const ProcessOptions terminal = {.env = {{"TERM", "xterm"}, {"NO_COLOR", ""}}, .terminal = true};
  const ProcessResult tuned = RunJitattn(cache, Tune({"--op", "attention"}), terminal);
  EXPECT_EQ(tuned.exit_code, 0) << tuned.err;
  EXPECT_THAT(tuned.err, AllOf(HasSubstr("\r["), HasSubstr("#"), HasSubstr("\033[1m")));
  ProcessOptions no_color = terminal;
  no_color.env["NO_COLOR"] = "1";
  const ProcessResult plain = RunJitattn(cache, {"cache", "list"}, no_color);
  EXPECT_THAT(plain.err, AllOf(HasSubstr("attn_f32"), Not(HasSubstr("\033[1m"))));
}

TEST(JourneyTest, FilesInAndOut) {
  const TempDir folder;
  // Two queries, three keys; the second query is the first key ten times over, so that its softmax
  // is all but a choice of the first value.
  const std::vector<double> q = {0, 0, 100, 0}, k = {1, 0, 0, 1, 0, 0}, v = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(WriteNpy(folder / "q.npy", DType::kF64, {2, 2}, q.data()).ok());
  ASSERT_TRUE(WriteNpy(folder / "k.npy", DType::kF64, {3, 2}, k.data()).ok());
  ASSERT_TRUE(WriteNpy(folder / "v.npy", DType::kF64, {3, 2}, v.data()).ok());
  const Json run = RunJson(folder, {"run", "--q", folder / "q.npy", "--k", folder / "k.npy", "--v",
                                    folder / "v.npy", "--out", folder / "out.npy", "--check"});
  EXPECT_EQ(run["runs"][0]["problem"]["dtype"], "f64");
  EXPECT_EQ(run["runs"][0]["problem"]["kv_len"], 3);
  const auto out = ReadNpy(folder / "out.npy");
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->shape, (std::vector<int64_t>{2, 2}));
  const auto* numbers = static_cast<const double*>(out->data.data());
  EXPECT_NEAR(numbers[0], 3, 1e-12);  // all scores 0: the mean
  EXPECT_NEAR(numbers[1], 4, 1e-12);
  EXPECT_NEAR(numbers[2], 1, 1e-12);
  EXPECT_NEAR(numbers[3], 2, 1e-12);
}

// The study's budget of 18, its table, and what is confirmed of it saved a type.
TEST(JourneyTest, StudyASpace) {
  const TempDir cache;
  const Json tuned =
      RunJson(cache, {"tune", "--dim", "48", "--space", "study-a", "--time", "120", "--quiet"});
  EXPECT_LE(tuned["study"].size(), 18u);
  EXPECT_GE(tuned["study"].size(), 6u);  // the first generation
  std::set<std::string> points;
  for (const Json& trial : tuned["study"]) {
    EXPECT_TRUE(trial["error"].is_null()) << trial;
    points.insert(trial["dtype"].dump() + trial["threads"].dump() + trial["block"].dump());
  }
  EXPECT_EQ(points.size(), tuned["study"].size());  // no point twice
  for (const Json& problem : tuned["problems"]) {
    EXPECT_EQ(problem["record"]["strategy"], "genetic-study");
    EXPECT_THAT(problem["path"].get<std::string>(), HasSubstr(cache.path()));
  }
  EXPECT_EQ(
      RunJitattn(cache, {"tune", "--dim", "48", "--space", "study-a", "--dtype", "f32"}).exit_code,
      2);
}

// The columns of --heads and the leading axis of a cube are two layouts of the same heads.
TEST(JourneyTest, HeadsInColumnsOrInFront) {
  const TempDir folder;
  constexpr int kHeads = 3, kLength = 5, kSize = 4;
  std::vector<float> columns(kLength * kHeads * kSize), cube(columns.size());
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kLength; ++i) {
      for (int d = 0; d < kSize; ++d) {
        const float value = std::sin(1.0f + h * 37 + i * 11 + d * 3);
        columns[(i * kHeads + h) * kSize + d] = value;
        cube[(h * kLength + i) * kSize + d] = value;
      }
    }
  }
  ASSERT_TRUE(
      WriteNpy(folder / "a.npy", DType::kF32, {kLength, kHeads * kSize}, columns.data()).ok());
  ASSERT_TRUE(WriteNpy(folder / "b.npy", DType::kF32, {kHeads, kLength, kSize}, cube.data()).ok());
  const std::string a = folder / "a.npy", b = folder / "b.npy", out_a = folder / "out_a.npy",
                    out_b = folder / "out_b.npy";
  RunJson(folder,
          {"run", "--q", a, "--k", a, "--v", a, "--heads", "3", "--causal", "--out", out_a});
  RunJson(folder, {"run", "--q", b, "--k", b, "--v", b, "--causal", "--out", out_b});
  const auto in_columns = ReadNpy(out_a), in_front = ReadNpy(out_b);
  ASSERT_TRUE(in_columns.ok() && in_front.ok());
  EXPECT_EQ(in_columns->shape, (std::vector<int64_t>{kLength, kHeads * kSize}));
  EXPECT_EQ(in_front->shape, (std::vector<int64_t>{kHeads, kLength, kSize}));
  const auto* x = static_cast<const float*>(in_columns->data.data());
  const auto* y = static_cast<const float*>(in_front->data.data());
  for (int h = 0; h < kHeads; ++h) {
    for (int i = 0; i < kLength; ++i) {
      for (int d = 0; d < kSize; ++d) {
        ASSERT_EQ(x[(i * kHeads + h) * kSize + d], y[(h * kLength + i) * kSize + d])
            << "head " << h << ", row " << i << ", column " << d;
      }
    }
  }
}

TEST(JourneyTest, ShowPrintsSectionsRegistersAndTotals) {
  const TempDir cache;
  const ProcessResult probe = RunJitattn(cache, {"cpu", "--json"});
  if (Json::parse(probe.out)["isa"] == "none") GTEST_SKIP() << "needs avx2";
  const std::string raw = cache / "code.bin";
  const Json show = RunJson(cache, {"show", "--dim", "64", "--op", "attention", "--raw", raw});
  const Json& kernel = show["kernels"][0];
  EXPECT_EQ(ReadFile(raw).size(), kernel["code_bytes"]);
  int64_t instructions = 0, fmas = 0;
  for (const Json& totals : kernel["totals"]) {
    instructions += totals["instructions"].get<int64_t>();
    fmas += totals["fmas"].get<int64_t>();
  }
  EXPECT_EQ(instructions, static_cast<int64_t>(kernel["instructions"].size()));
  ASSERT_GT(fmas, 0);
  EXPECT_FALSE(kernel["sections"].empty());
  EXPECT_FALSE(kernel["registers"].empty());
  EXPECT_THAT(kernel["instructions"].back()["text"].get<std::string>(), HasSubstr("ret"));

  const ProcessResult text = RunJitattn(cache, {"show", "--dim", "64", "--isa", "avx2"});
  EXPECT_THAT(text.out, AllOf(HasSubstr("vfmadd"), HasSubstr("ymm"), Not(HasSubstr("zmm"))));
  const ProcessResult portable = RunJitattn(cache, {"show", "--dim", "64", "--isa", "none"});
  EXPECT_EQ(portable.exit_code, 0);
  EXPECT_THAT(portable.out, Not(HasSubstr("vfmadd")));
}

// Of the two operations of a --dim, the one that knows the fields.
TEST(JourneyTest, AConfigurationChoosesItsOperation) {
  const TempDir cache;
  const auto ops = [&](const std::string& config) {
    std::vector<std::string> ops;
    const Json json = RunJson(cache, {"run", "--dim", "64", "--config", config});
    for (const Json& run : json["runs"]) ops.push_back(run["problem"]["op"]);
    return ops;
  };
  EXPECT_THAT(ops("kv_block=64"), testing::ElementsAre("attention"));
  EXPECT_THAT(ops("vecs=2"), testing::ElementsAre("sigmoid-mul"));
  EXPECT_THAT(ops("threads=1"), testing::ElementsAre("attention", "sigmoid-mul"));
  EXPECT_THAT(ops("tile_rows=4"), testing::ElementsAre("attention"));
  EXPECT_THAT(ops("algorithm=rows"), testing::ElementsAre("attention"));
  EXPECT_EQ(RunJitattn(cache, {"run", "--dim", "64", "--config", "magic=1"}).exit_code, 2);
  // What is named is meant.
  EXPECT_EQ(RunJitattn(cache, {"run", "--dim", "64", "--op", "attention", "--config", "vecs=2"})
                .exit_code,
            2);
}

// Lengths of 0 and empty files, as the library takes them: no work, or rows of zeros.
TEST(JourneyTest, EmptyLengthsAndFiles) {
  const TempDir folder;
  const Json none = RunJson(folder, {"run", "--op", "attention", "--seq", "3", "--kv-seq", "0",
                                     "--head-dim", "8", "--check"});
  EXPECT_EQ(none["runs"][0]["check"]["correct"], true);
  EXPECT_EQ(RunJitattn(folder, {"tune", "--seq", "0", "--head-dim", "8"}).exit_code, 2);

  const std::vector<float> numbers(64, 1.0f);
  const auto write = [&](const char* name, std::vector<int64_t> shape) {
    EXPECT_TRUE(WriteNpy(folder / name, DType::kF32, shape, numbers.data()).ok());
    return folder / name;
  };
  const auto attention = [&](const std::string& q, const std::string& kv) {
    const Json run = RunJson(
        folder, {"run", "--q", q, "--k", kv, "--v", kv, "--out", folder / "out.npy", "--check"});
    EXPECT_EQ(run["runs"][0]["check"]["correct"], true);
    const auto out = ReadNpy(folder / "out.npy");
    return out.ok() ? out->shape : std::vector<int64_t>{-1};
  };
  const std::string rows = write("rows.npy", {4, 8}), no_rows = write("no_rows.npy", {0, 8});
  EXPECT_EQ(attention(rows, no_rows), (std::vector<int64_t>{4, 8}));
  const auto zeros = ReadNpy(folder / "out.npy");
  ASSERT_TRUE(zeros.ok());
  for (int i = 0; i < 32; ++i) EXPECT_EQ(static_cast<const float*>(zeros->data.data())[i], 0);
  EXPECT_EQ(attention(no_rows, rows), (std::vector<int64_t>{0, 8}));
  const std::string no_batch = write("no_batch.npy", {0, 2, 3, 4});
  EXPECT_EQ(attention(no_batch, no_batch), (std::vector<int64_t>{0, 2, 3, 4}));
  // Heads of no columns are no heads.
  const std::string no_columns = write("no_columns.npy", {4, 0});
  EXPECT_EQ(RunJitattn(folder, {"run", "--q", no_columns, "--k", no_columns, "--v", no_columns})
                .exit_code,
            2);
  for (const std::string& x : {no_rows, no_columns, write("none.npy", {0})}) {
    const Json run = RunJson(folder, {"run", "--x", x, "--out", folder / "y.npy", "--check"});
    EXPECT_EQ(run["runs"][0]["check"]["correct"], true) << x;
    const auto in = ReadNpy(x), out = ReadNpy(folder / "y.npy");
    ASSERT_TRUE(in.ok() && out.ok());
    EXPECT_EQ(out->shape, in->shape);
  }
}

TEST(JourneyTest, RunWithAGivenConfiguration) {
  const TempDir cache;
  const Json given = RunJson(cache, {"run", "--dim", "64", "--op", "sigmoid-mul", "--config",
                                     "vecs=2 threads=1", "--check"});
  // The portable path has no such field.
  if (HostCpu().isa != Isa::kPortable) EXPECT_EQ(given["runs"][0]["config"]["vecs"], 2);
  EXPECT_EQ(given["runs"][0]["check"]["correct"], true);
  const ProcessResult bad =
      RunJitattn(cache, {"run", "--dim", "64", "--op", "sigmoid-mul", "--config", "vecs=1000"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("vecs"));
}

// The portable path has no kernel to choose, only threads; what is tuned is verified and saved all
// the same, under a key of its own.
TEST(JourneyTest, TuneWithoutEmittedCode) {
  const TempDir cache;
  const Json tuned = RunJson(cache, Tune({"--isa", "none", "--threads", "2"}));
  ASSERT_THAT(tuned["problems"], SizeIs(2));
  for (const Json& problem : tuned["problems"]) {
    EXPECT_EQ(problem["record"]["isa"], "none");
    EXPECT_EQ(problem["record"]["config"]["isa"], "none");
    EXPECT_EQ(problem["record"]["config"]["algorithm"], "portable");
    EXPECT_LT(problem["record"]["max_error"], 1e-5);
    EXPECT_THAT(problem["path"].get<std::string>(), HasSubstr(".none.hot.toml"));
  }
  const Json run = RunJson(cache, {"run", "--dim", "32", "--isa", "none", "--threads", "2"});
  for (const Json& one : run["runs"]) EXPECT_EQ(one["match"], "exact") << one;
  EXPECT_EQ(RunJson(cache, {"run", "--dim", "32", "--threads", "2"})["runs"][0]["match"],
            RunJson(cache, {"cpu"})["isa"] == "none" ? "exact" : "none");
}

TEST(JourneyTest, SeveralObjectivesAndConstraints) {
  const TempDir cache;
  const Json tuned = RunJson(cache, Tune({"--op", "attention", "--objective", "memory,time,error",
                                          "--max-error", "1e-3", "--max-memory", "1M"}));
  const Json& problem = tuned["problems"][0];
  ASSERT_FALSE(problem["front"].empty());
  for (const Json& e : problem["front"]) {
    EXPECT_EQ(e["status"], "ok");
    EXPECT_LE(e["scratch_bytes"], 1 << 20);
    EXPECT_LE(e["max_error"], 1e-3);
  }
  EXPECT_EQ(problem["finalists"][problem["winner"].get<int>()]["config"],
            problem["record"]["config"]);

  const ProcessResult none = RunJitattn(cache, Tune({"--op", "attention", "--max-error", "1e-30"}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("1e-30"));
}

TEST(JourneyTest, EverythingWorksWithoutEmittedCode) {
  const TempDir cache;
  const ProcessResult result =
      RunJitattn(cache, {"run", "--dim", "24", "--check"}, {.env = {{"JITATTN_MAX_ISA", "none"}}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("correct"), Not(HasSubstr("WRONG"))));
}

}  // namespace
}  // namespace jitattn::cli
