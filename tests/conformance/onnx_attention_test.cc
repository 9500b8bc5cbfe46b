// ONNX's Attention as its definition has it, with every mask written out, against the C API, where
// masks, windows and padding are numbers.
//
// Opsets 23 to 25 have one order: scale, softcap, mask. (The reference of onnx 1.18 capped masked
// scores; 1.23 corrected that for opset 23 too, as well as the causal mask behind past keys, and
// empty rows, which are 0.)

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "jitattn/jitattn.h"
#include "tests/conformance/attention_run.h"
#include "tests/conformance/onnx_attention_cases.h"
#include "tests/runtime/tensor.h"

namespace jitattn {
namespace {

using runtime::Tensor;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int64_t kSpareKeys = 3;  // room behind the keys of a cache

class OnnxNode {
 public:
  // `pads_masks`: a mask that is shorter than the keys is padded here, not by the library.
  OnnxNode(const OnnxAttention& node, int32_t type, bool pads_masks)
      : node_(node),
        type_(type),
        pads_masks_(pads_masks),
        q_(type, node.batch, node.q_heads, node.q_len, node.head, Layout()),
        k_(OfKeys(node.head)),
        v_(OfKeys(node.value)),
        mask_(MakeMask()),
        out_(type, node.batch, node.q_heads, node.q_len, node.value, Layout()) {
    Fill(q_, node.q_heads, node.q_len, node.head);
    Fill(k_, node.kv_heads, keys(), node.head);
    Fill(v_, node.kv_heads, keys(), node.value);
    FillMask();
    SetProblem();
    SetArgs();
  }

  // "", or what is wrong.
  std::string Run(const std::string& config) {
    draft_.config = config;
    const std::string failure = RunAttention(draft_, args_);
    return failure.empty() ? Compare() : failure;
  }

 private:
  int64_t keys() const { return node_.past + node_.kv_len; }
  bool is_bool() const {
    return node_.mask == OnnxMask::kBool || node_.mask == OnnxMask::kBoolWithEmptyRow;
  }
  runtime::TensorLayout Layout() const {
    if (node_.is_3d) return {.order = {3, 1, 2, 0}};
    return {};
  }
  Tensor OfKeys(int64_t cols) const {
    return Tensor(type_, node_.batch, node_.kv_heads, keys() + kSpareKeys, cols, Layout());
  }
  void Fill(Tensor& tensor, int64_t heads, int64_t rows, int64_t cols) {
    std::uniform_real_distribution<double> uniform;
    for (int64_t b = 0; b < node_.batch; ++b)
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t c = 0; c < cols; ++c) tensor.Put(b, head, row, c, uniform(random_));
  }

  // The size of an axis of the mask: of batch, heads, queries, keys.
  int64_t MaskSize(int axis) const {
    const int missing = 4 - static_cast<int>(node_.mask_shape.size());
    return axis < missing ? 1 : node_.mask_shape[axis - missing];
  }
  int64_t MaskKeys() const { return pads_masks_ ? std::max(MaskSize(3), keys()) : MaskSize(3); }
  Tensor MakeMask() const {
    return Tensor(is_bool() ? runtime::kBytes : type_, MaskSize(0), MaskSize(1), MaskSize(2),
                  MaskKeys());
  }
  double MaskNumber(int64_t row, int64_t key) {
    const double number = std::uniform_real_distribution<double>()(random_);
    if (key >= MaskSize(3)) return -kInf;
    if (node_.mask == OnnxMask::kFloat) return number;
    if (node_.mask == OnnxMask::kFloatWithInf) return key + 2 >= MaskSize(3) ? -kInf : number;
    if (node_.mask == OnnxMask::kBoolWithEmptyRow && row == 0) return -kInf;
    return number < 0.3 ? -kInf : 0;
  }
  void FillMask() {
    for (int64_t b = 0; b < MaskSize(0); ++b)
      for (int64_t head = 0; head < MaskSize(1); ++head)
        for (int64_t row = 0; row < MaskSize(2); ++row)
          for (int64_t key = 0; key < MaskKeys(); ++key) {
            mask_.Put(b, head, row, key, MaskNumber(row, key));
          }
  }

  void SetProblem() {
    jitattn_attention_problem& p = draft_.problem;
    jitattn_attention_problem_init(&p, node_.q_heads, node_.q_len, node_.head);
    p.dtype = type_;
    p.batch = node_.batch;
    p.kv_heads = node_.kv_heads;
    p.kv_len = keys();
    p.value_dim = node_.value;
    if (node_.is_causal) p.mask = JITATTN_MASK_CAUSAL;
    if (node_.left >= 0 || node_.right >= 0) {
      p.mask = JITATTN_MASK_WINDOW;
      p.window_left = node_.left;
      p.window_right = node_.is_causal ? 0 : node_.right;
    }
    if (node_.softcap > 0) p.options = JITATTN_SOFTCAP;
    if (node_.mask != OnnxMask::kNone) p.bias = is_bool() ? JITATTN_BIAS_BOOL : JITATTN_BIAS_OWN;
  }

  void SetArgs() {
    jitattn_attention_args_init(&args_, &draft_.problem);
    args_.q = q_.data(), args_.k = k_.data(), args_.v = v_.data(), args_.out = out_.data();
    q_.CopyStrides(args_.q_strides);
    k_.CopyStrides(args_.k_strides);
    v_.CopyStrides(args_.v_strides);
    out_.CopyStrides(args_.out_strides);
    if (node_.scale != 0) args_.scale = node_.scale;
    args_.softcap = node_.softcap;
    args_.causal_offset = node_.past;
    for (const int64_t valid : node_.nonpad) offsets_.push_back(valid - node_.q_len);
    if (!node_.nonpad.empty()) {
      args_.kv_lens = node_.nonpad.data();
      args_.causal_offsets = offsets_.data();
    }
    args_.bias = mask_.data();
    mask_.CopyStrides(args_.bias_strides);
    for (int axis = 0; axis < 3; ++axis) {
      if (MaskSize(axis) == 1) args_.bias_strides[axis] = 0;
    }
    if (MaskKeys() < keys()) args_.bias_keys = MaskKeys();
  }

  // The sum of all masks.
  double AttnBias(int64_t b, int64_t head, int64_t row, int64_t key) const {
    const auto at = [&](int axis, int64_t i) { return MaskSize(axis) == 1 ? 0 : i; };
    double bias = 0;
    if (node_.mask != OnnxMask::kNone) {
      bias = key < MaskSize(3) ? mask_.Get(at(0, b), at(1, head), at(2, row), key) : -kInf;
    }
    const int64_t offset = node_.nonpad.empty() ? node_.past : node_.nonpad[b] - node_.q_len;
    const int64_t position = row + offset;
    if (node_.is_causal && key > position) bias = -kInf;
    if (node_.left >= 0 && key < position - node_.left) bias = -kInf;
    if (node_.right >= 0 && key > position + node_.right) bias = -kInf;
    if (!node_.nonpad.empty() && key >= node_.nonpad[b]) bias = -kInf;
    return bias;
  }

  double Logit(int64_t b, int64_t head, int64_t row, int64_t key) const {
    const int64_t kv_head = head / (node_.q_heads / node_.kv_heads);
    double logit = 0;
    for (int64_t d = 0; d < node_.head; ++d) {
      logit += q_.Get(b, head, row, d) * k_.Get(b, kv_head, key, d);
    }
    logit *= node_.scale != 0 ? node_.scale : 1 / std::sqrt(static_cast<double>(node_.head));
    if (node_.softcap > 0) logit = node_.softcap * std::tanh(logit / node_.softcap);
    return logit + AttnBias(b, head, row, key);
  }

  std::vector<double> Y(int64_t b, int64_t head, int64_t row) const {
    std::vector<double> weights, y(node_.value, 0);
    double sum = 0;
    for (int64_t key = 0; key < keys(); ++key) {
      weights.push_back(std::exp(Logit(b, head, row, key)));  // logits are small
      sum += weights.back();
    }
    if (sum == 0) return y;
    const int64_t kv_head = head / (node_.q_heads / node_.kv_heads);
    for (int64_t key = 0; key < keys(); ++key) {
      for (int64_t d = 0; d < node_.value; ++d) {
        y[d] += weights[key] / sum * v_.Get(b, kv_head, key, d);
      }
    }
    return y;
  }

  std::string Compare() const {
    constexpr double kBounds[] = {2e-6, 1e-14, 0x1p-7, 0x1p-10};  // f32, f64, bf16, f16
    for (int64_t b = 0; b < node_.batch; ++b) {
      for (int64_t head = 0; head < node_.q_heads; ++head) {
        for (int64_t row = 0; row < node_.q_len; ++row) {
          const std::vector<double> y = Y(b, head, row);
          for (int64_t d = 0; d < node_.value; ++d) {
            const double got = out_.Get(b, head, row, d);
            if (std::abs(got - y[d]) <= kBounds[type_]) continue;
            return absl::StrCat("Y[", b, "][", head, "][", row, "][", d, "] is ", got,
                                " instead of ", y[d]);
          }
        }
      }
    }
    return "";
  }

  const OnnxAttention& node_;
  const int32_t type_;
  const bool pads_masks_;
  std::mt19937_64 random_{1};
  Tensor q_, k_, v_, mask_, out_;
  std::vector<int64_t> offsets_;
  AttentionDraft draft_;
  jitattn_attention_args args_;
};

bool HasShortMask(const OnnxAttention& node) {
  return !node.mask_shape.empty() && node.mask_shape.back() < node.past + node.kv_len;
}

void ExpectAll(const OnnxAttention& node, bool pads_masks) {
  for (const int32_t type : {JITATTN_F32, JITATTN_F64, JITATTN_BF16, JITATTN_F16}) {
    for (const char* config : {"", "algorithm=tiles", "algorithm=rows", "isa=none"}) {
      EXPECT_EQ(OnnxNode(node, type, pads_masks).Run(config), "") << "type " << type << config;
    }
  }
}

class OnnxAttentionTest : public testing::TestWithParam<OnnxAttention> {};

TEST_P(OnnxAttentionTest, GivesY) { ExpectAll(GetParam(), true); }

INSTANTIATE_TEST_SUITE_P(Nodes, OnnxAttentionTest, testing::ValuesIn(OnnxAttentionCases()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(OnnxMasks, ShorterThanTheKeysAreBiasKeys) {
  int count = 0;
  for (const OnnxAttention& node : OnnxAttentionCases()) {
    if (!HasShortMask(node)) continue;
    SCOPED_TRACE(node.name);
    ExpectAll(node, false);
    ++count;
  }
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace jitattn
