// `jitattn cache`, and what becomes of records that kernels have changed under.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/process.h"
#include "tests/mentions.h"

namespace jitattn::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Json = nlohmann::json;

const std::vector<std::string> kTune = {"tune",          "--op", "sigmoid-mul", "--dim", "32",
                                        "--evaluations", "2",    "--time",      "120"};

ProcessResult TuneWith(const TempDir& cache, std::vector<std::string> more,
                       ProcessOptions options = {}) {
  std::vector<std::string> arguments = kTune;
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunJitattn(cache, arguments, options);
}

Json RunJson(const TempDir& cache, std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const ProcessResult result = RunJitattn(cache, arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.out, nullptr, /*allow_exceptions=*/false);
}

bool EmitsCode(const TempDir& cache) { return RunJson(cache, {"cpu"})["isa"] != "none"; }

// As a change of kernels leaves it.
void MakeStale(const std::string& file) {
  std::string text = ReadFile(file);
  const size_t hash = text.find("code_hash = \"0x");
  ASSERT_NE(hash, text.npos);
  char& digit = text[hash + 16];
  digit = digit == '1' ? '2' : '1';
  WriteFile(file, text);
}

std::string FolderOf(const std::string& file) { return file.substr(0, file.rfind('/')); }

TEST(CacheStale, WhoeverMeetsOneIsTold) {
  const TempDir cache;
  if (!EmitsCode(cache)) GTEST_SKIP() << "no code is emitted here";
  ASSERT_EQ(TuneWith(cache, {"--threads", "1"}).exit_code, 0);
  const std::vector<std::string> run = {"run",       "--op", "sigmoid-mul", "--dim", "32",
                                        "--threads", "1"};
  EXPECT_THAT(RunJitattn(cache, run).out, Not(HasSubstr("--stale")));
  EXPECT_THAT(RunJitattn(cache, {"cache", "list"}).out, Not(HasSubstr("--stale")));

  MakeStale(FilesUnder(cache.path()).at(0));
  const ProcessResult ran = RunJitattn(cache, run);
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.out, HasSubstr("jitattn tune --stale"));
  EXPECT_THAT(ran.err, IsEmpty()) << "told once";
  const Json told = RunJson(cache, run)["runs"][0];
  EXPECT_EQ(told["match"], "exact");
  EXPECT_EQ(told["stale_code"], true);

  const ProcessResult list = RunJitattn(cache, {"cache", "list"});
  EXPECT_THAT(list.out, Mentions({"1", "jitattn tune --stale"}));
  const Json listed = RunJson(cache, {"cache", "list", "--stale"});
  ASSERT_THAT(listed["folders"][0]["records"], SizeIs(1));
  EXPECT_EQ(listed["folders"][0]["records"][0]["stale_code"], true);
}

TEST(CacheStale, TuneStaleTunesThoseAgainUnderTheirKeys) {
  const TempDir cache;
  if (!EmitsCode(cache)) GTEST_SKIP() << "no code is emitted here";
  EXPECT_THAT(RunJson(cache, {"tune", "--stale"})["problems"], IsEmpty());
  ASSERT_EQ(TuneWith(cache, {"--threads", "1"}).exit_code, 0);
  ASSERT_EQ(TuneWith(cache, {"--threads", "1", "--buffers", "cold"}).exit_code, 0);
  ASSERT_EQ(TuneWith(cache, {"--isa", "avx2", "--threads", "1", "--dtype", "f64"}).exit_code, 0);
  ASSERT_EQ(TuneWith(cache, {"--isa", "none", "--threads", "1"}).exit_code, 0);
  const std::vector<std::string> files = FilesUnder(cache.path());
  ASSERT_THAT(files, SizeIs(4));
  std::vector<std::string> stale;
  std::string fresh;
  for (const std::string& file : files) {
    const bool cold = file.ends_with(".cold.toml"), f64 = file.find("silu_f64") != file.npos;
    if (cold || f64) {
      MakeStale(file);
      stale.push_back(file);
    } else if (file.find(".none.") == file.npos) {
      fresh = ReadFile(file);
    }
  }
  ASSERT_THAT(stale, SizeIs(2));

  // A cap below the key's leaves a record alone.
  EXPECT_THAT(RunJson(cache, {"tune", "--stale", "--isa", "none"})["problems"], IsEmpty());
  const Json tuned = RunJson(cache, {"tune", "--stale", "--evaluations", "2", "--quiet"});
  std::vector<std::string> paths;
  for (const Json& problem : tuned["problems"]) {
    paths.push_back(problem["path"].is_string() ? problem["path"] : problem["not_saved"]);
  }
  EXPECT_THAT(paths, testing::UnorderedElementsAreArray(stale));
  EXPECT_EQ(FilesUnder(cache.path()), files);
  for (const std::string& file : files) {
    if (file.ends_with(".hot.toml") && file.find("silu_f32") != file.npos &&
        file.find(".none.") == file.npos) {
      EXPECT_EQ(ReadFile(file), fresh);
    }
  }
  EXPECT_THAT(RunJson(cache, {"tune", "--stale"})["problems"], IsEmpty());
}

TEST(CacheStale, FlagsThatTheRecordsAnswer) {
  const TempDir cache;
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--dim", "32"},
                                               {"--preset", "square"},
                                               {"--threads", "1"},
                                               {"--buffers", "hot"},
                                               {"--layout", "heads"},
                                               {"--variants", "f64"},
                                               {"--record", "x.json"},
                                               {"--space", "study-a"}}) {
    std::vector<std::string> arguments = {"tune", "--stale"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = RunJitattn(cache, arguments);
    EXPECT_EQ(result.exit_code, 2) << more[0];
    EXPECT_THAT(result.err, Mentions({more[0]}));
  }
}

TEST(CacheClear, TakesRecordsAndLeftOversOnly) {
  const TempDir cache;
  ASSERT_EQ(TuneWith(cache, {}).exit_code, 0);
  const std::string record = FilesUnder(cache.path()).at(0), folder = FolderOf(record);
  const std::string damaged = folder + "/silu_f32.r1c64.t9.avx2.hot.toml",
                    foreign = folder + "/pyproject.toml", notes = folder + "/notes.txt",
                    link = folder + "/silu_f32.r1c96.t9.avx2.hot.toml",
                    old_left = folder + "/.tmp-1-0", new_left = folder + "/.tmp-2-0";
  for (const std::string& file : {damaged, foreign, notes, old_left, new_left, cache / "target"}) {
    WriteFile(file, "x");
  }
  ASSERT_EQ(symlink((cache / "target").c_str(), link.c_str()), 0);
  const timespec two_hours_ago[] = {{time(nullptr) - 7200, 0}, {time(nullptr) - 7200, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, old_left.c_str(), two_hours_ago, 0), 0);

  const Json cleared = RunJson(cache, {"cache", "clear", "--yes"});
  std::vector<std::string> removed = cleared["removed"], left = cleared["left"];
  EXPECT_THAT(removed, UnorderedElementsAre(record, damaged));
  EXPECT_THAT(left, UnorderedElementsAre(HasSubstr(foreign), HasSubstr(link)));
  EXPECT_THAT(FilesUnder(cache.path()),
              UnorderedElementsAre(foreign, notes, new_left, cache / "target", link));
  struct stat info;
  EXPECT_EQ(lstat(link.c_str(), &info), 0);
  EXPECT_TRUE(S_ISLNK(info.st_mode));
}

// The second of two removers finds nothing to remove, and succeeds.
TEST(CacheClear, ManyAtOnceAllSucceed) {
  const TempDir cache;
  ASSERT_EQ(TuneWith(cache, {}).exit_code, 0);
  const std::string record = FilesUnder(cache.path()).at(0), text = ReadFile(record);
  for (int round = 0; round < 4; ++round) {
    for (int i = 1; i < 40; ++i) {
      std::string name = record;
      name.replace(name.find(".r1c"), name.find(".t") - name.find(".r1c"),
                   ".r1c" + std::to_string(64 * i));
      WriteFile(name, text);
      chmod(name.c_str(), 0600);
    }
    std::vector<std::unique_ptr<Process>> clearing;
    for (int i = 0; i < 4; ++i) {
      clearing.push_back(
          std::make_unique<Process>(JitattnCommand({"cache", "clear", "--yes"}),
                                    ProcessOptions{.env = {{"JITATTN_CACHE_DIR", cache.path()}}}));
    }
    for (auto& process : clearing) {
      const ProcessResult result = process->Finish();
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
    EXPECT_THAT(FilesUnder(cache.path()), IsEmpty());
  }
}

TEST(CacheList, UnusableFilesAreNamedOnce) {
  const TempDir cache;
  ASSERT_EQ(TuneWith(cache, {}).exit_code, 0);
  const std::string file = FilesUnder(cache.path()).at(0);
  WriteFile(file, "?");
  const std::string out = RunJitattn(cache, {"cache", "list"}).out;
  EXPECT_NE(out.find(file), out.npos);
  EXPECT_EQ(out.find(file), out.rfind(file)) << out;
}

// As under systemd's MemoryDenyWriteExecute: every candidate would run the portable path.
TEST(Tune, WithoutExecutableMemoryAGoodRecordStands) {
  const TempDir cache;
  if (!EmitsCode(cache)) GTEST_SKIP() << "no code is emitted here";
  ASSERT_EQ(TuneWith(cache, {}).exit_code, 0);
  const std::string file = FilesUnder(cache.path()).at(0), before = ReadFile(file);
  const ProcessResult denied = TuneWith(cache, {}, {.no_executable_memory = true});
  if (denied.exit_code == kCannotDeny) GTEST_SKIP() << "no seccomp";
  EXPECT_EQ(denied.exit_code, 1);
  EXPECT_EQ(std::count(denied.err.begin(), denied.err.end(), '\n'), 1) << denied.err;
  EXPECT_THAT(denied.out, IsEmpty());
  EXPECT_THAT(FilesUnder(cache.path()), ElementsAre(file));
  EXPECT_EQ(ReadFile(file), before);
  // With --isa none there is no code to emit, so tuning still works.
  const ProcessResult portable =
      RunJitattn(cache,
                 {"tune", "--op", "sigmoid-mul", "--rows", "1", "--cols", "64", "--isa", "none",
                  "--threads", "1", "--evaluations", "1", "--time", "2"},
                 {.no_executable_memory = true});
  EXPECT_EQ(portable.exit_code, 0) << portable.err;
}

TEST(Tune, AFolderThatCannotBeWrittenIsToldFirst) {
  const TempDir cache;
  WriteFile(cache / "file", "");
  std::string deep = cache.path();
  while (deep.size() < 5000) deep += "/" + std::string(200, 'd');
  for (const std::string& root : {cache / "file/below", deep, std::string("/proc/none")}) {
    const ProcessResult result =
        RunJitattn(cache, {"tune", "--dim", "2048", "--time", "3600", "--evaluations", "100000"},
                   {.env = {{"JITATTN_CACHE_DIR", root}}});
    EXPECT_EQ(result.exit_code, 1) << root;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
  EXPECT_THAT(FilesUnder(cache.path()), ElementsAre(cache / "file"));
}

}  // namespace
}  // namespace jitattn::cli
