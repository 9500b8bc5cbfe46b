// Small problems of both operations through the C API, with their right results.

#include "task.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace jitattn::faults {
namespace {

constexpr int kHeads = 4, kLength = 64, kDim = 32;
constexpr int kRows = 30, kCols = 997;
constexpr double kTolerance = 2e-6;  // of results of the order of 1

std::vector<float> Normal(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// One row of one head, `to` its kDim numbers.
void Row(const float* q, const float* k, const float* v, double scale, double* to) {
  double weights[kLength], top = -INFINITY, sum = 0;
  for (int j = 0; j < kLength; ++j) {
    double dot = 0;
    for (int d = 0; d < kDim; ++d) dot += double{q[d]} * k[j * kDim + d];
    weights[j] = dot * scale;
    top = std::max(top, weights[j]);
  }
  for (double& weight : weights) sum += weight = std::exp(weight - top);
  for (int d = 0; d < kDim; ++d) {
    to[d] = 0;
    for (int j = 0; j < kLength; ++j) to[d] += weights[j] / sum * v[j * kDim + d];
  }
}

}  // namespace

AttentionTask::AttentionTask() {
  jitattn_attention_problem_init(&problem_, kHeads, kLength, kDim);
  jitattn_attention_args_init(&args_, &problem_);
  const size_t count = kHeads * kLength * kDim;
  q_ = Normal(count, 1);
  k_ = Normal(count, 2);
  v_ = Normal(count, 3);
  out_.resize(count);
  right_.resize(count);
  for (int row = 0; row < kHeads * kLength; ++row) {
    const int head = row / kLength * kLength * kDim;
    Row(&q_[row * kDim], &k_[head], &v_[head], args_.scale, &right_[row * kDim]);
  }
  args_.q = q_.data();
  args_.k = k_.data();
  args_.v = v_.data();
  args_.out = out_.data();
}

const jitattn_attention_args& AttentionTask::args() {
  std::fill(out_.begin(), out_.end(), NAN);
  return args_;
}

bool AttentionTask::Correct() const {
  return std::equal(out_.begin(), out_.end(), right_.begin(),
                    [](float got, double right) { return std::abs(got - right) <= kTolerance; });
}

SigmoidMulTask::SigmoidMulTask() : x_(Normal(kRows * kCols, 4)), out_(kRows * kCols) {
  jitattn_sigmoid_mul_problem_init(&problem_, kRows, kCols);
  jitattn_sigmoid_mul_args_init(&args_, &problem_);
  args_.x = x_.data();
  args_.out = out_.data();
}

const jitattn_sigmoid_mul_args& SigmoidMulTask::args() {
  std::fill(out_.begin(), out_.end(), NAN);
  return args_;
}

bool SigmoidMulTask::Correct() const {
  return std::equal(out_.begin(), out_.end(), x_.begin(), [](float got, double x) {
    return std::abs(got - x / (1 + std::exp(-x))) <= kTolerance;
  });
}

}  // namespace jitattn::faults
