// The cases of attention in ONNX's backend tests (onnx 1.23, opsets 23 to 25), by shape and option.
// Their numbers are not here: the operator's definition says what comes out for any. Nor are their
// types: every case is for every type. Cases of qk_matmul_output, which jitattn does not have, are
// here for Y alone, and only if no other case is the same then.

#ifndef JITATTN_TESTS_CONFORMANCE_ONNX_ATTENTION_CASES_H_
#define JITATTN_TESTS_CONFORMANCE_ONNX_ATTENTION_CASES_H_

#include <cstdint>
#include <ostream>
#include <span>
#include <string_view>
#include <vector>

namespace jitattn {

enum class OnnxMask { kNone, kFloat, kFloatWithInf, kBool, kBoolWithEmptyRow };

// Inputs of an Attention node. Q [batch][q_heads][q_len][head], K and V [batch][kv_heads][kv_len];
// with is_3d the heads lie side by side: Q [batch][q_len][q_heads · head].
struct OnnxAttention {
  std::string_view name;  // without "test_attention_"
  bool is_3d = false;
  int64_t batch = 2, q_heads = 3, kv_heads = 3, q_len = 4, kv_len = 6;
  int64_t head = 8, value = 8;
  int64_t past = 0;  // keys in past_key, before those of K
  bool is_causal = false;
  double scale = 0;    // 0: 1/√head
  double softcap = 0;  // 0: none
  OnnxMask mask = OnnxMask::kNone;
  std::vector<int64_t> mask_shape = {};  // broadcast to [batch][q_heads][q_len][past + kv_len]
  std::vector<int64_t> nonpad = {};      // nonpad_kv_seqlen
  int64_t left = -1, right = -1;         // left_window_size, right_window_size; −1: no limit

  friend void PrintTo(const OnnxAttention& node, std::ostream* out) { *out << node.name; }
};

// A mask may be shorter than the keys (opset 24).
std::span<const OnnxAttention> OnnxAttentionCases();

}  // namespace jitattn

#endif  // JITATTN_TESTS_CONFORMANCE_ONNX_ATTENTION_CASES_H_
