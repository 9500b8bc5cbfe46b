// The two policies on a miss: the problem is noted for later, or tuned now. Through the C API, in
// processes with a cache of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cache/misses.h"
#include "jit/executable_memory.h"
#include "jitattn/jitattn.h"
#include "tests/scoped_env.h"

namespace jitattn::runtime {
namespace {

namespace fs = std::filesystem;

// The folder of a test; child processes find it in the environment.
std::string Folder() { return std::getenv("JITATTN_CACHE_DIR"); }
std::string MissFile() { return Folder() + "/misses.txt"; }

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

bool CanTune() { return HostCpu().isa != Isa::kPortable && jit::ExecutableMemoryAllowed(); }

jitattn_attention_problem Attention(int64_t length) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, length, 16);
  return problem;
}

jitattn_plan_options Options(const std::string* miss_file) {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = 1;
  if (miss_file != nullptr) options.miss_file = miss_file->c_str();
  return options;
}

// The record's match of a plan with these options; −1 if there is no plan.
int MatchOf(const jitattn_attention_problem& problem, const jitattn_plan_options& options) {
  jitattn_plan* plan = nullptr;
  if (jitattn_attention_plan(&problem, &options, &plan) != JITATTN_OK) return -1;
  jitattn_plan_info info{.struct_size = sizeof info};
  jitattn_plan_get_info(plan, &info);
  const int match = info.match;
  jitattn_plan_free(plan);
  return match;
}

// 0, or the number of the step that was wrong.
using Body = int (*)();

class RecordMissDeathTest : public testing::Test {
 protected:
  RecordMissDeathTest() {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    std::string folder = testing::TempDir() + "/record_miss_XXXXXX";
    root_ = mkdtemp(folder.data());
  }
  ~RecordMissDeathTest() override { fs::remove_all(root_); }

  static void Expect(Body body) { EXPECT_EXIT(_exit(body()), testing::ExitedWithCode(0), ""); }

  std::string root_;
};

TEST_F(RecordMissDeathTest, AProblemIsNotedOnce) {
  const ScopedEnv cache("JITATTN_CACHE_DIR", root_);
  Expect([] {
    const std::string file = MissFile();
    const jitattn_plan_options options = Options(&file);
    for (const int64_t length : {100, 100, 128, 90}) MatchOf(Attention(length), options);
    if (Lines(file).size() != 2) return 1;  // 90 has another bucket than the others
    const auto miss = cache::ParseMiss(Lines(file)[0]);
    if (!miss.ok() ||
        ops::Describe(miss->problem) != "attention f32 1×2 heads, 128×128, head size 16") {
      return 2;
    }
    if (miss->conditions.threads != 1 || miss->isa != HostCpu().isa) return 3;
    // Neither of these looks for a record.
    jitattn_plan_options other = options;
    other.ignore_cache = 1;
    MatchOf(Attention(500), other);
    other = options;
    other.config = "threads=1";
    MatchOf(Attention(500), other);
    other = Options(nullptr);
    MatchOf(Attention(500), other);
    other.miss_file = "";
    MatchOf(Attention(500), other);
    // A caller of an older version does not have the member.
    other = options;
    other.struct_size = offsetof(jitattn_plan_options, fixed_bits);
    MatchOf(Attention(500), other);
    return Lines(file).size() == 2 ? 0 : 4;
  });
}

std::atomic<int> warnings{0};

TEST_F(RecordMissDeathTest, AFileThatCannotBeWrittenIsOneMessage) {
  const ScopedEnv cache("JITATTN_CACHE_DIR", root_);
  Expect([] {
    const auto log = [](int32_t level, const char* message, void*) {
      if (level == 2 && std::string(message).find("/below") != std::string::npos) ++warnings;
    };
    if (jitattn_set_log(log, nullptr) != JITATTN_OK) return 1;
    const std::string file = MissFile();
    std::ofstream(file) << "x\n";
    const std::string below = file + "/below";
    const jitattn_plan_options options = Options(&below);
    for (const int64_t length : {64, 128, 256}) {
      if (MatchOf(Attention(length), options) != JITATTN_MATCH_NONE) return 2;
    }
    return warnings == 1 ? 0 : 3;
  });
}

TEST_F(RecordMissDeathTest, OneShotCallsFindTheFileInTheEnvironment) {
  const ScopedEnv cache("JITATTN_CACHE_DIR", root_);
  const ScopedEnv file("JITATTN_MISS_FILE", root_ + "/misses.txt");
  Expect([] {
    const std::vector<float> data(2 * 100 * 16, 1.0f);
    std::vector<float> out(data.size());
    for (const int64_t length : {100, 97, 100}) {
      const jitattn_attention_problem problem = Attention(length);
      jitattn_attention_args args;
      jitattn_attention_args_init(&args, &problem);
      args.q = args.k = args.v = data.data();
      args.out = out.data();
      if (jitattn_attention(&problem, &args) != JITATTN_OK) return 1;
    }
    jitattn_sigmoid_mul_problem silu;
    jitattn_sigmoid_mul_problem_init(&silu, 4, 16);
    jitattn_sigmoid_mul_args args;
    jitattn_sigmoid_mul_args_init(&args, &silu);
    args.x = data.data(), args.out = out.data();
    if (jitattn_sigmoid_mul(&silu, &args) != JITATTN_OK) return 2;
    if (Lines(MissFile()).size() != 2) return 3;
    // A plan has its own option.
    MatchOf(Attention(500), Options(nullptr));
    return Lines(MissFile()).size() == 2 ? 0 : 4;
  });
}

// Tuned now, with every option of attention at once.
TEST_F(RecordMissDeathTest, AttentionWithAllOptionsIsTunedNow) {
  const ScopedEnv cache("JITATTN_CACHE_DIR", root_);
  Expect([] {
    if (!CanTune()) return 0;
    const std::string file = MissFile();
    jitattn_attention_problem problem = Attention(32);
    problem.mask = JITATTN_MASK_WINDOW;
    problem.window_left = 9;
    problem.kv_heads = 1;
    problem.options = JITATTN_SOFTCAP | JITATTN_ALIBI | JITATTN_SINKS | JITATTN_LSE;
    problem.bias = JITATTN_BIAS_F32;
    jitattn_plan_options options = Options(&file);
    options.tune = 1;
    options.tune_seconds = 2;
    if (MatchOf(problem, options) != JITATTN_MATCH_EXACT) return 1;
    options.tune = 0;
    if (MatchOf(problem, options) != JITATTN_MATCH_EXACT) return 2;
    return fs::exists(file) ? 3 : 0;  // what is tuned is no miss
  });
}

}  // namespace
}  // namespace jitattn::runtime
