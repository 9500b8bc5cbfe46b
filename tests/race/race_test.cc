// Uses all shared state from many threads at once. All threads are visible to a thread sanitizer
// (./dev tsan); without one these are ordinary tests.
//
// The library's parallel-for is the host's, of std::thread, unless JITATTN_RACE_POOL=own; OpenMP's
// barriers, which are not instrumented, would all look like races.

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "cache/store.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "parallel/parallel.h"
#include "parallel/scratch.h"
#include "runtime/code_cache.h"

#if defined(__SANITIZE_THREAD__)
// Debian's Abseil is not instrumented, so that the guard of a table it makes once goes unseen.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() {
  return "called_from_lib:libabsl_strerror.so\n";
}
#endif

namespace jitattn::runtime {
namespace {

constexpr int kThreads = 6;

// A thread a body but the first, which is the caller's.
void HostParallelFor(int32_t count, void (*body)(int32_t, void*), void* data, void*) {
  std::vector<std::thread> threads;
  for (int32_t i = 1; i < count; ++i) threads.emplace_back(body, i, data);
  body(0, data);
  for (std::thread& thread : threads) thread.join();
}

std::atomic<int> log_lines{0};

// Before any other call of the library, as the header asks.
class Hooks : public testing::Environment {
 public:
  void SetUp() override {
    const char* pool = std::getenv("JITATTN_RACE_POOL");
    if (pool == nullptr || std::string_view(pool) != "own") {
      ASSERT_EQ(jitattn_set_parallel_for(HostParallelFor, nullptr), JITATTN_OK);
    }
    ASSERT_EQ(jitattn_set_log([](int32_t, const char*, void*) { ++log_lines; }, nullptr),
              JITATTN_OK);
  }
};
const testing::Environment* const hooks = testing::AddGlobalTestEnvironment(new Hooks);

// All threads enter `body` at the same moment.
template <typename Body>
void AtOnce(const Body& body) {
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      body(t);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Constant operands: every result is the constant, and no reference is needed.
class Call {
 public:
  Call(int64_t heads, int64_t q_len, int64_t kv_len, int64_t dim, int64_t kv_heads = 0) {
    jitattn_attention_problem_init(&problem, heads, q_len, dim);
    if (kv_heads != 0) problem.kv_heads = kv_heads;
    problem.kv_len = kv_len;
    q.assign(heads * q_len * dim, 0.25f);
    k.assign(problem.kv_heads * kv_len * dim, 0.5f);
    v.assign(k.size(), kValue);
    out.assign(q.size(), NAN);
    jitattn_attention_args_init(&args, &problem);
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.out = out.data();
  }

  bool Right() const {
    for (const float x : out) {
      if (!(std::abs(x - kValue) < 1e-4f)) return false;
    }
    return true;
  }

  static constexpr float kValue = 0.75f;
  jitattn_attention_problem problem;
  jitattn_attention_args args;
  std::vector<float> q, k, v, out;
};

// All threads use the same few buckets, first calls included. Shared are the table of plans, the
// code cache and the record lookup.
TEST(Race, OneShotCallsOfTheSameBuckets) {
  std::atomic<int> wrong{0};
  AtOnce([&](int t) {
    for (int round = 0; round < 12; ++round) {
      const int64_t length = 8 << (t + round) % 5;
      Call call(4, length, length, 16);
      wrong += jitattn_attention(&call.problem, &call.args) != JITATTN_OK || !call.Right();
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Race, OnePlanByAllThreads) {
  Call shared(8, 96, 96, 32);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  options.threads = 3;
  jitattn_plan* plan = nullptr;
  ASSERT_EQ(jitattn_attention_plan(&shared.problem, &options, &plan), JITATTN_OK);
  std::atomic<int> wrong{0};
  AtOnce([&](int) {
    Call call(8, 96, 96, 32);
    for (int round = 0; round < 4; ++round) {
      wrong += jitattn_attention_run(plan, &call.args) != JITATTN_OK || !call.Right();
    }
  });
  EXPECT_EQ(wrong, 0);
  jitattn_plan_free(plan);
}

// Few rows against many keys: tasks are parts of the keys, merged by whoever ends last.
TEST(Race, PartsOfDecodingAreMergedOnce) {
  Call shared(8, 1, 4096, 32, 2);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  options.threads = 4;
  jitattn_plan* plan = nullptr;
  ASSERT_EQ(jitattn_attention_plan(&shared.problem, &options, &plan), JITATTN_OK);
  std::atomic<int> wrong{0};
  AtOnce([&](int) {
    Call call(8, 1, 4096, 32, 2);
    for (int round = 0; round < 4; ++round) {
      wrong += jitattn_attention_run(plan, &call.args) != JITATTN_OK || !call.Right();
    }
  });
  EXPECT_EQ(wrong, 0);
  jitattn_plan_free(plan);
}

TEST(Race, SigmoidMulOnSharedRows) {
  const std::vector<float> x(64 * 1000, 0.0f);
  std::atomic<int> wrong{0};
  AtOnce([&](int) {
    std::vector<float> out(x.size(), NAN);
    jitattn_sigmoid_mul_problem problem;
    jitattn_sigmoid_mul_problem_init(&problem, 64, 1000);
    jitattn_sigmoid_mul_args args;
    jitattn_sigmoid_mul_args_init(&args, &problem);
    args.x = x.data();
    args.out = out.data();
    for (int round = 0; round < 4; ++round) {
      wrong += jitattn_sigmoid_mul(&problem, &args) != JITATTN_OK || out != x;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Race, KernelsAppearAndGoWhileOthersLook) {
  std::atomic<int> missing{0};
  AtOnce([&](int t) {
    for (int round = 0; round < 10; ++round) {
      ops::AttentionProblem problem;
      problem.head_dim = problem.value_dim = 8 + (t + round) % 3;
      problem.q_len = problem.kv_len = 32;
      const auto config = DefaultConfig(problem, HostCpu(), 1);
      missing += !GetKernel(problem, config, HostCpu()).ok();
    }
  });
  EXPECT_EQ(missing, 0);
}

// More threads than slots, plain memory in them: a slot that two had at once would be a race.
TEST(Race, ScratchSlotsHaveOneUser) {
  ScratchPool pool;
  ASSERT_TRUE(pool.Init(64, 2).ok());
  std::atomic<int> clashes{0};
  AtOnce([&](int t) {
    for (int round = 0; round < 200; ++round) {
      ScratchPool::Lease lease(pool);
      auto* word = static_cast<int*>(lease.memory());
      *word = t;
      clashes += *word != t;
    }
  });
  EXPECT_EQ(clashes, 0);
}

TEST(Race, ParallelForInsideThreads) {
  std::atomic<int> bodies{0};
  AtOnce([&](int) {
    ParallelFor(
        4, [](int, void* data) { ++*static_cast<std::atomic<int>*>(data); }, &bodies);
  });
  EXPECT_EQ(bodies, 4 * kThreads);
}

TEST(Race, LogFromEveryThread) {
  const int before = log_lines;
  AtOnce([](int) {
    for (int round = 0; round < 20; ++round) Log(LogLevel::kWarning, "a line");
  });
  EXPECT_EQ(log_lines - before, 20 * kThreads);
}

// A message belongs to its thread.
TEST(Race, LastErrorIsTheThreadsOwn) {
  std::atomic<int> wrong{0};
  AtOnce([&](int t) {
    for (int round = 0; round < 20; ++round) {
      Call call(1, 4, 4, 4);
      call.problem.dtype = 100 + t;
      const bool refused = jitattn_attention(&call.problem, &call.args) != JITATTN_OK;
      const std::string_view message = jitattn_last_error();
      wrong += !refused || message.find(std::to_string(100 + t)) == message.npos;
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace jitattn::runtime
