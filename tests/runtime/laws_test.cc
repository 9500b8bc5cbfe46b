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
#include "jit/compile.h"
#include "runtime/attention_runner.h"
#include "runtime/decode_runner.h"
#include "runtime/heuristic.h"
#include "runtime/sigmoid_mul_runner.h"
#include "tests/jit/described_cpus.h"

namespace jitattn::runtime {
namespace {

using jit::Config;
using jit::Field;

std::vector<jit::Problem> Problems() {
  std::vector<jit::Problem> problems;
  for (const jit::DType dtype :
       {jit::DType::kF32, jit::DType::kF64, jit::DType::kBF16, jit::DType::kF16}) {
    for (const jit::Mask mask : {jit::Mask::kNone, jit::Mask::kCausal}) {
      problems.push_back(jit::AttentionProblem{.dtype = dtype,
                                               .mask = mask,
                                               .q_len = 1024,
                                               .kv_len = 1024,
                                               .head_dim = 128,
                                               .value_dim = 96});
    }
    problems.push_back(jit::SigmoidMulProblem{.dtype = dtype, .rows = 1024, .cols = 1024});
  }
  return problems;
}

// Where the fields are turned from: the default, its exponentials on stored scores, its narrowest
// blocks, the default for few rows, and each form of P·V of all these; of them what is valid.
std::vector<Config> Bases(const jit::Problem& problem, const jit::Cpu& cpu) {
  const Config base = DefaultConfig(problem, cpu, 1);
  std::vector<Config> bases = {base};
  if (jit::OpOf(problem) == jit::Op::kAttention) {
    auto stored = std::get<jit::AttentionConfig>(base), narrow = stored;
    stored.fuse_exp = 0;
    narrow.q_vecs = narrow.qk_vecs = narrow.pv_vecs = 1;
    jit::AttentionProblem few_rows = std::get<jit::AttentionProblem>(problem);
    few_rows.q_len = 4;
    bases.insert(bases.end(), {stored, narrow, DefaultConfig(few_rows, cpu, 1)});
    for (size_t i = 0, count = bases.size(); i < count; ++i) {
      for (const int pv_form : {0, 1, 2}) {
        auto other = std::get<jit::AttentionConfig>(bases[i]);
        other.pv_form = pv_form;
        bases.push_back(other);
      }
    }
  }
  std::vector<Config> points;
  for (const Config& candidate : bases) {
    const Config point = jit::Canonical(candidate, jit::SpecOf(problem));
    const bool is_new = std::find(points.begin(), points.end(), point) == points.end();
    if (is_new && jit::Validate(point, jit::SpecOf(problem), cpu).ok()) points.push_back(point);
  }
  return points;
}

// Compiles `base` with every value of the field that is a point of its own; returns how many
// kernels there were beside the first.
int Turn(const Field& field, const Config& base, const jit::Spec& spec, const jit::Cpu& cpu) {
  std::map<uint64_t, int> seen;  // hash of the code → value of the field
  for (const int value : field.values) {
    Config config = base;
    field.set(config, value);
    if (!jit::Validate(config, spec, cpu).ok() || jit::Canonical(config, spec) != config) continue;
    const auto kernel = jit::Compile(spec, config, cpu);
    EXPECT_TRUE(kernel.ok()) << kernel.status();
    if (!kernel.ok()) continue;
    const auto [other, is_new] = seen.emplace((*kernel)->code_hash(), value);
    EXPECT_TRUE(is_new) << field.name << " " << value << " emits the code of " << other->second
                        << ": " << (*kernel)->name();
  }
  return std::max(0, static_cast<int>(seen.size()) - 1);
}

// Two configurations that differ in one field that shapes code, both valid and both what Canonical
// leaves alone, are two kernels: else the search would time one kernel twice and call it a choice.
// Nothing is run: the CPUs are described.
class EveryTunableOf : public testing::TestWithParam<jit::testing::DescribedCpu> {
 protected:
  void SetUp() override {
    if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  }
};

TEST_P(EveryTunableOf, TheCodeChangesTheEmittedBytes) {
  const jit::Cpu& cpu = GetParam().cpu;
  std::map<std::string, int> compared;
  std::set<std::string> forms;
  for (const jit::Problem& problem : Problems()) {
    const jit::Spec spec = jit::SpecOf(problem);
    const jit::DType dtype = std::visit([](const auto& s) { return s.dtype; }, spec);
    if (!jit::testing::HasKernels(cpu, dtype)) continue;
    for (const Config& base : Bases(problem, cpu)) {
      for (const Field& field : jit::Fields(jit::OpOf(problem))) {
        if (!field.shapes_code() || field.name == "isa") continue;
        const int changes = Turn(field, base, spec, cpu);
        compared[absl::StrCat(std::string(jit::Name(jit::OpOf(problem))), " ",
                              std::string(field.name))] += changes;
        const auto* attention = std::get_if<jit::AttentionConfig>(&base);
        if (attention != nullptr && changes > 0) {
          forms.insert(absl::StrCat(std::string(jit::Name(dtype)), " ", attention->pv_form));
        }
      }
    }
  }
  for (const auto& [field, count] : compared) {
    const bool other_kernel = field == "attention lanes";  // every field beside it is another's
    const bool only_avx512 = field == "attention qk_embed" || field == "attention pv_embed" ||
                             field == "sigmoid-mul reciprocal";
    const bool none_here = only_avx512 && cpu.isa != jit::Isa::kAvx512;
    EXPECT_TRUE(count > 0 || other_kernel || none_here) << field << " was never changed";
  }
  // Forms 0 and 1 of every type, and pairs.
  EXPECT_EQ(forms.size(), 2u * (cpu.f16c ? 4 : 3) + (cpu.avx512_bf16 ? 1 : 0));
}

INSTANTIATE_TEST_SUITE_P(Cpus, EveryTunableOf,
                         testing::ValuesIn(jit::testing::CpusOfDifferentCode()),
                         [](const auto& info) { return info.param.name; });

TEST(EveryTunable, IsaChangesTheEmittedBytes) {
  if (!jit::ExecutableMemoryAllowed()) GTEST_SKIP() << "needs executable memory";
  for (const jit::Problem& problem : Problems()) {
    const jit::Cpu cpu = jit::testing::FullCpu(jit::Isa::kAvx512);
    Config config = DefaultConfig(problem, jit::Capped(cpu, jit::Isa::kAvx2), 1);
    const auto avx2 = jit::Compile(jit::SpecOf(problem), config, cpu);
    std::visit([](auto& c) { c.isa = jit::Isa::kAvx512; }, config);
    const auto avx512 = jit::Compile(jit::SpecOf(problem), config, cpu);
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

class RecordingKernel : public jit::Kernel {
 public:
  explicit RecordingKernel(const jit::Spec& spec) {
    entry_ = jit::OpOf(spec) == jit::Op::kAttention ? RecordAttention : RecordSigmoidMul;
    spec_ = spec;
  }
  RecordingKernel(const jit::Spec& spec, void (*entry)(const void*)) : RecordingKernel(spec) {
    entry_ = entry;
  }
};

// Every field that does not shape code is one of these; a new one needs its own test here.
TEST(EveryTunable, OfTheScheduleIsKnown) {
  for (const jit::Op op : {jit::Op::kAttention, jit::Op::kSigmoidMul}) {
    for (const Field& field : jit::Fields(op)) {
      if (field.shapes_code()) continue;
      const bool known =
          field.name == "threads" || field.name == "task_tiles" || field.name == "kv_split";
      EXPECT_TRUE(known) << field.name;
    }
  }
}

std::multiset<int64_t> AttentionCalls(int threads, int task_tiles) {
  const jit::AttentionProblem problem{.q_len = 512, .kv_len = 8, .head_dim = 4, .value_dim = 4};
  const jit::AttentionConfig config{
      .isa = jit::Isa::kAvx512, .q_vecs = 4, .task_tiles = task_tiles, .threads = threads};
  AttentionRunner runner(problem, config, std::make_shared<RecordingKernel>(jit::SpecOf(problem)),
                         threads, 1);
  EXPECT_TRUE(runner.Init().ok());
  jitattn_attention_args args = {};
  args.batch = 1, args.q_len = 512, args.kv_len = 8;
  calls.clear();
  runner.Run(args);
  return calls;
}

TEST(EveryTunable, ThreadsAndTaskTilesChangeTheScheduleOfAttention) {
  using Rows = std::multiset<int64_t>;
  // A tile is 4 vectors of 16 floats: 64 rows.
  EXPECT_EQ(AttentionCalls(1, 1), (Rows{512}));
  EXPECT_EQ(AttentionCalls(2, 1), (Rows{64, 64, 64, 64, 64, 64, 64, 64}));
  EXPECT_EQ(AttentionCalls(2, 2), (Rows{128, 128, 128, 128}));
  EXPECT_EQ(AttentionCalls(2, 4), (Rows{256, 256}));
}

// Blocks of 64 keys; the last call merges.
TEST(EveryTunable, KvSplitChangesTheScheduleOfAttention) {
  const auto keys = [](int kv_split, int threads) {
    const jit::AttentionProblem problem{.kv_len = 300};
    const jit::AttentionConfig config{.lanes = jit::LaneAxis::kColumns,
                                      .q_vecs = 1,
                                      .kv_block = 64,
                                      .kv_split = kv_split,
                                      .threads = threads};
    DecodeRunner runner(problem, config,
                        std::make_shared<RecordingKernel>(jit::SpecOf(problem), RecordKeys),
                        threads, 1);
    EXPECT_TRUE(runner.Init().ok());
    jitattn_attention_args args = {};
    args.batch = 1, args.q_len = 1, args.kv_len = 300;
    calls.clear();
    runner.Run(args);
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
  const jit::SigmoidMulProblem problem{.rows = 64, .cols = 1024};
  std::set<size_t> sizes;
  for (const int threads : {1, 2, 3}) {
    SigmoidMulRunner runner(problem, std::make_shared<RecordingKernel>(jit::SpecOf(problem)),
                            threads, 1);
    std::vector<float> x(64 * 1024);
    const jitattn_sigmoid_mul_args args = {.struct_size = sizeof args,
                                           .x = x.data(),
                                           .out = x.data(),
                                           .rows = 64,
                                           .cols = 1024,
                                           .x_stride = 1024,
                                           .out_stride = 1024};
    calls.clear();
    runner.Run(args);
    int64_t elements = 0;
    for (const int64_t count : calls) elements += count;
    EXPECT_EQ(elements, 64 * 1024);
    sizes.insert(calls.size());
  }
  EXPECT_EQ(sizes.size(), 3u);
}

}  // namespace
}  // namespace jitattn::runtime
