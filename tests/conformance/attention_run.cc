// Operands, arguments, the run and what it may not have touched.

#include "tests/conformance/attention_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "tests/runtime/attention_formula.h"

namespace jitattn {
namespace {

using runtime::Tensor;
using runtime::TensorLayout;

constexpr double kInf = std::numeric_limits<double>::infinity();
// Of the formula: a few milliseconds. Of a run with more, some rows are compared.
constexpr int64_t kMostProducts = 6000000;

double LowestOf(int32_t dtype) {
  if (dtype == JITATTN_F64) return std::numeric_limits<double>::lowest();
  if (dtype == JITATTN_BF16) return -0x1.FEp127;
  if (dtype == JITATTN_F16) return -65504;
  return std::numeric_limits<float>::lowest();
}

int32_t TypeOfBias(const jitattn_attention_problem& problem) {
  if (problem.bias == JITATTN_BIAS_OWN) return problem.dtype;
  return problem.bias == JITATTN_BIAS_BOOL ? runtime::kBytes : JITATTN_F32;
}

// The memory of keys and values, and their columns as elements of it.
int32_t TypeOfKeys(const jitattn_attention_problem& problem) {
  constexpr int32_t kTypes[] = {0,           JITATTN_F32,    JITATTN_BF16,
                                JITATTN_F16, runtime::kInt8, runtime::kQ8Blocks};
  return problem.kv_type == JITATTN_KV_OWN ? problem.dtype : kTypes[problem.kv_type];
}
int64_t ElementsOf(const jitattn_attention_problem& problem, int64_t cols) {
  return problem.kv_type == JITATTN_KV_Q8_0 ? cols / 32 : cols;
}

constexpr int64_t kFreePages = 2;  // that belong to nobody

// The configuration without instructions that this CPU lacks.
std::string ConfigHere(std::string config) {
  if (HostCpu().isa >= Isa::kAvx2) return config;
  const size_t at = config.find("isa=");
  return at == config.npos ? config : config.substr(0, at);
}

}  // namespace

std::string RunAttention(const AttentionDraft& draft, const jitattn_attention_args& args) {
  if (draft.is_one_shot) {
    return jitattn_attention(&draft.problem, &args) == JITATTN_OK ? "" : jitattn_last_error();
  }
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = draft.threads;
  options.ignore_cache = 1;
  const std::string config = ConfigHere(draft.config);
  options.config = config.c_str();
  jitattn_plan* plan = nullptr;
  if (jitattn_attention_plan(&draft.problem, &options, &plan) != JITATTN_OK) {
    return jitattn_last_error();
  }
  const bool ok = jitattn_attention_run(plan, &args) == JITATTN_OK;
  jitattn_plan_free(plan);
  return ok ? "" : jitattn_last_error();
}

AttentionRun::AttentionRun(const AttentionDraft& draft, uint64_t seed)
    : draft_(draft),
      problem_(draft_.problem),
      random_(seed),
      lengths_(DrawLengths()),
      hidden_from_(Below(problem_.kv_len + 1)),
      bias_keys_(1 + Below(problem_.kv_len)),
      q_(OfQueries(problem_.dtype, problem_.head_dim, draft_.is_spread)),
      k_(OfKeys(TypeOfKeys(problem_), ElementsOf(problem_, problem_.head_dim), draft_.is_spread)),
      v_(OfKeys(TypeOfKeys(problem_), ElementsOf(problem_, problem_.value_dim), draft_.is_spread)),
      k_scales_(OfScales(problem_.head_dim)),
      v_scales_(OfScales(problem_.value_dim)),
      bias_(MakeBias()),
      gate_(OfQueries(problem_.dtype, problem_.value_dim)),
      out_(OfQueries(problem_.dtype, problem_.value_dim, draft_.is_spread)),
      lse_(OfQueries(problem_.dtype == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32, 1)) {
  SetArgs();
  SetLengths();
  FillBias();
  if (is_paged()) SetPages();
  FillWhatIsSeen();
}

AttentionRun::Lengths AttentionRun::DrawLengths() {
  Lengths lengths;
  lengths.q_offsets.push_back(Below(5));
  lengths.kv_offsets.push_back(Below(5));
  for (int64_t b = 0; b < problem_.batch; ++b) {
    lengths.q.push_back(Below(problem_.q_len + 1));
    lengths.kv.push_back(Below(problem_.kv_len + 1));
    lengths.begins.push_back(Below(problem_.kv_len + 1));
    lengths.offsets.push_back(Below(200) - 50);
    lengths.prefixes.push_back(Below(problem_.kv_len + 1));
    lengths.q_offsets.push_back(lengths.q_offsets.back() + lengths.q.back());
    lengths.kv_offsets.push_back(lengths.kv_offsets.back() + lengths.kv.back());
  }
  return lengths;
}

TensorLayout AttentionRun::Layout(bool spread) {
  TensorLayout layout;
  if (draft_.layout == LayoutIs::kAny || spread) layout = TensorLayout::Random(random_, spread);
  if (draft_.layout == LayoutIs::kColumns && !spread) layout = {.order = {3, 1, 2, 0}};
  layout.flush = draft_.at_front ? GuardedBuffer::kFront : GuardedBuffer::kBack;
  return layout;
}

Tensor AttentionRun::OfQueries(int32_t dtype, int64_t cols, bool spread) {
  return Tensor(dtype, is_ragged_q() ? 1 : problem_.batch, problem_.heads,
                is_ragged_q() ? lengths_.q_offsets.back() : problem_.q_len, cols, Layout(spread));
}

Tensor AttentionRun::OfKeys(int32_t type, int64_t cols, bool spread) {
  const int64_t heads = draft_.layout == LayoutIs::kOneKvHead ? 1 : problem_.kv_heads;
  int64_t parts = problem_.batch, rows = problem_.kv_len;
  if (is_ragged_kv()) parts = 1, rows = lengths_.kv_offsets.back();
  if (is_paged()) parts = parts * Pages() + kFreePages, rows = problem_.page_size;
  return Tensor(type, parts, heads, rows, cols, Layout(spread));
}

// A number for each block of a row of integers.
Tensor AttentionRun::OfScales(int64_t cols) {
  const int64_t block = problem_.kv_scale_block > 0 ? problem_.kv_scale_block : cols;
  return OfKeys(JITATTN_F32, (cols + block - 1) / block);
}

Tensor AttentionRun::MakeBias() {
  return Tensor(TypeOfBias(problem_), draft_.bias_of_batch ? problem_.batch : 1,
                draft_.bias_of_head ? problem_.heads : 1, draft_.bias_of_row ? problem_.q_len : 1,
                BiasKeys(), Layout());
}

double AttentionRun::BiasOf(int64_t row, int64_t key) {
  const double number = std::normal_distribution<double>(0, 2)(random_);
  switch (draft_.hides) {
    case BiasHides::kNothing:
      return number;
    case BiasHides::kKeys:
      return Below(5) == 0 ? -kInf : number;
    case BiasHides::kRuns:
      return key / 40 % 2 == 0 ? -kInf : number;
    case BiasHides::kTail:
      return key >= hidden_from_ ? -kInf : number;
    case BiasHides::kRows:
      return row % 3 == 0 ? -kInf : number;
    case BiasHides::kLowest:
      return row % 2 == 0 || Below(2) == 0 ? LowestOf(TypeOfBias(problem_)) : number;
  }
  return number;
}

// The keys of a row are contiguous: numbers that are one for all keys are repeated.
void AttentionRun::FillBias() {
  for (int64_t b = 0; b < (draft_.bias_of_batch ? problem_.batch : 1); ++b) {
    for (int64_t head = 0; head < (draft_.bias_of_head ? problem_.heads : 1); ++head) {
      for (int64_t row = 0; row < (draft_.bias_of_row ? problem_.q_len : 1); ++row) {
        double number = BiasOf(row, 0);
        for (int64_t key = 0; key < BiasKeys(); ++key) {
          if (draft_.bias_of_key) number = BiasOf(row, key);
          bias_.Put(b, head, row, key, number);
        }
      }
    }
  }
}

void AttentionRun::SetArgs() {
  jitattn_attention_args_init(&args_, &problem_);
  args_.q = q_.data(), args_.k = k_.data(), args_.v = v_.data(), args_.out = out_.data();
  args_.lse = lse_.data(), args_.bias = bias_.data(), args_.gate = gate_.data();
  args_.k_scales = static_cast<const float*>(k_scales_.data());
  args_.v_scales = static_cast<const float*>(v_scales_.data());
  args_.q_inner = q_.inner(), args_.k_inner = k_.inner(), args_.v_inner = v_.inner();
  args_.out_inner = out_.inner();
  q_.CopyStrides(args_.q_strides);
  k_.CopyStrides(args_.k_strides);
  v_.CopyStrides(args_.v_strides);
  out_.CopyStrides(args_.out_strides);
  lse_.CopyStrides(args_.lse_strides);
  bias_.CopyStrides(args_.bias_strides);
  gate_.CopyStrides(args_.gate_strides);
  k_scales_.CopyStrides(args_.k_scale_strides);
  v_scales_.CopyStrides(args_.v_scale_strides);
  if (draft_.layout == LayoutIs::kOneKvHead) {
    args_.k_strides[1] = args_.v_strides[1] = 0;
    args_.k_scale_strides[1] = args_.v_scale_strides[1] = 0;
  }
  if (!draft_.bias_of_batch) args_.bias_strides[0] = 0;
  if (!draft_.bias_of_head) args_.bias_strides[1] = 0;
  if (!draft_.bias_of_row) args_.bias_strides[2] = 0;
  if (draft_.scale != 0) args_.scale = draft_.scale;
  args_.softcap = draft_.softcap;
  std::normal_distribution<float> normal(0, 4);
  for (int64_t head = 0; head < problem_.heads; ++head) {
    slopes_.push_back(std::exp2(-static_cast<float>(Below(8))));
    sinks_.push_back(Below(4) == 0 ? -std::numeric_limits<float>::infinity() : normal(random_));
  }
  args_.alibi_slopes = slopes_.data();
  args_.sinks = sinks_.data();
}

void AttentionRun::SetLengths() {
  const LengthsAre lengths = draft_.lengths;
  if (lengths == LengthsAre::kShorter) {
    args_.batch = 1 + Below(problem_.batch);
    args_.q_len = 1 + Below(problem_.q_len);
    args_.kv_len = 1 + Below(problem_.kv_len);
    args_.causal_offset = args_.kv_len - args_.q_len;
  }
  if (draft_.has_short_bias) args_.bias_keys = std::min(bias_keys_, args_.kv_len);
  if (draft_.offset == OffsetIs::kTopLeft) args_.causal_offset = 0;
  if (draft_.offset == OffsetIs::kFarLeft) args_.causal_offset = -3 - args_.q_len / 2;
  if (is_ragged_q()) args_.q_offsets = lengths_.q_offsets.data();
  if (is_ragged_kv()) args_.kv_offsets = lengths_.kv_offsets.data();
  if (lengths == LengthsAre::kBothLens) args_.q_lens = lengths_.q.data();
  for (const LengthsAre with_kv_lens :
       {LengthsAre::kKvLens, LengthsAre::kBothLens, LengthsAre::kRaggedQ, LengthsAre::kOffsets,
        LengthsAre::kPrefixes}) {
    if (lengths == with_kv_lens) args_.kv_lens = lengths_.kv.data();
  }
  if (lengths == LengthsAre::kLeftPadded) args_.kv_begins = lengths_.begins.data();
  if (lengths == LengthsAre::kOffsets) args_.causal_offsets = lengths_.offsets.data();
  if (lengths == LengthsAre::kPrefixes) args_.prefix_lens = lengths_.prefixes.data();
}

// Pages in random order. The entries of those of which nobody sees a key are wild.
void AttentionRun::SetPages() {
  const runtime::AttentionFormula formula(problem_, args_);
  std::vector<int32_t> places(problem_.batch * Pages() + kFreePages);
  std::iota(places.begin(), places.end(), 0);
  std::shuffle(places.begin(), places.end(), random_);
  args_.block_table_stride = Pages() + Below(3);
  table_.assign(problem_.batch * args_.block_table_stride, -1000000);
  for (int64_t b = 0; b < args_.batch; ++b) {
    for (int64_t key = 0; key < formula.KeysOf(b); ++key) {
      const int64_t page = key / problem_.page_size;
      for (int64_t head = 0; head < problem_.kv_heads; ++head) {
        if (!formula.IsSeen(b, head, key)) continue;
        table_[b * args_.block_table_stride + page] = places[b * Pages() + page];
        break;
      }
    }
  }
  args_.block_table = table_.data();
}

void AttentionRun::FillQuery(int64_t b, int64_t head, int64_t row) {
  std::normal_distribution<double> normal;
  if (is_ragged_q()) row += lengths_.q_offsets[b], b = 0;
  for (int64_t c = 0; c < problem_.head_dim; ++c) {
    q_.Put(b, head, row, c, draft_.sigma * normal(random_));
  }
  for (int64_t c = 0; c < problem_.value_dim; ++c) gate_.Put(b, head, row, c, normal(random_));
}

void AttentionRun::FillKey(int64_t b, int64_t head, int64_t key) {
  std::normal_distribution<double> normal;
  if (is_ragged_kv()) key += lengths_.kv_offsets[b], b = 0;
  if (is_paged()) {
    b = table_[b * args_.block_table_stride + key / problem_.page_size];
    key %= problem_.page_size;
  }
  const bool scaled = problem_.kv_type == JITATTN_KV_I8;
  for (Tensor* tensor : {&k_, &v_}) {
    for (int64_t c = 0; c < tensor->cols(); ++c) {
      if (problem_.kv_type == JITATTN_KV_Q8_0) {
        tensor->PutQ8Block(b, head, key, c, random_);
      } else {
        tensor->Put(b, head, key, c, (scaled ? Tensor::kIntegersOfOne : 1) * normal(random_));
      }
    }
  }
  for (Tensor* scales : {&k_scales_, &v_scales_}) {
    for (int64_t c = 0; c < scales->cols(); ++c) {
      const double scale = (1 + static_cast<double>(Below(64)) / 64) / 2;
      scales->Put(b, head, key, c, scale / Tensor::kIntegersOfOne);
    }
  }
}

// Queries that do not exist, and keys that nobody sees, stay NaN.
void AttentionRun::FillWhatIsSeen() {
  const runtime::AttentionFormula formula(problem_, args_);
  for (int64_t b = 0; b < args_.batch; ++b) {
    for (int64_t head = 0; head < problem_.heads; ++head) {
      for (int64_t row = 0; row < formula.QueriesOf(b); ++row) FillQuery(b, head, row);
    }
    for (int64_t kv_head = 0; kv_head < problem_.kv_heads; ++kv_head) {
      const int64_t head = draft_.layout == LayoutIs::kOneKvHead ? 0 : kv_head;
      for (int64_t key = 0; key < formula.KeysOf(b); ++key) {
        if (formula.IsSeen(b, kv_head, key)) FillKey(b, head, key);
      }
    }
  }
}

// Whether the rows of queries that the run has not are NaN as before.
bool AttentionRun::UnaskedRowsAreUntouched(const Tensor& tensor) const {
  if (is_ragged_q()) {
    for (int64_t row = 0; row < lengths_.q_offsets.front(); ++row) {
      if (!std::isnan(tensor.Get(0, 0, row, 0))) return false;
    }
    return true;
  }
  const runtime::AttentionFormula formula(problem_, args_);
  for (int64_t b = 0; b < problem_.batch; ++b) {
    for (int64_t row = b < args_.batch ? formula.QueriesOf(b) : 0; row < problem_.q_len; ++row) {
      for (int64_t head = 0; head < problem_.heads; ++head) {
        if (!std::isnan(tensor.Get(b, head, row, 0))) return false;
      }
    }
  }
  return true;
}

std::string AttentionRun::Run() {
  std::string wrong = RunAttention(draft_, args_);
  if (!wrong.empty()) return wrong;
  for (const Tensor* written : {&out_, &lse_}) {
    const char* name = written == &out_ ? "out" : "lse";
    if (!written->GapsUntouched()) return absl::StrCat("wrote between the rows of ", name);
    if (!UnaskedRowsAreUntouched(*written)) return absl::StrCat("wrote unasked rows of ", name);
  }
  const int64_t step = 1 + ProductsOf(problem_) / kMostProducts;
  return runtime::AttentionFormula(problem_, args_).Compare(step);
}

}  // namespace jitattn
