// Attention as the C API describes it: random problems and arguments, all options combined, against
// the formula of jitattn.h in double.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/small_float.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/long_tests.h"
#include "tests/mentions.h"
#include "tests/runtime/tensor.h"

namespace jitattn::runtime {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// The lengths of a batch's sequences and where they begin, as jitattn_attention_args has them.
struct Lengths {
  std::vector<int64_t> q, kv, begins, offsets, prefixes, q_offsets, kv_offsets;
};

class AttentionRun {
 public:
  explicit AttentionRun(uint64_t seed)
      : random_(seed),
        problem_(DrawProblem()),
        lengths_(DrawLengths()),
        q_(OfQueries(problem_.dtype, problem_.head_dim)),
        k_(OfKeys(problem_.head_dim)),
        v_(OfKeys(problem_.value_dim)),
        bias_(DrawBias()),
        out_(OfQueries(problem_.dtype, problem_.value_dim)),
        lse_(OfQueries(problem_.dtype == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32, 1)) {
    for (Tensor* input : {&q_, &k_, &v_}) input->FillNormal(random_);
    std::normal_distribution<float> normal;
    for (int64_t head = 0; head < problem_.heads; ++head) {
      slopes_.push_back(std::exp2(-static_cast<float>(random_() % 8)));
      sinks_.push_back(random_() % 8 == 0 ? -std::numeric_limits<float>::infinity()
                                          : 4 * normal(random_));
    }
    DrawArgs();
  }

  std::string Describe() const {
    const jitattn_attention_problem& p = problem_;
    return absl::StrCat(
        "dtype ", p.dtype, " mask ", p.mask, " batch ", p.batch, " heads ", p.heads, ":",
        p.kv_heads, " ", args_.q_len, "×", args_.kv_len, " of ", p.q_len, "×", p.kv_len, " dims ",
        p.head_dim, ", ", p.value_dim, " window ", p.window_left, "+", p.window_right, " options ",
        p.options, " bias ", p.bias, " offset ", args_.causal_offset, " scale ", args_.scale,
        " chunk ", p.chunk, " q_lens ", args_.q_lens != nullptr, " kv_lens ",
        args_.kv_lens != nullptr, " begins ", args_.kv_begins != nullptr, " ragged ",
        args_.q_offsets != nullptr, args_.kv_offsets != nullptr, " offsets ",
        args_.causal_offsets != nullptr, " prefix ", args_.prefix_lens != nullptr);
  }

  // "", or what is wrong.
  std::string Run() {
    if (random_() % 4 == 0) {
      if (jitattn_attention(&problem_, &args_) != JITATTN_OK) return jitattn_last_error();
      return Compare();
    }
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.threads = 1 + static_cast<int32_t>(random_() % 2);
    options.ignore_cache = 1;
    jitattn_plan* plan = nullptr;
    if (jitattn_attention_plan(&problem_, &options, &plan) != JITATTN_OK) {
      return jitattn_last_error();
    }
    const bool ok = jitattn_attention_run(plan, &args_) == JITATTN_OK;
    jitattn_plan_free(plan);
    if (!ok) return jitattn_last_error();
    if (!out_.GapsUntouched()) return "wrote between the rows of out";
    if (!lse_.GapsUntouched()) return "wrote between the rows of lse";
    return Compare();
  }

 private:
  bool Has(int32_t option) const { return (problem_.options & option) != 0; }
  int64_t Upto(int64_t most) { return 1 + static_cast<int64_t>(random_() % most); }

  jitattn_attention_problem DrawProblem() {
    constexpr int64_t kGroups[] = {1, 1, 2, 5, 7};
    constexpr int64_t kDims[] = {1, 15, 32, 40, 64, 72};
    jitattn_attention_problem p;
    jitattn_attention_problem_init(&p, 1, 1, 1);
    p.dtype = static_cast<int32_t>(random_() % 4);
    p.mask = static_cast<int32_t>(random_() % 3);
    p.batch = Upto(3);
    p.kv_heads = Upto(3);
    p.heads = p.kv_heads * kGroups[random_() % std::size(kGroups)];
    p.q_len = random_() % 2 ? Upto(4) : Upto(80);
    p.kv_len = random_() % 4 ? Upto(200) : Upto(900);
    p.head_dim = kDims[random_() % std::size(kDims)];
    p.value_dim = random_() % 2 ? p.head_dim : kDims[random_() % std::size(kDims)];
    if (p.mask == JITATTN_MASK_WINDOW) {
      p.window_left = static_cast<int64_t>(random_() % 100) - 1;
      p.window_right = random_() % 2 ? 0 : static_cast<int64_t>(random_() % 40) - 1;
    }
    if (p.mask == JITATTN_MASK_CAUSAL && random_() % 3 == 0) p.chunk = Upto(60);
    p.options = static_cast<int32_t>(random_() % 16);
    p.bias = random_() % 2 ? static_cast<int32_t>(random_() % 4) : JITATTN_BIAS_NONE;
    return p;
  }

  // The bias of each sequence, head and query, or the same for several of them. Some keys are
  // hidden, alone, in runs, or from everybody.
  Tensor DrawBias() {
    const auto one_or = [&](int64_t count) { return random_() % 2 ? 1 : count; };
    shared_[0] = one_or(problem_.batch), shared_[1] = one_or(problem_.heads);
    shared_[2] = one_or(problem_.q_len);
    const int32_t type = problem_.bias == JITATTN_BIAS_OWN    ? problem_.dtype
                         : problem_.bias == JITATTN_BIAS_BOOL ? kBytes
                                                              : JITATTN_F32;
    Tensor bias(type, shared_[0], shared_[1], shared_[2], problem_.kv_len, random_);
    std::normal_distribution<double> normal(0, 2);
    const uint64_t one_in = 2 + random_() % 20;
    const auto hidden_from = static_cast<int64_t>(random_() % (2 * problem_.kv_len));
    bias.FillBy([&](int64_t key) {
      return key >= hidden_from || random_() % one_in == 0 ? -kInf : normal(random_);
    });
    return bias;
  }

  // All arrays, of which a run uses some.
  Lengths DrawLengths() {
    Lengths lengths;
    lengths.q_offsets.push_back(Upto(5));
    lengths.kv_offsets.push_back(Upto(5));
    for (int64_t b = 0; b < problem_.batch; ++b) {
      lengths.q.push_back(static_cast<int64_t>(random_() % (problem_.q_len + 1)));
      lengths.kv.push_back(static_cast<int64_t>(random_() % (problem_.kv_len + 1)));
      lengths.begins.push_back(static_cast<int64_t>(random_() % (problem_.kv_len + 1)));
      lengths.offsets.push_back(static_cast<int64_t>(random_() % 200) - 50);
      lengths.prefixes.push_back(static_cast<int64_t>(random_() % (problem_.kv_len + 1)));
      lengths.q_offsets.push_back(lengths.q_offsets.back() + lengths.q.back());
      lengths.kv_offsets.push_back(lengths.kv_offsets.back() + lengths.kv.back());
    }
    ragged_q_ = random_() % 4 == 0;
    ragged_kv_ = random_() % 4 == 0;
    return lengths;
  }

  Tensor OfQueries(int32_t dtype, int64_t cols) {
    return Tensor(dtype, ragged_q_ ? 1 : problem_.batch, problem_.heads,
                  ragged_q_ ? lengths_.q_offsets.back() : problem_.q_len, cols, random_);
  }
  Tensor OfKeys(int64_t cols) {
    return Tensor(problem_.dtype, ragged_kv_ ? 1 : problem_.batch, problem_.kv_heads,
                  ragged_kv_ ? lengths_.kv_offsets.back() : problem_.kv_len, cols, random_);
  }

  void DrawArgs() {
    jitattn_attention_args_init(&args_, &problem_);
    args_.q = q_.data(), args_.k = k_.data(), args_.v = v_.data(), args_.out = out_.data();
    args_.lse = lse_.data();
    args_.bias = bias_.data();
    bias_.CopyStrides(args_.bias_strides);
    for (int axis = 0; axis < 3; ++axis) {
      if (shared_[axis] == 1) args_.bias_strides[axis] = 0;
    }
    q_.CopyStrides(args_.q_strides);
    k_.CopyStrides(args_.k_strides);
    v_.CopyStrides(args_.v_strides);
    out_.CopyStrides(args_.out_strides);
    lse_.CopyStrides(args_.lse_strides);
    args_.alibi_slopes = slopes_.data();
    args_.sinks = sinks_.data();
    args_.softcap = 0.5 + static_cast<double>(random_() % 20);
    args_.batch = Upto(problem_.batch);
    DrawSequences();
    if (random_() % 3 == 0) args_.scale = -0.3;
    args_.causal_offset = args_.kv_len - args_.q_len;
    if (random_() % 3 == 0) args_.causal_offset += static_cast<int64_t>(random_() % 100) - 50;
  }

  void DrawSequences() {
    const bool same = !ragged_q_ && !ragged_kv_ && random_() % 2 == 0;
    args_.q_len = same ? Upto(problem_.q_len) : problem_.q_len;
    args_.kv_len = same ? Upto(problem_.kv_len) : problem_.kv_len;
    if (ragged_q_) args_.q_offsets = lengths_.q_offsets.data();
    if (ragged_kv_) args_.kv_offsets = lengths_.kv_offsets.data();
    const auto maybe = [&](const std::vector<int64_t>& array) {
      return !same && random_() % 2 ? array.data() : nullptr;
    };
    args_.q_lens = maybe(lengths_.q);
    args_.kv_lens = maybe(lengths_.kv);
    args_.kv_begins = maybe(lengths_.begins);
    args_.causal_offsets = maybe(lengths_.offsets);
    if (problem_.mask == JITATTN_MASK_CAUSAL) args_.prefix_lens = maybe(lengths_.prefixes);
  }

  int64_t QueriesOf(int64_t b) const {
    return args_.q_lens != nullptr || ragged_q_ ? lengths_.q[b] : args_.q_len;
  }
  int64_t KeysOf(int64_t b) const {
    return args_.kv_lens != nullptr || ragged_kv_ ? lengths_.kv[b] : args_.kv_len;
  }
  int64_t OffsetOf(int64_t b) const {
    if (args_.causal_offsets != nullptr) return lengths_.offsets[b];
    return args_.causal_offset + (KeysOf(b) - QueriesOf(b)) - (args_.kv_len - args_.q_len);
  }
  double OfQuery(const Tensor& tensor, int64_t b, int64_t head, int64_t row, int64_t c) const {
    return ragged_q_ ? tensor.Get(0, head, lengths_.q_offsets[b] + row, c)
                     : tensor.Get(b, head, row, c);
  }
  double OfKey(const Tensor& tensor, int64_t b, int64_t head, int64_t key, int64_t c) const {
    return ragged_kv_ ? tensor.Get(0, head, lengths_.kv_offsets[b] + key, c)
                      : tensor.Get(b, head, key, c);
  }

  bool Sees(int64_t b, int64_t row, int64_t key) const {
    if (args_.kv_begins != nullptr && key < lengths_.begins[b]) return false;
    const int64_t middle = row + OffsetOf(b);
    if (problem_.mask == JITATTN_MASK_NONE) return true;
    if (problem_.mask == JITATTN_MASK_CAUSAL) {
      if (args_.prefix_lens != nullptr && middle < lengths_.prefixes[b]) {
        return key < lengths_.prefixes[b];
      }
      return key <= middle &&
             (problem_.chunk == 0 || key / problem_.chunk == middle / problem_.chunk);
    }
    return (problem_.window_left == -1 || key >= middle - problem_.window_left) &&
           (problem_.window_right == -1 || key <= middle + problem_.window_right);
  }

  double Bias(int64_t b, int64_t head, int64_t row, int64_t key) const {
    const auto index = [&](int axis, int64_t i) { return shared_[axis] == 1 ? 0 : i; };
    return bias_.Get(index(0, b), index(1, head), index(2, row), key);
  }

  double Score(int64_t b, int64_t head, int64_t row, int64_t key) const {
    const int64_t kv_head = head / (problem_.heads / problem_.kv_heads);
    double score = 0;
    for (int64_t d = 0; d < problem_.head_dim; ++d) {
      score += OfQuery(q_, b, head, row, d) * OfKey(k_, b, kv_head, key, d);
    }
    score *= args_.scale;
    if (Has(JITATTN_SOFTCAP)) score = args_.softcap * std::tanh(score / args_.softcap);
    if (Has(JITATTN_ALIBI)) {
      const auto distance = static_cast<double>(std::abs(key - row - OffsetOf(b)));
      score -= static_cast<double>(slopes_[head]) * distance;
    }
    if (problem_.bias != JITATTN_BIAS_NONE) score += Bias(b, head, row, key);
    return score;
  }

  std::string Compare() const {
    for (int64_t b = 0; b < args_.batch; ++b) {
      for (int64_t head = 0; head < problem_.heads; ++head) {
        for (int64_t row = 0; row < QueriesOf(b); ++row) {
          const std::string wrong = CompareRow(b, head, row);
          if (!wrong.empty()) {
            return absl::StrCat("batch ", b, ", head ", head, ", row ", row, ": ", wrong);
          }
        }
      }
    }
    return "";
  }

  std::string CompareRow(int64_t b, int64_t head, int64_t row) const {
    const int64_t kv_head = head / (problem_.heads / problem_.kv_heads);
    std::vector<double> weights(KeysOf(b), 0), out(problem_.value_dim, 0);
    double highest = Has(JITATTN_SINKS) ? static_cast<double>(sinks_[head]) : -kInf;
    double greatest_score = 0;
    for (int64_t key = 0; key < KeysOf(b); ++key) {
      weights[key] = Sees(b, row, key) ? Score(b, head, row, key) : -kInf;
      highest = std::max(highest, weights[key]);
      if (weights[key] > -kInf) greatest_score = std::max(greatest_score, std::abs(weights[key]));
    }
    double sum = Has(JITATTN_SINKS) && highest > -kInf ? std::exp(sinks_[head] - highest) : 0;
    for (double& weight : weights) {
      weight = weight == -kInf ? 0 : std::exp(weight - highest);
      sum += weight;
    }
    for (int64_t key = 0; key < KeysOf(b); ++key) {
      if (weights[key] == 0) continue;
      for (int64_t d = 0; d < problem_.value_dim; ++d) {
        out[d] += weights[key] / sum * OfKey(v_, b, kv_head, key, d);
      }
    }
    const double bound = Bound(greatest_score);
    for (int64_t d = 0; d < problem_.value_dim; ++d) {
      const double got = OfQuery(out_, b, head, row, d);
      if (!(std::abs(got - out[d]) <= bound)) {
        return absl::StrCat("column ", d, ": ", got, " instead of ", out[d], ", bound ", bound);
      }
    }
    return Has(JITATTN_LSE) ? CompareLse(OfQuery(lse_, b, head, row, 0), highest, sum, bound) : "";
  }

  std::string CompareLse(double got, double highest, double sum, double bound) const {
    const bool right =
        sum == 0 ? got == -kInf
                 : std::abs(got - highest - std::log(sum)) <= bound * (1 + std::abs(highest));
    if (right) return "";
    return absl::StrCat("lse ", got, " instead of ", highest + std::log(sum));
  }

  // Values are below 6. An error of a score is a relative error of its weight.
  double Bound(double greatest_score) const {
    constexpr double kValues = 6;
    switch (problem_.dtype) {
      case JITATTN_F64:
        return kValues * 0x1p-52 * 16 * (4 + greatest_score);
      case JITATTN_BF16:
        return kValues * (0x1p-8 + 0x1p-23 * 16 * (4 + greatest_score));
      case JITATTN_F16:
        return kValues * (0x1p-11 + 4e-4 + 0x1p-23 * 16 * (4 + greatest_score));
      default:
        return kValues * 0x1p-23 * 16 * (4 + greatest_score);
    }
  }

  std::mt19937_64 random_;
  const jitattn_attention_problem problem_;
  bool ragged_q_ = false, ragged_kv_ = false;
  const Lengths lengths_;
  int64_t shared_[3];  // the bias's sizes: 1, or as many as there are
  Tensor q_, k_, v_, bias_, out_, lse_;
  std::vector<float> slopes_, sinks_;
  jitattn_attention_args args_;
};

TEST(AttentionDescriptors, GiveTheFormula) {
  const int count = AllOrSome(100000, 700);
  for (int seed = 0; seed < count; ++seed) {
    AttentionRun run(static_cast<uint64_t>(seed));
    const std::string wrong = run.Run();
    ASSERT_EQ(wrong, "") << "seed " << seed << ": " << run.Describe();
  }
}

jitattn_status RunWith(int32_t options, void (*change)(jitattn_attention_args&)) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 2, 8, 16);
  problem.options = options;
  std::vector<float> memory(5 * 2 * 8 * 16, 0);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = &memory[0], args.k = &memory[256], args.v = &memory[512], args.out = &memory[768];
  args.lse = &memory[1024];
  args.alibi_slopes = args.sinks = &memory[0];
  args.softcap = 1;
  change(args);
  return jitattn_attention(&problem, &args);
}

std::string ErrorWith(int32_t options, void (*change)(jitattn_attention_args&)) {
  const jitattn_status status = RunWith(options, change);
  return absl::StrCat(status, ": ", jitattn_last_error());
}

TEST(AttentionDescriptors, BadArgumentsOfOptionsAreNamed) {
  using Args = jitattn_attention_args;
  EXPECT_EQ(RunWith(15, [](Args&) {}), JITATTN_OK) << jitattn_last_error();
  EXPECT_THAT(ErrorWith(JITATTN_SOFTCAP, [](Args& a) { a.softcap = 0; }),
              Mentions({"1", "softcap", "0"}));
  EXPECT_THAT(ErrorWith(JITATTN_SOFTCAP, [](Args& a) { a.softcap = NAN; }), Mentions({"softcap"}));
  EXPECT_THAT(ErrorWith(JITATTN_ALIBI, [](Args& a) { a.alibi_slopes = nullptr; }),
              Mentions({"1", "alibi_slopes"}));
  EXPECT_THAT(ErrorWith(JITATTN_SINKS, [](Args& a) { a.sinks = nullptr; }),
              Mentions({"1", "sinks"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = nullptr; }), Mentions({"1", "lse"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = a.out; }),
              Mentions({"1", "lse", "out"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse = const_cast<void*>(a.k); }),
              Mentions({"1", "lse", "k"}));
  EXPECT_THAT(ErrorWith(JITATTN_LSE, [](Args& a) { a.lse_strides[2] = 0; }),
              Mentions({"1", "lse"}));
  // Without the option nobody looks.
  EXPECT_EQ(RunWith(0,
                    [](Args& a) {
                      a.lse = a.out;
                      a.alibi_slopes = a.sinks = nullptr;
                      a.softcap = -1;
                    }),
            JITATTN_OK);
  EXPECT_THAT(ErrorWith(16, [](Args&) {}), Mentions({"1", "options", "16"}));
}

TEST(AttentionDescriptors, BadBiasesAreNamed) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, 2, 4);
  problem.bias = 4;
  jitattn_plan* plan = nullptr;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"bias", "4"}));
  problem.bias = JITATTN_BIAS_F32;
  std::vector<float> memory(32, 0);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = &memory[0], args.k = &memory[8], args.v = &memory[16], args.out = &memory[24];
  EXPECT_EQ(jitattn_attention(&problem, &args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"bias"}));
  args.bias = &memory[24];
  EXPECT_EQ(jitattn_attention(&problem, &args), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"out", "bias"}));
}

TEST(AttentionDescriptors, BadSequencesAreNamed) {
  using Args = jitattn_attention_args;
  static const int64_t kLens[] = {9}, kNegative[] = {-1}, kFalling[] = {8, 4}, kSix[] = {0, 6},
                       kSeven[] = {7};
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.q_lens = kLens; }), Mentions({"1", "q_lens[0]", "9"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.kv_lens = kNegative; }),
              Mentions({"1", "kv_lens[0]", "-1"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.kv_begins = kNegative; }), Mentions({"kv_begins[0]"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.q_offsets = kFalling; }),
              Mentions({"1", "q_offsets[1]", "4", "8"}));
  EXPECT_THAT(ErrorWith(0,
                        [](Args& a) {
                          a.kv_offsets = kSix;
                          a.kv_lens = kSeven;
                        }),
              Mentions({"kv_offsets[1]", "6", "7"}));
  EXPECT_THAT(ErrorWith(0, [](Args& a) { a.prefix_lens = kSeven; }), Mentions({"prefix_lens"}));
}

TEST(AttentionDescriptors, BadWindowsAreNamed) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, 8, 16);
  jitattn_plan* plan = nullptr;
  problem.window_left = 3;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"window", "3"}));
  problem.mask = JITATTN_MASK_WINDOW;
  problem.window_left = -2;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"window_left", "-2"}));
  problem.mask = 3;
  EXPECT_EQ(jitattn_attention_plan(&problem, nullptr, &plan), JITATTN_INVALID_ARGUMENT);
  EXPECT_THAT(std::string(jitattn_last_error()), Mentions({"mask", "3"}));
}

}  // namespace
}  // namespace jitattn::runtime
