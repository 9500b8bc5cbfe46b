// Keys or values of any type in memory, laid out as a caller of the C API may lay them out.
#ifndef JITATTN_TESTS_RUNTIME_KV_TENSOR_H_
#define JITATTN_TESTS_RUNTIME_KV_TENSOR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>

#include "jitattn/jitattn.h"
#include "tests/runtime/tensor.h"

namespace jitattn::runtime {

// Rows of elements, with the scales of integers.
class KvTensor {
 public:
  KvTensor(const jitattn_attention_problem& problem, int64_t batch, int64_t heads, int64_t rows,
           int64_t cols, std::mt19937_64& random, bool spread = false)
      : blocks_of_34_(problem.kv_type == JITATTN_KV_Q8_0),
        block_(problem.kv_scale_block > 0 ? problem.kv_scale_block : cols),
        rows_(TypeOf(problem), batch, heads, rows, blocks_of_34_ ? cols / 32 : cols, random,
              spread) {
    if (problem.kv_type != JITATTN_KV_I8) return;
    // A scale for every row, or for all rows of a head, of a sequence, or of all.
    const auto one_or = [&](int64_t count) { return random() % 3 == 0 ? 1 : count; };
    shared_[0] = one_or(batch), shared_[1] = one_or(heads), shared_[2] = one_or(rows);
    scales_.emplace(JITATTN_F32, shared_[0], shared_[1], shared_[2], (cols + block_ - 1) / block_,
                    random);
  }

  // Numbers below 5.
  void Fill(std::mt19937_64& random) {
    if (blocks_of_34_) return rows_.FillQ8Blocks(random);
    rows_.FillNormal(random, scales_ ? kOne : 1);
    if (!scales_) return;
    scales_->FillBy([&](int64_t) {
      const double scale = (0.5 + 0.5 * static_cast<double>(random() % 1000) / 1000) / kOne;
      return random() % 16 == 0 ? -scale : scale;
    });
  }

  double Get(int64_t b, int64_t h, int64_t r, int64_t c) const {
    if (blocks_of_34_) return rows_.GetQ8(b, h, r, c);
    const double number = rows_.Get(b, h, r, c);
    if (!scales_) return number;
    const auto index = [&](int axis, int64_t i) { return shared_[axis] == 1 ? 0 : i; };
    return number * scales_->Get(index(0, b), index(1, h), index(2, r), c / block_);
  }

  const void* data() { return rows_.data(); }
  int64_t inner() const { return rows_.inner(); }
  void CopyStrides(int64_t (&to)[3]) const { rows_.CopyStrides(to); }
  const float* scales() { return scales_ ? static_cast<const float*>(scales_->data()) : nullptr; }
  void CopyScaleStrides(int64_t (&to)[3]) const {
    if (!scales_) return;
    scales_->CopyStrides(to);
    for (int axis = 0; axis < 3; ++axis) {
      if (shared_[axis] == 1) to[axis] = 0;
    }
  }

 private:
  static constexpr double kOne = Tensor::kIntegersOfOne;

  static int32_t TypeOf(const jitattn_attention_problem& problem) {
    switch (problem.kv_type) {
      case JITATTN_KV_F32:
        return JITATTN_F32;
      case JITATTN_KV_BF16:
        return JITATTN_BF16;
      case JITATTN_KV_F16:
        return JITATTN_F16;
      case JITATTN_KV_I8:
        return kInt8;
      case JITATTN_KV_Q8_0:
        return kQ8Blocks;
      default:
        return problem.dtype;
    }
  }

  const bool blocks_of_34_;
  const int64_t block_;
  Tensor rows_;
  int64_t shared_[3] = {1, 1, 1};  // sizes of the scales: 1, or as many as there are
  std::optional<Tensor> scales_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_TESTS_RUNTIME_KV_TENSOR_H_
