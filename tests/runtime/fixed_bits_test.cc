// Plans with fixed bits: a sequence's results have the same bits alone and in any batch, on any
// number of threads, ragged or padded, in plans of any capacity.

#include <algorithm>
#include <cstring>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/small_float.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "ops/attention/problem.h"
#include "ops/operation.h"
#include "tests/jit/described_cpus.h"
#include "tests/long_tests.h"
#include "tests/mentions.h"

namespace jitattn::runtime {
namespace {

constexpr int64_t kHeads = 4, kKvHeads = 2, kHeadDim = 24, kValueDim = 20;
constexpr double kInf = std::numeric_limits<double>::infinity();

// What the sequences of a test have in common.
struct Kind {
  const char* name;
  int64_t least_queries, most_queries, most_keys;  // of a sequence; plans have up to twice as many
  int32_t mask = JITATTN_MASK_NONE, options = 0, bias = JITATTN_BIAS_NONE;
  int64_t window_left = 0, chunk = 0;
  bool uneven = false;  // left padding, prefixes, offsets
  const char* config = "";
};

void PrintTo(const Kind& kind, std::ostream* to) { *to << kind.name; }

constexpr int32_t kAllOptions =
    JITATTN_SOFTCAP | JITATTN_ALIBI | JITATTN_SINKS | JITATTN_LSE | JITATTN_OUT_GATE;

// The last fields are those of small blocks, of which these lengths fill several.
constexpr Kind kKinds[] = {
    {.name = "Prompt", .least_queries = 17, .most_queries = 90, .most_keys = 1200},
    {.name = "CausalPrompt",
     .least_queries = 17,
     .most_queries = 150,
     .most_keys = 700,
     .mask = JITATTN_MASK_CAUSAL,
     .options = kAllOptions,
     .uneven = true},
    {.name = "Window",
     .least_queries = 17,
     .most_queries = 150,
     .most_keys = 700,
     .mask = JITATTN_MASK_WINDOW,
     .options = JITATTN_SINKS,
     .window_left = 50},
    {.name = "Chunks",
     .least_queries = 17,
     .most_queries = 150,
     .most_keys = 400,
     .mask = JITATTN_MASK_CAUSAL,
     .options = JITATTN_LSE,
     .chunk = 45,
     .uneven = true,
     .config = " q_vecs=1 qk_vecs=1 qk_keys=4 kv_block=32"},
    {.name = "ChunksWithBias",
     .least_queries = 17,
     .most_queries = 150,
     .most_keys = 400,
     .mask = JITATTN_MASK_CAUSAL,
     .bias = JITATTN_BIAS_F32,
     .chunk = 45,
     .uneven = true,
     .config = " q_vecs=1 qk_vecs=1 qk_keys=4 kv_block=32"},
    {.name = "BiasOfPrompt",
     .least_queries = 17,
     .most_queries = 90,
     .most_keys = 500,
     .mask = JITATTN_MASK_CAUSAL,
     .bias = JITATTN_BIAS_F32,
     .config = " kv_block=64"},
    {.name = "FewQueries",
     .least_queries = 2,
     .most_queries = 8,
     .most_keys = 900,
     .mask = JITATTN_MASK_CAUSAL,
     .options = kAllOptions,
     .uneven = true,
     .config = " kv_block=32 kv_split=2"},
    {.name = "Step",
     .least_queries = 1,
     .most_queries = 1,
     .most_keys = 9000,
     .options = JITATTN_SINKS | JITATTN_LSE},
    {.name = "StepInParts",
     .least_queries = 1,
     .most_queries = 1,
     .most_keys = 600,
     .mask = JITATTN_MASK_CAUSAL,
     .options = kAllOptions,
     .chunk = 400,
     .uneven = true,
     .config = " kv_block=32 kv_split=1"},
    {.name = "BiasOfStep",
     .least_queries = 1,
     .most_queries = 1,
     .most_keys = 600,
     .bias = JITATTN_BIAS_BOOL,
     .config = " kv_block=32 kv_split=1"},
    {.name = "TransposedFused",
     .least_queries = 17,
     .most_queries = 90,
     .most_keys = 400,
     .mask = JITATTN_MASK_CAUSAL,
     .config = " pv=transposed pv_rows=4 pv_vecs=1 q_vecs=2 qk_vecs=2 qk_keys=2 kv_block=32 "
               "fuse_exp=1 exp_vecs=1"},
};

int SizeOfType(int32_t dtype) { return dtype == JITATTN_F64 ? 8 : dtype == JITATTN_F32 ? 4 : 2; }

template <typename T>
void Append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string Normal(int32_t dtype, int64_t count, double sigma, std::mt19937_64& random) {
  std::normal_distribution<double> normal(0, sigma);
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) {
    const double x = normal(random);
    switch (dtype) {
      case JITATTN_F64:
        Append(bytes, x);
        break;
      case JITATTN_BF16:
        Append(bytes, BFloat16(static_cast<float>(x)));
        break;
      case JITATTN_F16:
        Append(bytes, Float16(static_cast<float>(x)));
        break;
      default:
        Append(bytes, static_cast<float>(x));
    }
  }
  return bytes;
}

// [heads][rows][columns] of each operand.
struct Sequence {
  int64_t queries, keys, begin = 0, offset, prefix = 0;
  std::string q, k, v, gate, bias;
};

class FixedBitsTest : public testing::TestWithParam<std::tuple<int32_t, Kind>> {
 protected:
  int32_t dtype() const { return std::get<0>(GetParam()); }
  const Kind& kind() const { return std::get<1>(GetParam()); }
  int64_t Upto(int64_t most) { return 1 + static_cast<int64_t>(random_() % most); }

  Sequence Draw() {
    const Kind& k = kind();
    Sequence s;
    s.queries = k.least_queries - 1 + Upto(k.most_queries - k.least_queries + 1);
    s.keys = Upto(k.most_keys);
    s.offset = s.keys - s.queries;
    if (k.uneven) {
      s.begin = static_cast<int64_t>(random_() % 3) * Upto(s.keys) / 3;
      s.offset -= static_cast<int64_t>(random_() % 5);
      if (random_() % 2) s.prefix = Upto(s.keys);
    }
    s.q = Normal(dtype(), kHeads * s.queries * kHeadDim, 2, random_);
    s.k = Normal(dtype(), kKvHeads * s.keys * kHeadDim, 1, random_);
    s.v = Normal(dtype(), kKvHeads * s.keys * kValueDim, 1, random_);
    s.gate = Normal(dtype(), kHeads * s.queries * kValueDim, 1, random_);
    for (int64_t i = 0; k.bias != JITATTN_BIAS_NONE && i < kHeads * s.queries * s.keys; ++i) {
      const bool hidden = random_() % 3 == 0;
      if (k.bias == JITATTN_BIAS_BOOL) {
        s.bias.push_back(hidden ? 0 : 1);
      } else {
        Append(s.bias, hidden ? -static_cast<float>(kInf) : static_cast<float>(random_() % 8));
      }
    }
    return s;
  }

  struct Batch;
  std::vector<std::string> Run(const std::vector<const Sequence*>& sequences, bool ragged,
                               int threads);

  void Check();

  std::mt19937_64 random_;
};

// An operand of a batch: [sequence][head][row] or, ragged, [row][head].
class Batched {
 public:
  Batched() = default;
  Batched(int64_t batch, int64_t heads, int64_t rows, int64_t row_bytes, bool ragged)
      : heads_(heads), row_bytes_(row_bytes), rows_(rows), ragged_(ragged) {
    bytes_.assign(static_cast<size_t>((ragged ? 1 : batch) * heads * rows * row_bytes), '\xff');
  }
  char* Row(int64_t part, int64_t first, int64_t head, int64_t row) {
    return bytes_.data() + row_bytes_ * (ragged_ ? (first + row) * heads_ + head
                                                 : (part * heads_ + head) * rows_ + row);
  }
  void Write(const std::string& from, int64_t part, int64_t first, int64_t rows) {
    for (int64_t head = 0; head < heads_; ++head)
      for (int64_t row = 0; row < rows; ++row)
        std::memcpy(Row(part, first, head, row), &from[(head * rows + row) * row_bytes_],
                    row_bytes_);
  }
  void Strides(int64_t (&strides)[3], int64_t cols) const {
    strides[0] = heads_ * rows_ * cols;
    strides[1] = ragged_ ? cols : rows_ * cols;
    strides[2] = ragged_ ? heads_ * cols : cols;
  }
  char* data() { return bytes_.data(); }

 private:
  int64_t heads_ = 0, row_bytes_ = 0, rows_ = 0;
  bool ragged_ = false;
  std::vector<char> bytes_;
};

// Sequences as a run has them, in memory of their own.
struct FixedBitsTest::Batch {
  Batch(const Kind& kind, int32_t dtype, const std::vector<const Sequence*>& sequences, bool ragged,
        bool exact, std::mt19937_64& random);
  // The bytes of a sequence's out and lse.
  std::string Result(int64_t b);

  const int size, lse_size;  // of an element, in bytes
  const bool ragged;
  std::vector<int64_t> q_lens, kv_lens, begins, offsets, prefixes, q_firsts{3}, kv_firsts{5};
  jitattn_attention_problem problem;
  jitattn_attention_args args;
  Batched q, k, v, gate, out, lse, bias;

 private:
  void SetProblem(const Kind& kind, int32_t dtype, int64_t more_queries, int64_t more_keys);
  Batched OfQueries(int64_t row_bytes) {
    return {std::ssize(q_lens), kHeads, ragged ? q_firsts.back() : problem.q_len, row_bytes,
            ragged};
  }
  Batched OfKeys(int64_t row_bytes) {
    return {std::ssize(q_lens), kKvHeads, ragged ? kv_firsts.back() : problem.kv_len, row_bytes,
            ragged};
  }
  void Write(int64_t b, const Sequence& s, int bias_bytes);
  void SetOperands();
  void SetLengths(bool exact, std::mt19937_64& random);
};

// The plan's capacity is that of the batch if it is to be exact, else any.
FixedBitsTest::Batch::Batch(const Kind& kind, int32_t dtype,
                            const std::vector<const Sequence*>& sequences, bool ragged, bool exact,
                            std::mt19937_64& random)
    : size(SizeOfType(dtype)), lse_size(dtype == JITATTN_F64 ? 8 : 4), ragged(ragged) {
  for (const Sequence* s : sequences) {
    q_lens.push_back(s->queries), kv_lens.push_back(s->keys), begins.push_back(s->begin);
    offsets.push_back(s->offset), prefixes.push_back(s->prefix);
    q_firsts.push_back(q_firsts.back() + s->queries);
    kv_firsts.push_back(kv_firsts.back() + s->keys);
  }
  const bool grows = !exact && kind.most_queries > 1;
  SetProblem(kind, dtype, grows ? static_cast<int64_t>(random() % 8) : 0,
             exact ? 0 : static_cast<int64_t>(random() % kind.most_keys));
  const int bias_bytes = kind.bias == JITATTN_BIAS_BOOL ? 1 : 4;
  q = OfQueries(kHeadDim * size), k = OfKeys(kHeadDim * size), v = OfKeys(kValueDim * size);
  gate = OfQueries(kValueDim * size), out = OfQueries(kValueDim * size), lse = OfQueries(lse_size);
  bias = {std::ssize(sequences), kind.bias == JITATTN_BIAS_NONE ? 0 : kHeads, problem.q_len,
          problem.kv_len * bias_bytes, false};
  for (size_t b = 0; b < sequences.size(); ++b) {
    Write(static_cast<int64_t>(b), *sequences[b], bias_bytes);
  }
  SetOperands();
  SetLengths(exact, random);
}

void FixedBitsTest::Batch::SetProblem(const Kind& kind, int32_t dtype, int64_t more_queries,
                                      int64_t more_keys) {
  jitattn_attention_problem_init(&problem, kHeads, 1, kHeadDim);
  problem.kv_heads = kKvHeads, problem.value_dim = kValueDim;
  problem.dtype = dtype, problem.mask = kind.mask;
  problem.options = kind.options, problem.bias = kind.bias;
  problem.window_left = kind.window_left, problem.chunk = kind.chunk;
  problem.batch = std::ssize(q_lens) + (more_keys > 0 ? 2 : 0);
  problem.q_len = std::ranges::max(q_lens) + more_queries;
  problem.kv_len = std::ranges::max(kv_lens) + more_keys;
}

void FixedBitsTest::Batch::Write(int64_t b, const Sequence& s, int bias_bytes) {
  q.Write(s.q, b, q_firsts[b], s.queries);
  gate.Write(s.gate, b, q_firsts[b], s.queries);
  k.Write(s.k, b, kv_firsts[b], s.keys);
  v.Write(s.v, b, kv_firsts[b], s.keys);
  for (int64_t i = 0; problem.bias != JITATTN_BIAS_NONE && i < kHeads * s.queries; ++i) {
    std::memcpy(bias.Row(b, 0, i / s.queries, i % s.queries), &s.bias[i * s.keys * bias_bytes],
                s.keys * bias_bytes);
  }
}

void FixedBitsTest::Batch::SetOperands() {
  static const float slopes[kHeads] = {0.5f, 0.25f, 0.125f, 0.0625f};
  static const float sinks[kHeads] = {1, -2, 30, 0};
  jitattn_attention_args_init(&args, &problem);
  args.batch = std::ssize(q_lens);
  args.q = q.data(), args.k = k.data(), args.v = v.data(), args.out = out.data();
  args.gate = gate.data(), args.lse = lse.data(), args.bias = bias.data();
  q.Strides(args.q_strides, kHeadDim), k.Strides(args.k_strides, kHeadDim);
  v.Strides(args.v_strides, kValueDim), out.Strides(args.out_strides, kValueDim);
  gate.Strides(args.gate_strides, kValueDim), lse.Strides(args.lse_strides, 1);
  bias.Strides(args.bias_strides, problem.kv_len);
  args.alibi_slopes = slopes, args.sinks = sinks, args.softcap = 20;
}

void FixedBitsTest::Batch::SetLengths(bool exact, std::mt19937_64& random) {
  if (exact) {
    args.causal_offset = offsets[0];
  } else {
    args.causal_offsets = offsets.data();
  }
  if (std::ranges::max(begins) > 0 || random() % 2) args.kv_begins = begins.data();
  const bool may_have_prefix = problem.mask == JITATTN_MASK_CAUSAL;
  if (std::ranges::max(prefixes) > 0 || (may_have_prefix && random() % 2)) {
    args.prefix_lens = prefixes.data();
  }
  if (ragged) {
    args.q_offsets = q_firsts.data(), args.kv_offsets = kv_firsts.data();
  } else if (!exact) {
    args.q_lens = q_lens.data(), args.kv_lens = kv_lens.data();
  }
}

std::string FixedBitsTest::Batch::Result(int64_t b) {
  std::string bytes;
  for (int64_t head = 0; head < kHeads; ++head) {
    for (int64_t row = 0; row < q_lens[b]; ++row) {
      bytes.append(out.Row(b, q_firsts[b], head, row), kValueDim * size);
      if (problem.options & JITATTN_LSE) {
        bytes.append(lse.Row(b, q_firsts[b], head, row), lse_size);
      }
    }
  }
  return bytes;
}

// Runs the sequences in one batch, with a plan of some capacity, on scratch that holds anything.
// Returns the bytes of out and lse of each.
std::vector<std::string> FixedBitsTest::Run(const std::vector<const Sequence*>& sequences,
                                            bool ragged, int threads) {
  const bool exact = sequences.size() == 1 && !ragged && random_() % 2 == 0;
  Batch batch(kind(), dtype(), sequences, ragged, exact, random_);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.fixed_bits = 1;
  options.threads = threads;
  // These problems are too small for several threads by default.
  const std::string config = absl::StrCat("threads=", threads, kind().config);
  options.config = config.c_str();
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_attention_plan(&batch.problem, &options, &plan), JITATTN_OK)
      << jitattn_last_error();
  if (plan == nullptr) return {};
  std::vector<char> scratch(jitattn_plan_scratch_bytes(plan) + 64,
                            static_cast<char>(random_() % 2 ? 0xff : 0x41));
  batch.args.scratch = scratch.data() + 64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64;
  EXPECT_EQ(jitattn_attention_run(plan, &batch.args), JITATTN_OK) << jitattn_last_error();
  jitattn_plan_free(plan);
  std::vector<std::string> results;
  for (size_t b = 0; b < sequences.size(); ++b) {
    results.push_back(batch.Result(static_cast<int64_t>(b)));
  }
  return results;
}

// For one draw of sequences.
void FixedBitsTest::Check() {
  std::vector<Sequence> sequences;
  for (int i = 0; i < 4; ++i) sequences.push_back(Draw());
  std::vector<std::string> alone;
  for (const Sequence& s : sequences) {
    const auto result = Run({&s}, false, 1);
    ASSERT_EQ(result.size(), 1u);
    alone.push_back(result[0]);
  }
  for (const int threads : {1, 2, 4, 7}) {
    for (const bool ragged : {false, true}) {
      std::vector<int> order = {0, 1, 2, 3};
      std::shuffle(order.begin(), order.end(), random_);
      order.resize(static_cast<size_t>(Upto(4)));
      std::vector<const Sequence*> batch;
      for (const int i : order) batch.push_back(&sequences[i]);
      const auto results = Run(batch, ragged, threads);
      ASSERT_EQ(results.size(), batch.size());
      for (size_t i = 0; i < order.size(); ++i) {
        EXPECT_TRUE(results[i] == alone[order[i]])
            << "sequence " << order[i] << " of " << batch[i]->queries << "×" << batch[i]->keys
            << " in a batch of " << order.size() << (ragged ? ", ragged" : "") << ", " << threads
            << " threads";
      }
    }
  }
}

TEST_P(FixedBitsTest, ASequenceAloneAndInBatches) {
  const int count = AllOrSome(100, 1);
  for (int seed = 0; seed < count && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    random_.seed(static_cast<uint64_t>(seed));
    Check();
  }
}

std::string NameOfType(int32_t dtype) {
  constexpr const char* kNames[] = {"f32", "f64", "bf16", "f16"};
  return kNames[dtype];
}

std::vector<std::tuple<int32_t, Kind>> Params() {
  std::vector<std::tuple<int32_t, Kind>> params;
  for (const int32_t dtype : {JITATTN_F32, JITATTN_F64, JITATTN_BF16, JITATTN_F16})
    for (const Kind& kind : kKinds) params.emplace_back(dtype, kind);
  return params;
}

INSTANTIATE_TEST_SUITE_P(All, FixedBitsTest, testing::ValuesIn(Params()), [](const auto& info) {
  return absl::StrCat(std::get<1>(info.param).name, "_", NameOfType(std::get<0>(info.param)));
});

// Apart from the number of threads.
std::string FixedConfig(ops::AttentionProblem problem, const Cpu& cpu, int threads) {
  ops::Config config = ops::FixedBitsConfig(problem, cpu, threads);
  EXPECT_TRUE(ops::Validate(config, problem, cpu).ok()) << ops::ToString(config);
  EXPECT_LE(config.threads(), threads);
  ops::FindField(config.algorithm(), "threads")->set(config, 1);
  return ops::ToString(config);
}

TEST(FixedBits, TheConfigurationDoesNotDependOnLengthsBatchAndThreads) {
  for (const jit::testing::DescribedCpu& described : jit::testing::DescribedCpus()) {
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kBF16, DType::kF16}) {
      for (const int64_t group : {1, 8}) {
        for (const auto& [least, most] : {std::pair{1, 1}, {2, 16}, {17, 5000}}) {
          ops::AttentionProblem p{.dtype = dtype, .heads = 8, .kv_heads = 8 / group};
          p.q_len = least, p.kv_len = 1;
          const std::string expected = FixedConfig(p, described.cpu, 1);
          p.q_len = most;
          for (const int64_t kv_len : {64, 5000, 200000}) {
            p.kv_len = kv_len;
            for (const int64_t batch : {1, 40}) {
              p.batch = batch;
              EXPECT_EQ(FixedConfig(p, described.cpu, 16), expected) << ops::Describe(p);
            }
          }
        }
      }
    }
  }
}

TEST(FixedBits, RecordsAreNotUsedAndNotMade) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 32, 16);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.fixed_bits = 1;
  jitattn_plan* plan = nullptr;
  ASSERT_EQ(jitattn_attention_plan(&problem, &options, &plan), JITATTN_OK) << jitattn_last_error();
  jitattn_plan_info info = {.struct_size = sizeof info};
  ASSERT_EQ(jitattn_plan_get_info(plan, &info), JITATTN_OK);
  EXPECT_THAT(std::string(info.reason), Mentions({"fixed bits"}));
  EXPECT_EQ(info.match, JITATTN_MATCH_NONE);
  jitattn_plan_free(plan);
  options.tune = 1;
  EXPECT_EQ(jitattn_attention_plan(&problem, &options, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"tune", "fixed_bits"}));
}

}  // namespace
}  // namespace jitattn::runtime
