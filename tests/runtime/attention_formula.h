// The formula of attention in jitattn.h, in double, over the structs of a run of the C API.

#ifndef JITATTN_TESTS_RUNTIME_ATTENTION_FORMULA_H_
#define JITATTN_TESTS_RUNTIME_ATTENTION_FORMULA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "jitattn/jitattn.h"

namespace jitattn::runtime {

class AttentionFormula {
 public:
  // REQUIRES: both outlive this object.
  AttentionFormula(const jitattn_attention_problem& problem, const jitattn_attention_args& args)
      : problem_(problem), args_(args) {}

  // Compares out and lse with the formula, in every step-th row and the last of each sequence and
  // head. Returns "", or the first number that is wrong.
  std::string Compare(int64_t step = 1);

  // Queries and keys of sequence b.
  int64_t QueriesOf(int64_t b) const;
  int64_t KeysOf(int64_t b) const;
  // Whether some query sees a key of a kv head. Others may hold anything.
  bool IsSeen(int64_t b, int64_t kv_head, int64_t key) const;

 private:
  bool Has(int32_t option) const { return (problem_.options & option) != 0; }
  int64_t Group() const { return problem_.heads / problem_.kv_heads; }
  int64_t OffsetOf(int64_t b) const;
  bool Sees(int64_t b, int64_t row, int64_t key) const;  // but for the bias
  bool SeesIn(int64_t head, int64_t b, int64_t row, int64_t key) const;
  // Rows of q, out, lse or the gate; `inner` is between the elements of a row.
  double OfQuery(const void* base, int32_t dtype, const int64_t* strides, int64_t inner, int64_t b,
                 int64_t head, int64_t row, int64_t col) const;
  // k or v, with the scales of integers.
  struct Keys {
    const void* base;
    const int64_t* strides;
    int64_t inner;
    const float* scales;
    const int64_t* scale_strides;
    int64_t cols;
  };
  Keys K() const;
  Keys V() const;
  double OfKey(const Keys& keys, int64_t b, int64_t kv_head, int64_t key, int64_t col) const;
  double Bias(int64_t b, int64_t head, int64_t row, int64_t key) const;
  double Changed(double score, int64_t b, int64_t head, int64_t row, int64_t key) const;

  void LoadKeys(int64_t b, int64_t kv_head);
  void Dots(int64_t b, int64_t head, int64_t row);
  std::string CompareRow(int64_t b, int64_t head, int64_t row);
  std::string CompareLse(double got, double highest, double sum, double bound) const;
  double Bound(double greatest_score) const;

  const jitattn_attention_problem& problem_;
  const jitattn_attention_args& args_;
  std::vector<double> keys_;  // of one sequence and kv head: [head_dim][keys]
  std::vector<double> key_norms_;
  std::vector<double> values_;  // [keys][value_dim]
  std::vector<double> weights_, out_;
  double norm_ = 0;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_ATTENTION_FORMULA_H_
