// The C ABI: structs of other versions, error messages, hooks, and the promises about the caller's
// state.

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "jitattn/jitattn.hpp"
#include "ops/attention/problem.h"
#include "runtime_testing.h"
#include "tests/mentions.h"
#include "tests/scoped_env.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// In c_api_c_test.c: the same header, seen by a C compiler. 0, or the line that failed.
extern "C" int JitattnUsedFromC(void);

namespace {

using jitattn::Mentions;
using jitattn::runtime::AttentionData;
using jitattn::runtime::InChild;
using jitattn::runtime::MallocCalls;
using testing::HasSubstr;

const jitattn::ops::AttentionProblem kShape{
    .heads = 2, .kv_heads = 2, .q_len = 100, .kv_len = 100, .head_dim = 64, .value_dim = 64};

jitattn_attention_problem SomeProblem() {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 100, 64);
  return problem;
}

// A plan that leaves the user's cache alone.
jitattn_plan* MakePlan(int threads, const jitattn_attention_problem& problem = SomeProblem()) {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = threads;
  options.ignore_cache = 1;
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_attention_plan(&problem, &options, &plan), JITATTN_OK) << jitattn_last_error();
  return plan;
}

std::string ErrorOf(jitattn_status status) {
  return absl::StrCat(status, ": ", jitattn_last_error());
}

TEST(CApi, UsedFromC) { EXPECT_EQ(JitattnUsedFromC(), 0) << jitattn_last_error(); }

TEST(CApi, VersionIsTheHeaders) {
  EXPECT_EQ(jitattn_version(), absl::StrCat(JITATTN_VERSION_MAJOR, ".", JITATTN_VERSION_MINOR, ".",
                                            JITATTN_VERSION_PATCH));
}

TEST(CApi, StructsOfOtherVersions) {
  jitattn_plan* plan = nullptr;
  jitattn_attention_problem problem = SomeProblem();
  EXPECT_THAT(ErrorOf(jitattn_attention_plan(nullptr, nullptr, &plan)), Mentions({"1", "problem"}));
  problem.struct_size = 8;
  EXPECT_THAT(ErrorOf(jitattn_attention_plan(&problem, nullptr, &plan)),
              Mentions({"1", "problem.struct_size", "8"}));
  problem.struct_size = 0xabababababababab;
  EXPECT_THAT(ErrorOf(jitattn_attention_plan(&problem, nullptr, &plan)),
              Mentions({"1", "problem.struct_size"}));
  EXPECT_EQ(plan, nullptr);

  // A newer caller: more fields, which count only where they are not zero.
  struct {
    jitattn_attention_problem known;
    int64_t added;
  } newer = {SomeProblem(), 0};
  newer.known.struct_size = sizeof newer;
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  ASSERT_EQ(jitattn_attention_plan(&newer.known, &options, &plan), JITATTN_OK)
      << jitattn_last_error();
  newer.added = 1;
  jitattn_plan* refused = plan;
  EXPECT_THAT(ErrorOf(jitattn_attention_plan(&newer.known, &options, &refused)),
              Mentions({"1", "problem"}));
  EXPECT_EQ(refused, nullptr);

  struct {
    jitattn_plan_info known;
    int64_t added = -1;
  } info;
  info.known.struct_size = sizeof info;
  ASSERT_EQ(jitattn_plan_get_info(plan, &info.known), JITATTN_OK);
  EXPECT_EQ(info.added, 0);
  jitattn_plan_free(plan);
}

TEST(CApi, ErrorsNameTheValueAndTheRule) {
  jitattn_plan* plan = nullptr;
  const auto refused = [&](auto change) {
    jitattn_attention_problem problem = SomeProblem();
    change(problem);
    return ErrorOf(jitattn_attention_plan(&problem, nullptr, &plan));
  };
  EXPECT_THAT(refused([](auto& p) { p.dtype = 7; }), Mentions({"1", "dtype", "7", "JITATTN_F32"}));
  EXPECT_THAT(refused([](auto& p) { p.mask = -1; }), Mentions({"mask", "-1"}));
  EXPECT_THAT(refused([](auto& p) { p.heads = 0; }), Mentions({"heads", "0"}));
  EXPECT_THAT(refused([](auto& p) { p.kv_heads = 3; }), Mentions({"kv_heads", "3"}));
  EXPECT_THAT(refused([](auto& p) { p.head_dim = -3; }), Mentions({"head_dim", "-3"}));

  const jitattn_attention_problem problem = SomeProblem();
  EXPECT_THAT(ErrorOf(jitattn_attention_plan(&problem, nullptr, nullptr)), Mentions({"1", "plan"}));
  const auto options_refused = [&](auto change) {
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.ignore_cache = 1;
    change(options);
    return ErrorOf(jitattn_attention_plan(&problem, &options, &plan));
  };
  EXPECT_THAT(options_refused([](auto& o) { o.threads = -2; }), Mentions({"threads", "-2"}));
  EXPECT_THAT(options_refused([](auto& o) { o.buffers = 5; }), Mentions({"buffers", "5"}));
  EXPECT_THAT(options_refused([](auto& o) { o.tune_seconds = NAN; }),
              Mentions({"tune_seconds", "nan"}));
  EXPECT_THAT(options_refused([](auto& o) { o.config = "q_vecs=4 colour=3"; }),
              Mentions({"colour"}));

  EXPECT_THAT(ErrorOf(jitattn_attention_run(nullptr, nullptr)), Mentions({"1", "plan"}));
  EXPECT_THAT(ErrorOf(jitattn_plan_get_info(nullptr, nullptr)), Mentions({"1", "plan"}));
  plan = MakePlan(1);
  EXPECT_THAT(ErrorOf(jitattn_attention_run(plan, nullptr)), Mentions({"1", "args"}));
  jitattn_sigmoid_mul_args other{.struct_size = sizeof other};
  EXPECT_THAT(ErrorOf(jitattn_sigmoid_mul_run(plan, &other)), Mentions({"1"}));
  jitattn_plan_free(plan);
  jitattn_plan_free(nullptr);
}

// On every CPU: the fields that are not named follow it.
TEST(CApi, AConfigurationMayBeGivenInPart) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 100, 64);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  const auto config_of = [&](const char* given) -> std::string {
    options.config = given;
    jitattn_plan* plan = nullptr;
    EXPECT_EQ(jitattn_attention_plan(&problem, &options, &plan), JITATTN_OK)
        << given << ": " << jitattn_last_error();
    if (plan == nullptr) return "";
    jitattn_plan_info info{.struct_size = sizeof info};
    EXPECT_EQ(jitattn_plan_get_info(plan, &info), JITATTN_OK);
    const std::string config = std::string(" ") + info.config + " ";
    jitattn_plan_free(plan);
    return config;
  };
  const std::string standing = config_of(nullptr);
  EXPECT_EQ(config_of(""), standing);
  EXPECT_EQ(config_of("task_tiles=2").find(" task_tiles=2 ") == std::string::npos, false);
  EXPECT_EQ(config_of("threads=1 task_tiles=2").find(" threads=1 ") == std::string::npos, false);
  // Every field alone, with the value that it has anyway.
  for (size_t at = 1; at < standing.size();) {
    const size_t end = standing.find(' ', at);
    EXPECT_EQ(config_of(standing.substr(at, end - at).c_str()), standing);
    at = end + 1;
  }
}

TEST(CApi, TheLastErrorIsTheThreads) {
  ASSERT_NE(jitattn_attention_run(nullptr, nullptr), JITATTN_OK);
  std::thread([] { EXPECT_STREQ(jitattn_last_error(), ""); }).join();
  EXPECT_STREQ(jitattn_last_error(), "plan is a null pointer");
}

TEST(CApi, InfoTellsWhatThePlanIs) {
  jitattn_plan* plan = MakePlan(1);
  jitattn_plan_info info{.struct_size = sizeof info};
  ASSERT_EQ(jitattn_plan_get_info(plan, &info), JITATTN_OK);
  EXPECT_EQ(info.match, JITATTN_MATCH_NONE);
  EXPECT_EQ(info.threads, 1);
  EXPECT_THAT(info.kernel,
              HasSubstr(info.portable ? "attn_f32_d64_portable" : "attn_f32_d64_tiles"));
  EXPECT_THAT(info.config,
              HasSubstr(info.portable ? "algorithm=portable isa=none" : "algorithm=tiles isa="));
  EXPECT_THAT(info.config, HasSubstr(" threads=1"));
  EXPECT_STREQ(info.record, "");
  EXPECT_STRNE(info.reason, "");

  // The plan's configuration as text gives the same plan again.
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.config = info.config;
  const jitattn_attention_problem problem = SomeProblem();
  jitattn_plan* same = nullptr;
  ASSERT_EQ(jitattn_attention_plan(&problem, &options, &same), JITATTN_OK) << jitattn_last_error();
  jitattn_plan_info same_info{.struct_size = sizeof same_info};
  ASSERT_EQ(jitattn_plan_get_info(same, &same_info), JITATTN_OK);
  EXPECT_STREQ(same_info.config, info.config);
  EXPECT_STRNE(same_info.reason, info.reason);
  jitattn_plan_free(same);
  jitattn_plan_free(plan);
}

TEST(CApi, OneShotCalls) {
  AttentionData data(kShape);
  const jitattn_attention_problem problem = SomeProblem();
  jitattn_attention_args args = data.args();
  for (int i = 0; i < 2; ++i) {
    data.SpoilOut();
    ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK) << jitattn_last_error();
    EXPECT_LE(data.MaxError(args), 2e-5);
  }
  // The bucket's plan would accept more than the problem allows; the problem's limits hold.
  args.q_len = 101;
  EXPECT_THAT(ErrorOf(jitattn_attention(&problem, &args)), Mentions({"q_len", "101", "0", "100"}));

  std::vector<float> x = {-100, -1, 0, 1, 100};
  ASSERT_TRUE(jitattn::SigmoidMul<float>({.rows = 1, .cols = 5}, x.data(), x.data()).ok());
  EXPECT_THAT(x, testing::Pointwise(testing::FloatNear(1e-6f),
                                    {-3.7835e-42f, -0.26894143f, 0.f, 0.7310586f, 100.f}));
}

// More problems than plans are kept, from several threads at once.
TEST(CApi, OneShotCallsOfManyLengths) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&wrong, t] {
      for (int heads = 1; heads <= 100; ++heads) {
        AttentionData data({.heads = heads,
                            .kv_heads = heads,
                            .q_len = 1 + t,
                            .kv_len = 3,
                            .head_dim = 8,
                            .value_dim = 8});
        const jitattn_attention_problem problem =
            jitattn::Problem<float>({.heads = heads, .q_len = 1 + t, .kv_len = 3, .head_dim = 8});
        const jitattn_attention_args args = data.args();
        wrong += jitattn_attention(&problem, &args) != JITATTN_OK || !(data.MaxError(args) < 2e-5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(CApi, CppWrapper) {
  AttentionData data(kShape);
  jitattn::PlanOptions options;
  options.ignore_cache = 1;
  const auto plan =
      jitattn::AttentionPlan<float>::Make({.heads = 2, .q_len = 100, .head_dim = 64}, options);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  const jitattn_attention_args args = data.args();
  ASSERT_TRUE(plan->Run(args).ok());
  EXPECT_LE(data.MaxError(args), 2e-5);
  EXPECT_THAT(plan->Info().kernel, HasSubstr("attn_f32"));

  const auto refused = jitattn::SigmoidMulPlan<double>::Make({.rows = -1}, options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(refused.error().message(), HasSubstr("-1"));
}

// A run takes its scratch from the plan: nothing is allocated, on any thread.
TEST(CApi, RunsAllocateNothing) {
  if (MallocCalls() < 0) GTEST_SKIP() << "needs a build without sanitizers";
  const int64_t at_start = MallocCalls();
  // Through a volatile pointer: else the compiler may leave a pair of new and delete out.
  auto* volatile kept = new std::vector<int>(100);
  delete kept;
  ASSERT_GE(MallocCalls(), at_start + 2) << "the C++ library's allocations must be seen";
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 8, 512, 64);
  AttentionData data(
      {.heads = 8, .kv_heads = 8, .q_len = 512, .kv_len = 512, .head_dim = 64, .value_dim = 64});
  const jitattn_attention_args args = data.args();
  for (int threads : {1, 2}) {
    jitattn_plan* plan = MakePlan(threads, problem);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK);
    const int64_t before = MallocCalls();
    for (int i = 0; i < 5; ++i) ASSERT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK);
    EXPECT_EQ(MallocCalls(), before) << threads << " threads";
    jitattn_plan_free(plan);
  }
  ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK);
  const int64_t before = MallocCalls();
  ASSERT_EQ(jitattn_attention(&problem, &args), JITATTN_OK);
  EXPECT_EQ(MallocCalls(), before) << "one-shot";
}

#if defined(__x86_64__)
// Law 7: modes of the caller neither change the bits nor are changed.
TEST(CApi, FloatingPointModesOfTheCaller) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 8, 300, 64);
  AttentionData data(
      {.heads = 8, .kv_heads = 8, .q_len = 300, .kv_len = 300, .head_dim = 64, .value_dim = 64});
  const jitattn_attention_args args = data.args();
  const unsigned before = _mm_getcsr();
  for (int threads : {1, 2}) {
    jitattn_plan* plan = MakePlan(threads, problem);
    ASSERT_EQ(jitattn_attention_run(plan, &args), JITATTN_OK);
    const std::string expected = data.out_bytes();
    // Flush to zero, denormals are zero; rounding up; down; to zero, with flags set.
    for (unsigned strange : {0x9fc0u, 0x5f80u, 0x3f80u, 0x7fa5u}) {
      data.SpoilOut();
      _mm_setcsr(strange);
      const jitattn_status status = jitattn_attention_run(plan, &args);
      const unsigned after = _mm_getcsr();
      _mm_setcsr(before);
      EXPECT_EQ(status, JITATTN_OK);
      EXPECT_EQ(after, strange) << threads;
      EXPECT_TRUE(data.out_bytes() == expected) << std::hex << strange << ", threads " << threads;
    }
    jitattn_plan_free(plan);
  }
}
#endif

// A process of its own for what holds for a whole process.
int InFreshProcess(int (*body)()) { return body(); }

TEST(CApiDeathTest, AllocatorHook) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(InFreshProcess([] {
                static int live = 0, calls = 0;
                const auto alloc = [](size_t bytes, size_t alignment, void* context) -> void* {
                  if (context != &live) return nullptr;
                  ++live, ++calls;
                  return std::aligned_alloc(alignment,
                                            (bytes + alignment - 1) / alignment * alignment);
                };
                const auto release = [](void* memory, void*) {
                  --live;
                  std::free(memory);
                };
                if (jitattn_set_allocator(nullptr, release, &live) == JITATTN_OK) return 1;
                if (jitattn_set_allocator(alloc, release, &live) != JITATTN_OK) return 2;
                if (jitattn_set_allocator(alloc, release, &live) == JITATTN_OK) return 3;
                jitattn_plan* plan = MakePlan(1);
                AttentionData data(kShape);
                const jitattn_attention_args args = data.args();
                const int made = calls;
                if (jitattn_attention_run(plan, &args) != JITATTN_OK || calls != made) return 4;
                if (jitattn_plan_scratch_bytes(plan) > 0 && made == 0) return 5;
                jitattn_plan_free(plan);
                return live == 0 ? 0 : 6;
              })),
              testing::ExitedWithCode(0), "");
}

TEST(CApiDeathTest, AnAllocatorWithoutMemory) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(InFreshProcess([] {
                jitattn_set_allocator([](size_t, size_t, void*) -> void* { return nullptr; },
                                      [](void*, void*) {}, nullptr);
                const jitattn_attention_problem problem = SomeProblem();
                jitattn_plan* plan = nullptr;
                return jitattn_attention_plan(&problem, nullptr, &plan) == JITATTN_OUT_OF_MEMORY &&
                               std::string(jitattn_last_error()).find("scratch") !=
                                   std::string::npos
                           ? 0
                           : 1;
              })),
              testing::ExitedWithCode(0), "");
}

// Memory for the copies of a run: without it nothing is written, with it nothing leaks.
TEST(CApiDeathTest, AnAllocatorWithoutMemoryForCopies) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(InFreshProcess([] {
                static int live = 0;
                static bool full = false;
                const auto alloc = [](size_t bytes, size_t alignment, void*) -> void* {
                  if (full) return nullptr;
                  ++live;
                  return std::aligned_alloc(alignment,
                                            (bytes + alignment - 1) / alignment * alignment);
                };
                const auto release = [](void* memory, void*) {
                  --live;
                  std::free(memory);
                };
                if (jitattn_set_allocator(alloc, release, nullptr) != JITATTN_OK) return 1;
                jitattn_plan* plan = MakePlan(1);
                AttentionData data(kShape);
                jitattn_attention_args args = data.args();
                args.q_inner = -1;  // rows backwards
                args.q = static_cast<const float*>(args.q) + kShape.head_dim - 1;
                data.SpoilOut();
                const std::string spoilt = data.out_bytes();
                const int made = live;
                full = true;
                if (jitattn_attention_run(plan, &args) != JITATTN_OUT_OF_MEMORY) return 2;
                if (std::string(jitattn_last_error()).find("copies") == std::string::npos) return 3;
                if (data.out_bytes() != spoilt) return 4;
                full = false;
                if (jitattn_attention_run(plan, &args) != JITATTN_OK || live != made) return 5;
                const bool written = data.out_bytes() != spoilt;
                jitattn_plan_free(plan);
                return written && live == 0 ? 0 : 6;
              })),
              testing::ExitedWithCode(0), "");
}

TEST(CApiDeathTest, TooLateForAnAllocator) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(_exit(InFreshProcess([] {
                jitattn_plan_free(MakePlan(1));
                const jitattn_status status =
                    jitattn_set_allocator([](size_t, size_t, void*) -> void* { return nullptr; },
                                          [](void*, void*) {}, nullptr);
                return status == JITATTN_INVALID_ARGUMENT ? 0 : 1;
              })),
              testing::ExitedWithCode(0), "");
}

TEST(CApiDeathTest, TuneOnDemandSavesARecordOnce) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  std::string folder = testing::TempDir() + "/c_api_tune_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const jitattn::ScopedEnv cache("JITATTN_CACHE_DIR", folder);
  EXPECT_EXIT(_exit(InFreshProcess([] {
                const jitattn_sigmoid_mul_problem problem =
                    jitattn::Problem<float>({.rows = 1, .cols = 64});
                jitattn_plan_options options;
                jitattn_plan_options_init(&options);
                options.threads = 1;
                jitattn_plan* plan = nullptr;
                jitattn_plan_info info{.struct_size = sizeof info};
                if (jitattn_sigmoid_mul_plan(&problem, &options, &plan) != JITATTN_OK) return 1;
                if (jitattn_plan_get_info(plan, &info) != JITATTN_OK) return 2;
                if (info.portable) return 0;  // nothing to tune
                if (info.match != JITATTN_MATCH_NONE) return 3;
                options.tune = 1;
                options.tune_seconds = 4;
                if (jitattn_sigmoid_mul_plan(&problem, &options, &plan) != JITATTN_OK) return 4;
                if (jitattn_plan_get_info(plan, &info) != JITATTN_OK) return 5;
                if (info.match != JITATTN_MATCH_EXACT) return 6;
                // Found, so not tuned again: far from the time that was given.
                const auto start = std::chrono::steady_clock::now();
                options.tune_seconds = 1000;
                if (jitattn_sigmoid_mul_plan(&problem, &options, &plan) != JITATTN_OK) return 7;
                return std::chrono::steady_clock::now() - start < std::chrono::seconds(100) ? 0 : 8;
              })),
              testing::ExitedWithCode(0), "");
  std::filesystem::remove_all(folder);
}

TEST(CApiDeathTest, PortablePathByEnvironment) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const jitattn::ScopedEnv none("JITATTN_MAX_ISA", "none");
  EXPECT_EXIT(_exit(InFreshProcess([] {
                jitattn_plan* plan = MakePlan(2);
                AttentionData data(kShape);
                const jitattn_attention_args args = data.args();
                jitattn_plan_info info{.struct_size = sizeof info};
                if (jitattn_attention_run(plan, &args) != JITATTN_OK) return 1;
                if (!(data.MaxError(args) < 2e-5)) return 2;
                if (jitattn_plan_get_info(plan, &info) != JITATTN_OK || !info.portable) return 3;
                return 0;
              })),
              testing::ExitedWithCode(0), "");
}

TEST(CppApi, Activations) {
  const jitattn::ActivationShape shape = {
      .rows = 2, .cols = 5, .function = JITATTN_RELU2, .gate = JITATTN_GATE_TWO};
  const float x[] = {1, -1, 2, 3, -4, 0, 5, 6, -7, 8}, up[] = {1, 1, 2, 3, 1, 1, 2, 2, 1, 1};
  float out[10] = {}, again[10] = {};
  jitattn::PlanOptions options;
  options.ignore_cache = 1;
  const auto plan = jitattn::ActivationPlan<float>::Make(shape, options);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  ASSERT_TRUE((*plan).Run(x, up, out).ok());
  ASSERT_TRUE(jitattn::Activation(shape, x, up, again).ok());
  const float expected[] = {1, 0, 8, 27, 0, 0, 50, 72, 0, 64};
  EXPECT_THAT(out, testing::ElementsAreArray(expected));
  EXPECT_THAT(again, testing::ElementsAreArray(expected));
}

}  // namespace
