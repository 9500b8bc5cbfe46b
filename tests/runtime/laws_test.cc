// Law 3: every tunable changes something, the emitted bytes or the schedule. A study once "tuned"
// two parameters that its kernel ignored, and reported the noise as gains.

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jit/attention/args.h"
#include "jit/compile.h"
#include "jit/executable_memory.h"
#include "jit/sigmoid_mul/args.h"
#include "jitattn/jitattn.h"
#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "ops/runner.h"
#include "ops/sigmoid_mul/algorithms.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {
namespace {

using ops::Config;
using ops::Field;

std::vector<ops::Problem> Problems() {
  std::vector<ops::Problem> problems;
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
    for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
      problems.push_back(ops::AttentionProblem{.dtype = dtype,
                                               .mask = mask,
                                               .q_len = 1024,
                                               .kv_len = 1024,
                                               .head_dim = 128,
                                               .value_dim = 96});
    }
    problems.push_back(ops::SigmoidMulProblem{.dtype = dtype, .rows = 1024, .cols = 1024});
  }
  ops::AttentionProblem of_bytes{.q_len = 1024, .kv_len = 1024, .head_dim = 128, .value_dim = 96};
  of_bytes.kv_type = jit::KvType::kI8;
  problems.push_back(of_bytes);
  of_bytes.kv_scale_block = 64;
  problems.push_back(of_bytes);
  return problems;
}

// The configurations whose fields are varied: the default, its exponentials on stored scores, its
// narrowest blocks, and each form of P·V of these; the default for few rows, its narrowest blocks,
// and both with and without pairs. Invalid ones are left out.
std::vector<Config> Bases(const ops::Problem& problem, const Cpu& cpu) {
  const Config base = ops::DefaultConfig(problem, cpu, 1);
  std::vector<Config> bases = {base};
  if (&problem.operation() == &ops::kAttention) {
    EXPECT_TRUE(base.Is<jit::TilesConfig>()) << ops::Describe(problem);
    auto stored = base.As<jit::TilesConfig>(), narrow = stored;
    stored.fuse_exp = 0;
    narrow.q_vecs = narrow.qk_vecs = narrow.pv_vecs = 1;
    for (const jit::TilesConfig& tiles : {base.As<jit::TilesConfig>(), stored, narrow}) {
      for (const auto pv : {jit::PvForm::kNatural, jit::PvForm::kTransposed, jit::PvForm::kPairs}) {
        jit::TilesConfig other = tiles;
        other.pv = pv;
        bases.push_back(other);
      }
    }
    ops::AttentionProblem few_rows = problem.As<ops::AttentionProblem>();
    few_rows.q_len = 4;
    const Config few = ops::DefaultConfig(few_rows, cpu, 1);
    EXPECT_TRUE(few.Is<jit::RowsConfig>()) << ops::Describe(few_rows);
    const auto rows = few.As<jit::RowsConfig>();
    auto narrow_rows = rows;
    narrow_rows.qk_keys = narrow_rows.pv_rows = narrow_rows.pv_vecs = 1;
    for (jit::RowsConfig other : {rows, narrow_rows}) {
      for (const int pairs : {0, 1}) {
        other.pairs = pairs;
        bases.push_back(other);
      }
    }
  }
  std::vector<Config> points;
  for (const Config& candidate : bases) {
    const Config point = ops::Canonical(candidate, problem);
    const bool is_new = std::find(points.begin(), points.end(), point) == points.end();
    if (is_new && ops::Validate(point, problem, cpu).ok()) points.push_back(point);
  }
  return points;
}

// Compiles `base` with every value of the field that is a point of its own; returns how many
// kernels there were beside the first.
int Turn(const Field& field, const Config& base, const ops::Problem& problem, const Cpu& cpu) {
  std::map<uint64_t, int> seen;  // hash of the code → value of the field
  for (const int value : field.values) {
    Config config = base;
    field.set(config, value);
    if (!ops::Validate(config, problem, cpu).ok()) continue;
    if (ops::Canonical(config, problem) != config) continue;
    const auto kernel = ops::Compile(problem, config, cpu);
    EXPECT_TRUE(kernel.ok()) << kernel.status();
    if (!kernel.ok()) continue;
    const auto [other, is_new] = seen.emplace((*kernel)->code_hash(), value);
    EXPECT_TRUE(is_new) << field.name << " " << value << " emits the code of " << other->second
                        << ": " << (*kernel)->name();
  }
  return std::max(0, static_cast<int>(seen.size()) - 1);
}

// Two valid canonical configurations that differ in one field that shapes code are two kernels;
// otherwise the search would time one kernel twice and call it a choice.
// Nothing is run: the CPUs are described.
class EveryTunableOf : public testing::TestWithParam<jit::testing::DescribedCpu> {
 protected:
  void SetUp() override {
    if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  }
};

TEST_P(EveryTunableOf, TheCodeChangesTheEmittedBytes) {
  const Cpu& cpu = GetParam().cpu;
  std::map<std::string, int> compared;
  std::set<std::string> forms;
  for (const ops::Problem& problem : Problems()) {
    const DType dtype = problem.dtype();
    if (!jit::testing::HasKernels(cpu, dtype)) continue;
    for (const Config& base : Bases(problem, cpu)) {
      for (const Field& field : base.algorithm().fields) {
        if (!field.shapes_code() || field.role == ops::Field::Role::kIsa) continue;
        const int changes = Turn(field, base, problem, cpu);
        compared[absl::StrCat(std::string(base.algorithm().name), " ", std::string(field.name))] +=
            changes;
        const auto* tiles = base.If<jit::TilesConfig>();
        if (tiles != nullptr && changes > 0) {
          forms.insert(absl::StrCat(std::string(Name(dtype)), " ", static_cast<int>(tiles->pv)));
        }
      }
    }
  }
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      if (algorithm->fields.front().values.front() == 0) continue;  // portable: not emitted
      for (const Field& field : algorithm->fields) {
        if (!field.shapes_code() || field.role == ops::Field::Role::kIsa) continue;
        const std::string name =
            absl::StrCat(std::string(algorithm->name), " ", std::string(field.name));
        const bool only_avx512 =
            name == "tiles qk_embed" || name == "tiles pv_embed" || name == "vectors reciprocal";
        const bool none_here =
            (only_avx512 && cpu.isa != Isa::kAvx512) || (name == "rows pairs" && !cpu.avx512_bf16);
        EXPECT_TRUE(compared[name] > 0 || none_here) << name << " was never changed";
      }
    }
  }
  // The natural and the transposed form of every type, and pairs.
  EXPECT_EQ(forms.size(), 2u * (cpu.f16c ? 4 : 3) + (cpu.avx512_bf16 ? 1 : 0));
}

INSTANTIATE_TEST_SUITE_P(Cpus, EveryTunableOf,
                         testing::ValuesIn(jit::testing::CpusOfDifferentCode()),
                         [](const auto& info) { return info.param.name; });

TEST(EveryTunable, IsaChangesTheEmittedBytes) {
  if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  for (const ops::Problem& problem : Problems()) {
    const Cpu cpu = jit::testing::FullCpu(Isa::kAvx512);
    Config config = ops::DefaultConfig(problem, Capped(cpu, Isa::kAvx2), 1);
    const auto avx2 = ops::Compile(problem, config, cpu);
    ops::FindField(config.algorithm(), "isa")->set(config, static_cast<int>(Isa::kAvx512));
    const auto avx512 = ops::Compile(problem, config, cpu);
    ASSERT_TRUE(avx2.ok() && avx512.ok());
    EXPECT_NE((*avx2)->code_hash(), (*avx512)->code_hash()) << (*avx2)->name();
  }
}

// ---- The schedule: what a runner asks of its kernel
// ----------------------------------------------

std::mutex mutex;
std::multiset<int64_t> calls;  // rows, elements or keys, of each

void RecordAttention(const void* args) {
  std::lock_guard lock(mutex);
  calls.insert(static_cast<const jit::AttentionArgs*>(args)->q_rows);
}
void RecordKeys(const void* args) {
  std::lock_guard lock(mutex);
  calls.insert(static_cast<const jit::AttentionArgs*>(args)->kv_len);
}
void RecordSigmoidMul(const void* args) {
  const auto& a = *static_cast<const jit::SigmoidMulArgs*>(args);
  std::lock_guard lock(mutex);
  calls.insert(a.rows * a.cols);
}

// The runner of `config` over a kernel that computes nothing and calls `record`; runs `args`.
void RunRecorded(const ops::Problem& problem, const Config& config, void (*record)(const void*),
                 const void* args) {
  const auto runner = config.algorithm().make_runner(
      problem, config, jit::PortableKernel("recording", record, {}), config.threads(),
      /*worthwhile_flops=*/1);
  ASSERT_TRUE(runner->Init().ok());
  calls.clear();
  runner->Run(args);
}

// Every field that does not shape code is one of these; a new one needs its own test here.
TEST(EveryTunable, OfTheScheduleIsKnown) {
  std::set<std::string> fields;
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      for (const Field& field : algorithm->fields) {
        if (field.shapes_code()) continue;
        fields.insert(absl::StrCat(std::string(algorithm->name), " ", std::string(field.name)));
      }
    }
  }
  EXPECT_EQ(fields, (std::set<std::string>{"tiles threads", "tiles task_tiles", "rows threads",
                                           "rows kv_split", "portable threads",
                                           "portable task_tiles", "vectors threads"}));
}

std::multiset<int64_t> AttentionCalls(const Config& config) {
  const ops::AttentionProblem problem{.q_len = 512, .kv_len = 8, .head_dim = 4, .value_dim = 4};
  jitattn_attention_args args = {};
  args.batch = 1, args.q_len = 512, args.kv_len = 8;
  RunRecorded(problem, config, RecordAttention, &args);
  return calls;
}

TEST(EveryTunable, ThreadsAndTaskTilesChangeTheScheduleOfAttention) {
  using Rows = std::multiset<int64_t>;
  // A tile is 4 vectors of 16 floats: 64 rows.
  const auto tiles = [](int threads, int task_tiles) {
    return AttentionCalls(jit::TilesConfig{.threads = threads, .task_tiles = task_tiles});
  };
  EXPECT_EQ(tiles(1, 1), (Rows{512}));
  EXPECT_EQ(tiles(2, 1), (Rows{64, 64, 64, 64, 64, 64, 64, 64}));
  EXPECT_EQ(tiles(2, 2), (Rows{128, 128, 128, 128}));
  EXPECT_EQ(tiles(2, 4), (Rows{256, 256}));
  const auto portable = [](int threads, int task_tiles) {
    return AttentionCalls(
        ops::PortableAttentionConfig{.threads = threads, .task_tiles = task_tiles});
  };
  const int rows = ops::PortableTileRows(DType::kF32);
  ASSERT_EQ(512 % (16 * rows), 0);
  EXPECT_EQ(portable(1, 1), (Rows{512}));
  for (const int task_tiles : {1, 2, 16}) {
    const Rows called = portable(2, task_tiles);
    EXPECT_EQ(called.size(), static_cast<size_t>(512 / (task_tiles * rows)));
    EXPECT_EQ(called.count(task_tiles * rows), called.size());
  }
}

// Blocks of 64 keys; the last call merges.
TEST(EveryTunable, KvSplitChangesTheScheduleOfAttention) {
  const auto keys = [](int kv_split, int threads) {
    const ops::AttentionProblem problem{.kv_len = 300};
    const jit::RowsConfig config{
        .threads = threads, .tile_rows = 1, .kv_block = 64, .kv_split = kv_split};
    jitattn_attention_args args = {};
    args.batch = 1, args.q_len = 1, args.kv_len = 300;
    RunRecorded(problem, config, RecordKeys, &args);
    return calls;
  };
  using Keys = std::multiset<int64_t>;
  for (const int threads : {1, 3}) {
    EXPECT_EQ(keys(0, threads), (Keys{300}));
    EXPECT_EQ(keys(1, threads), (Keys{64, 64, 64, 64, 44, 300}));
    EXPECT_EQ(keys(2, threads), (Keys{128, 128, 44, 300}));
    EXPECT_EQ(keys(8, threads), (Keys{300}));
  }
}

TEST(EveryTunable, ThreadsChangeTheScheduleOfSigmoidMul) {
  const ops::SigmoidMulProblem problem{.rows = 64, .cols = 1024};
  std::set<size_t> sizes;
  for (const int threads : {1, 2, 3}) {
    std::vector<float> x(64 * 1024);
    const jitattn_activation_args args = {.struct_size = sizeof args,
                                          .x = x.data(),
                                          .out = x.data(),
                                          .rows = 64,
                                          .cols = 1024,
                                          .x_stride = 1024,
                                          .out_stride = 1024};
    RunRecorded(problem, jit::SigmoidMulConfig{.threads = threads}, RecordSigmoidMul, &args);
    int64_t elements = 0;
    for (const int64_t count : calls) elements += count;
    EXPECT_EQ(elements, 64 * 1024);
    sizes.insert(calls.size());
  }
  EXPECT_EQ(sizes.size(), 3u);
}

}  // namespace
}  // namespace jitattn::runtime
