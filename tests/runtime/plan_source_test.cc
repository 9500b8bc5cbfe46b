// The source of a plan's configuration, and the fallback if it is not available.

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jit/compile.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "runtime/plan.h"
#include "runtime/stale_code.h"
#include "runtime_testing.h"
#include "tests/jit/needs.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

namespace fs = std::filesystem;
using jit::TilesConfig;
using ops::AttentionProblem;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

const AttentionProblem kProblem{
    .heads = 2, .kv_heads = 2, .q_len = 100, .kv_len = 100, .head_dim = 64, .value_dim = 64};

ops::Conditions OneThread() { return ops::Resolve({.threads = 1}, HostCpu()); }

// A cache folder of its own, and records in it.
class PlanSourceTest : public testing::Test {
 protected:
  PlanSourceTest() : layers_(HostCpu(), {Folder()}) {}
  ~PlanSourceTest() override { fs::remove_all(root_); }

  std::string Folder() {
    std::string pattern = testing::TempDir() + "/plan_source_XXXXXX";
    return root_ = mkdtemp(pattern.data());
  }

  // Differs from the heuristic's configuration, so that its use can be seen.
  TilesConfig Tuned() {
    auto config = ops::DefaultConfig(kProblem, HostCpu(), 1).As<TilesConfig>();
    config.task_tiles = 2;
    return config;
  }

  cache::Record RecordOf(const ops::Problem& problem, uint64_t code_hash = 0xfedc) {
    cache::Record record;
    record.key = cache::MakeKey(problem, OneThread());
    record.problem = problem;
    record.config = Tuned();
    record.kernel = ops::KernelName(problem, record.config);
    record.code_hash = code_hash;
    record.fingerprint = layers_.host();
    record.result.default_config = ops::DefaultConfig(problem, HostCpu(), 1);
    record.result.gain = 1.125;
    record.result.gain_low = 1.1;
    record.result.gain_high = 1.15;
    record.result.median_s = record.result.min_s = 1e-3;
    record.result.default_median_s = 1.125e-3;
    record.result.samples = 9;
    record.result.strategy = "random";
    record.result.evaluations = record.result.space_size = 10;
    record.jitattn_version = JITATTN_VERSION;
    record.xbyak_version = jit::XbyakVersion();
    record.date = "2025-01-01T00:00:00Z";
    return record;
  }

  std::shared_ptr<const Plan> Make(const ops::Problem& problem, PlanOptions options = {}) {
    options.conditions = OneThread();
    options.layers = &layers_;
    auto plan = Plan::Create(problem, HostCpu(), options);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : nullptr;
  }

  void SetUp() override {
    const std::string needs = jit::testing::Needs(Isa::kAvx2);
    if (!needs.empty()) GTEST_SKIP() << needs;
  }

  std::string root_;
  cache::Layers layers_;
};

TEST_F(PlanSourceTest, NoRecord) {
  const auto plan = Make(kProblem);
  EXPECT_EQ(plan->source().match, cache::Match::kNone);
  EXPECT_NE(plan->source().reason, "");
  EXPECT_EQ(plan->config(), ops::DefaultConfig(kProblem, HostCpu(), 1));
}

TEST_F(PlanSourceTest, ExactRecord) {
  ASSERT_TRUE(layers_.Put(RecordOf(kProblem)).ok());
  const auto plan = Make(kProblem);
  EXPECT_EQ(plan->source().match, cache::Match::kExact);
  EXPECT_EQ(plan->config(), ops::Config(Tuned()));
  EXPECT_TRUE(
      fs::equivalent(fs::path(plan->source().record_path).parent_path().parent_path(), root_));
  EXPECT_THAT(plan->source().reason, HasSubstr("12.5 %"));
}

TEST_F(PlanSourceTest, TheCacheCanBeLeftAlone) {
  ASSERT_TRUE(layers_.Put(RecordOf(kProblem)).ok());
  const auto plan = Make(kProblem, {.use_cache = false});
  EXPECT_EQ(plan->source().match, cache::Match::kNone);
  EXPECT_NE(plan->source().reason, Make(kProblem)->source().reason);
}

TEST_F(PlanSourceTest, NearestRecord) {
  AttentionProblem near = kProblem;
  near.q_len = near.kv_len = 150;
  ASSERT_TRUE(layers_.Put(RecordOf(near)).ok());
  const auto plan = Make(kProblem);
  EXPECT_EQ(plan->source().match, cache::Match::kNearest);
  EXPECT_EQ(plan->config(), ops::Config(Tuned()));
}

TEST_F(PlanSourceTest, ADamagedRecordIsAMissWithAReason) {
  const auto path = layers_.Put(RecordOf(kProblem));
  ASSERT_TRUE(path.ok());
  std::ofstream(*path) << "this is not = = TOML\n";
  const auto plan = Make(kProblem);
  EXPECT_EQ(plan->source().match, cache::Match::kNone);
  EXPECT_EQ(plan->config(), ops::DefaultConfig(kProblem, HostCpu(), 1));
  ASSERT_EQ(plan->source().rejected.size(), 1u);
  const std::string& reason = plan->source().reason;
  EXPECT_THAT(reason, HasSubstr(*path));
  EXPECT_EQ(reason.find(*path), reason.rfind(*path)) << "once is enough: " << reason;
}

TEST_F(PlanSourceTest, ARecordWithoutCodeIsAMissWithAReason) {
  const auto path = layers_.Put(RecordOf(kProblem));
  ASSERT_TRUE(path.ok());
  EXPECT_FALSE(layers_.Put(RecordOf(kProblem, 0)).ok()) << "it would replace a good one";
  std::ifstream file(*path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t hash = text.find("0x000000000000fedc");
  ASSERT_NE(hash, text.npos);
  std::ofstream(*path) << text.replace(hash, 18, "0x0000000000000000");
  const auto plan = Make(kProblem);
  EXPECT_EQ(plan->source().match, cache::Match::kNone);
  ASSERT_EQ(plan->source().rejected.size(), 1u);
  EXPECT_THAT(plan->source().rejected[0].why, HasSubstr("code_hash"));
}

TEST_F(PlanSourceTest, OtherCodeThanWasTunedIsStaleAndUsed) {
  ASSERT_TRUE(layers_.Put(RecordOf(kProblem, /*code_hash=*/12345)).ok());
  const auto stale = Make(kProblem);
  EXPECT_EQ(stale->source().match, cache::Match::kExact);
  EXPECT_NE(stale->source().stale, "");
  EXPECT_TRUE(stale->source().stale_code);

  ASSERT_TRUE(layers_.Put(RecordOf(kProblem, stale->kernel().code_hash())).ok());
  EXPECT_THAT(Make(kProblem)->source().stale, IsEmpty());
  EXPECT_FALSE(Make(kProblem)->source().stale_code);
}

TEST_F(PlanSourceTest, TheLogTellsOfAStaleRecordOnce) {
  const auto path = layers_.Put(RecordOf(kProblem, /*code_hash=*/12345));
  ASSERT_TRUE(path.ok());
  struct Logged {
    std::vector<std::string> warnings;
  } logged;
  SetLogHook(
      [](int level, const char* message, void* data) {
        if (level == static_cast<int>(LogLevel::kWarning)) {
          static_cast<Logged*>(data)->warnings.push_back(message);
        }
      },
      &logged);
  Make(kProblem, {.log_stale = false});
  EXPECT_THAT(logged.warnings, IsEmpty());
  for (int i = 0; i < 3; ++i) Make(kProblem);
  SetLogHook(nullptr, nullptr);
  ASSERT_EQ(logged.warnings.size(), 1u);
  EXPECT_THAT(logged.warnings[0], AllOf(HasSubstr(*path), HasSubstr("jitattn tune --stale")));
}

TEST_F(PlanSourceTest, StaleCodeIsSeenByEmitting) {
  const Cpu& cpu = HostCpu();
  const auto plan = Make(kProblem, {.use_cache = false, .config = Tuned()});
  cache::Record record = RecordOf(kProblem, plan->kernel().code_hash());
  EXPECT_FALSE(HasStaleCode(record, cpu));
  record.code_hash ^= 1;
  EXPECT_TRUE(HasStaleCode(record, cpu));
  // Nothing can be told of what cannot be emitted here.
  EXPECT_FALSE(HasStaleCode(record, Capped(cpu, Isa::kPortable)));
  record.config = ops::PortableAttentionConfig{};
  EXPECT_FALSE(HasStaleCode(record, cpu));
}

TEST_F(PlanSourceTest, AGivenConfigurationIsAnOrder) {
  TilesConfig config = Tuned();
  EXPECT_EQ(Make(kProblem, {.config = config})->config(), ops::Config(config));
  config.q_vecs = 99;
  const auto plan = Plan::Create(kProblem, HostCpu(), {.config = config});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), Mentions({"q_vecs", "99"}));
}

TEST(PlanCreate, RefusesImpossibleProblems) {
  AttentionProblem problem = kProblem;
  problem.head_dim = -3;
  const auto plan = Plan::Create(problem, HostCpu(), {});
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(plan.status().message()), HasSubstr("-3"));
}

// Law 5. Where the system gives no executable memory the same answers come more slowly.
TEST_F(PlanSourceTest, RefusedExecutableMemoryMeansThePortablePath) {
  AttentionProblem problem = kProblem;
  problem.value_dim = 61;  // whose kernels nobody else in this process holds
  ASSERT_TRUE(layers_.Put(RecordOf(problem)).ok());
  EXPECT_EQ(InChild([&]() -> std::string {
              if (!DenyExecutableMemory()) return "";  // cannot be tried here
              AttentionData data(problem);
              const auto plan = Make(problem);
              if (plan == nullptr) return "no plan";
              if (!plan->kernel().code().empty()) return "emitted code";
              if (!plan->Run(data.args()).ok()) return "run failed";
              if (!(data.MaxError(data.args()) < 2e-5)) return "wrong";
              return plan->source().reason.empty() ? "no reason" : "";
            }),
            "");
}

// Law 5. Nothing is ever writable and executable at once.
TEST(WritableOrExecutable, NeverBothAtOnce) {
  std::atomic<bool> stop{false};
  std::string seen;
  std::thread watcher([&] {
    while (!stop && seen.empty()) seen = WritableExecutableMappings();
  });
  for (int dim = 1; dim <= 40; ++dim) {
    AttentionProblem problem = kProblem;
    problem.head_dim = dim;  // a kernel of its own
    const auto plan = Plan::Create(problem, HostCpu(), {.use_cache = false});
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(WritableExecutableMappings(), "");
  }
  stop = true;
  watcher.join();
  EXPECT_EQ(seen, "");
  EXPECT_EQ(WritableExecutableRequests(), 0);
}

}  // namespace
}  // namespace jitattn::runtime
