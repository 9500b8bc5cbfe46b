// Attention as the C API describes it: random problems and arguments, all options combined, against
// the formula of jitattn.h in double.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/long_tests.h"
#include "tests/runtime/attention_formula.h"
#include "tests/runtime/kv_tensor.h"
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
        spread_(random_() % 4 == 0),
        q_(OfQueries(problem_.dtype, problem_.head_dim, IsSpread())),
        k_(OfKeys(problem_.head_dim)),
        v_(OfKeys(problem_.value_dim)),
        bias_(DrawBias()),
        gate_(OfQueries(problem_.dtype, problem_.value_dim)),
        out_(OfQueries(problem_.dtype, problem_.value_dim, IsSpread())),
        lse_(OfQueries(problem_.dtype == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32, 1)) {
    for (Tensor* input : {&q_, &gate_}) input->FillNormal(random_);
    for (KvTensor* input : {&k_, &v_}) input->Fill(random_);
    std::normal_distribution<float> normal;
    for (int64_t head = 0; head < problem_.heads; ++head) {
      slopes_.push_back(std::exp2(-static_cast<float>(random_() % 8)));
      sinks_.push_back(random_() % 8 == 0 ? -std::numeric_limits<float>::infinity()
                                          : 4 * normal(random_));
    }
    DrawArgs();
    if (paged()) DrawTable();
  }

  std::string Describe() const {
    const jitattn_attention_problem& p = problem_;
    return absl::StrCat(
        "dtype ", p.dtype, " mask ", p.mask, " batch ", p.batch, " heads ", p.heads, ":",
        p.kv_heads, " ", args_.q_len, "×", args_.kv_len, " of ", p.q_len, "×", p.kv_len, " dims ",
        p.head_dim, ", ", p.value_dim, " window ", p.window_left, "+", p.window_right, " options ",
        p.options, " bias ", p.bias, " kv ", p.kv_type, " block ", p.kv_scale_block, " offset ",
        args_.causal_offset, " scale ", args_.scale, " chunk ", p.chunk, " pages of ", p.page_size,
        " q_lens ", args_.q_lens != nullptr, " kv_lens ", args_.kv_lens != nullptr, " begins ",
        args_.kv_begins != nullptr, " ragged ", args_.q_offsets != nullptr,
        args_.kv_offsets != nullptr, " offsets ", args_.causal_offsets != nullptr, " prefix ",
        args_.prefix_lens != nullptr, " bias_keys ", args_.bias_keys, " inner ", args_.q_inner,
        ", ", args_.k_inner, ", ", args_.v_inner, ", ", args_.out_inner);
  }

  // "", or what is wrong.
  std::string Run() {
    if (random_() % 4 == 0) {
      if (jitattn_attention(&problem_, &args_) != JITATTN_OK) return jitattn_last_error();
      return AttentionFormula(problem_, args_).Compare();
    }
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.threads = 1 + static_cast<int32_t>(random_() % 2);
    options.ignore_cache = 1;
    // Keys in many parts, some of which nobody sees.
    const bool in_parts = HostCpu().isa != Isa::kPortable && random_() % 8 == 0;
    if (in_parts) options.config = "algorithm=rows kv_block=32 kv_split=1";
    jitattn_plan* plan = nullptr;
    if (jitattn_attention_plan(&problem_, &options, &plan) != JITATTN_OK) {
      return jitattn_last_error();
    }
    const bool ok = jitattn_attention_run(plan, &args_) == JITATTN_OK;
    jitattn_plan_free(plan);
    if (!ok) return jitattn_last_error();
    if (!out_.GapsUntouched()) return "wrote between the rows of out";
    if (!lse_.GapsUntouched()) return "wrote between the rows of lse";
    return AttentionFormula(problem_, args_).Compare();
  }

 private:
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
    p.options = static_cast<int32_t>(random_() % 32);
    p.bias = random_() % 2 ? static_cast<int32_t>(random_() % 4) : JITATTN_BIAS_NONE;
    if (p.dtype != JITATTN_F64 && random_() % 2) DrawKvType(&p);
    constexpr int64_t kPageSizes[] = {1, 3, 16, 17, 64, 300};
    if (random_() % 3 == 0) p.page_size = kPageSizes[random_() % std::size(kPageSizes)];
    return p;
  }

  void DrawKvType(jitattn_attention_problem* p) {
    p->kv_type = static_cast<int32_t>(random_() % 6);
    if (p->kv_type == JITATTN_KV_I8) p->kv_scale_block = static_cast<int64_t>(random_() % 4) * 32;
    if (p->kv_type == JITATTN_KV_Q8_0) p->head_dim = 32 * Upto(4), p->value_dim = 32 * Upto(4);
  }

  bool paged() const { return problem_.page_size > 0; }
  int64_t Pages() const { return (problem_.kv_len + problem_.page_size - 1) / problem_.page_size; }

  // The bias of each sequence, head and query, or the same for several of them. Some keys are
  // hidden, alone, in runs, or from everybody.
  Tensor DrawBias() {
    const auto one_or = [&](int64_t count) { return random_() % 2 ? 1 : count; };
    shared_[0] = one_or(problem_.batch), shared_[1] = one_or(problem_.heads);
    shared_[2] = one_or(problem_.q_len);
    const int32_t type = problem_.bias == JITATTN_BIAS_OWN    ? problem_.dtype
                         : problem_.bias == JITATTN_BIAS_BOOL ? kBytes
                                                              : JITATTN_F32;
    if (random_() % 3 == 0) bias_keys_ = Upto(problem_.kv_len);
    Tensor bias(type, shared_[0], shared_[1], shared_[2],
                bias_keys_ != 0 ? bias_keys_ : problem_.kv_len, random_);
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
    ragged_kv_ = random_() % 4 == 0 && !paged();
    return lengths;
  }

  // Whether the next operand's elements lie apart.
  bool IsSpread() { return spread_ && random_() % 2 == 0; }
  Tensor OfQueries(int32_t dtype, int64_t cols, bool spread = false) {
    return Tensor(dtype, ragged_q_ ? 1 : problem_.batch, problem_.heads,
                  ragged_q_ ? lengths_.q_offsets.back() : problem_.q_len, cols, random_, spread);
  }
  KvTensor OfKeys(int64_t cols) {
    if (paged()) {
      return KvTensor(problem_, problem_.batch * Pages() + 2, problem_.kv_heads, problem_.page_size,
                      cols, random_);
    }
    return KvTensor(problem_, ragged_kv_ ? 1 : problem_.batch, problem_.kv_heads,
                    ragged_kv_ ? lengths_.kv_offsets.back() : problem_.kv_len, cols, random_,
                    problem_.kv_type != JITATTN_KV_Q8_0 && IsSpread());
  }

  void DrawArgs() {
    jitattn_attention_args_init(&args_, &problem_);
    args_.q = q_.data(), args_.k = k_.data(), args_.v = v_.data(), args_.out = out_.data();
    args_.lse = lse_.data();
    args_.gate = gate_.data();
    args_.bias = bias_.data();
    bias_.CopyStrides(args_.bias_strides);
    for (int axis = 0; axis < 3; ++axis) {
      if (shared_[axis] == 1) args_.bias_strides[axis] = 0;
    }
    q_.CopyStrides(args_.q_strides);
    k_.CopyStrides(args_.k_strides);
    v_.CopyStrides(args_.v_strides);
    args_.k_scales = k_.scales(), args_.v_scales = v_.scales();
    k_.CopyScaleStrides(args_.k_scale_strides);
    v_.CopyScaleStrides(args_.v_scale_strides);
    out_.CopyStrides(args_.out_strides);
    gate_.CopyStrides(args_.gate_strides);
    lse_.CopyStrides(args_.lse_strides);
    args_.q_inner = q_.inner(), args_.k_inner = k_.inner(), args_.v_inner = v_.inner();
    args_.out_inner = out_.inner();
    args_.alibi_slopes = slopes_.data();
    args_.sinks = sinks_.data();
    args_.softcap = 0.5 + static_cast<double>(random_() % 20);
    args_.batch = Upto(problem_.batch);
    DrawSequences();
    if (problem_.bias != JITATTN_BIAS_NONE) args_.bias_keys = std::min(bias_keys_, args_.kv_len);
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

  // Pages in random order. The entries of pages of which nobody sees a key are wild.
  void DrawTable() {
    const int64_t pages = Pages();
    std::vector<int32_t> places(problem_.batch * pages + 2);
    std::iota(places.begin(), places.end(), 0);
    std::shuffle(places.begin(), places.end(), random_);
    args_.block_table_stride = pages + static_cast<int64_t>(random_() % 3);
    for (int64_t b = 0; b < problem_.batch; ++b) {
      for (int64_t page = 0; page < args_.block_table_stride; ++page) {
        const bool seen = page < pages && b < args_.batch && IsPageSeen(b, page);
        table_.push_back(seen ? places[b * pages + page] : -1000000);
      }
    }
    args_.block_table = table_.data();
  }

  bool IsPageSeen(int64_t b, int64_t page) const {
    const AttentionFormula formula(problem_, args_);
    const int64_t first = page * problem_.page_size;
    const int64_t end = std::min(first + problem_.page_size, formula.KeysOf(b));
    for (int64_t key = first; key < end; ++key) {
      for (int64_t head = 0; head < problem_.kv_heads; ++head) {
        if (formula.IsSeen(b, head, key)) return true;
      }
    }
    return false;
  }

  std::mt19937_64 random_;
  const jitattn_attention_problem problem_;
  bool ragged_q_ = false, ragged_kv_ = false;
  const Lengths lengths_;
  const bool spread_;      // elements of some operands lie apart
  int64_t shared_[3];      // the bias's sizes: 1, or as many as there are
  int64_t bias_keys_ = 0;  // the bias's keys; 0: all
  Tensor q_;
  KvTensor k_, v_;
  Tensor bias_, gate_, out_, lse_;
  std::vector<float> slopes_, sinks_;
  std::vector<int32_t> table_;  // of pages
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

}  // namespace
}  // namespace jitattn::runtime
