// A run of attention through the C API with random numbers, as a combination of options says.

#ifndef JITATTN_TESTS_CONFORMANCE_ATTENTION_RUN_H_
#define JITATTN_TESTS_CONFORMANCE_ATTENTION_RUN_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "jitattn/jitattn.h"
#include "tests/conformance/attention_factors.h"
#include "tests/runtime/tensor.h"

namespace jitattn {

// Runs a problem as draft says: with a plan that leaves the user's cache alone, or without one.
// Returns "", or the message of the library.
std::string RunAttention(const AttentionDraft& draft, const jitattn_attention_args& args);

class AttentionRun {
 public:
  AttentionRun(const AttentionDraft& draft, uint64_t seed);

  // "", or what is wrong.
  std::string Run();

 private:
  using Tensor = runtime::Tensor;

  // One entry for each sequence; the offsets are sums of lengths, behind rows that belong to
  // nobody.
  struct Lengths {
    std::vector<int64_t> q, kv, begins, offsets, prefixes, q_offsets, kv_offsets;
  };

  int64_t Below(int64_t end) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(end));
  }
  Lengths DrawLengths();
  runtime::TensorLayout Layout(bool spread = false);
  Tensor OfQueries(int32_t dtype, int64_t cols, bool spread = false);
  Tensor OfKeys(int32_t type, int64_t cols, bool spread = false);
  Tensor OfScales(int64_t cols);
  Tensor MakeBias();
  double BiasOf(int64_t row, int64_t key);
  void FillBias();
  void SetArgs();
  void SetLengths();
  void SetPages();
  void FillQuery(int64_t b, int64_t head, int64_t row);
  void FillKey(int64_t b, int64_t head, int64_t key);
  void FillWhatIsSeen();
  bool UnaskedRowsAreUntouched(const Tensor& tensor) const;
  bool is_ragged_q() const {
    return draft_.lengths == LengthsAre::kRagged || draft_.lengths == LengthsAre::kRaggedQ;
  }
  bool is_ragged_kv() const { return draft_.lengths == LengthsAre::kRagged; }
  bool is_paged() const { return problem_.page_size > 0; }
  // Of a sequence.
  int64_t Pages() const { return (problem_.kv_len + problem_.page_size - 1) / problem_.page_size; }
  int64_t BiasKeys() const { return draft_.has_short_bias ? bias_keys_ : problem_.kv_len; }

  const AttentionDraft draft_;
  const jitattn_attention_problem& problem_;
  std::mt19937_64 random_;
  const Lengths lengths_;
  const int64_t hidden_from_;  // the first key of a tail that the bias hides
  const int64_t bias_keys_;    // of a short bias
  Tensor q_, k_, v_, k_scales_, v_scales_, bias_, gate_, out_, lse_;
  std::vector<int32_t> table_;  // of pages
  std::vector<float> slopes_, sinks_;
  jitattn_attention_args args_;
};

}  // namespace jitattn

#endif  // JITATTN_TESTS_CONFORMANCE_ATTENTION_RUN_H_
