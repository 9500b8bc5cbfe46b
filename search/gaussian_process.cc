// The posterior of a Gaussian process at every point of a space.

#include "search/gaussian_process.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

namespace jitattn::search {
namespace {

// Points processed at once: 100 rows of L⁻¹K* × 512 floats = 200 KB stay in the L2.
constexpr int kBlock = 512;

// Added to the diagonal, so that the factor exists if two observations coincide without noise.
constexpr double kJitter = 1e-8;

using Floats = Eigen::Map<Eigen::ArrayXf>;
using Block = Eigen::Array<float, Eigen::Dynamic, 1, 0, kBlock, 1>;
using ConstFloats = Eigen::Map<const Eigen::ArrayXf>;

}  // namespace

GaussianProcess::GaussianProcess(const Space& space)
    : points_(space.size()),
      features_(static_cast<size_t>(space.feature_count()) * space.size()),
      mean_(space.size()),
      variance_(space.size()) {
  int last = -1;
  for (const int parameter : space.feature_parameters()) {
    if (parameter != last) hyper_.lengths.push_back(1.0);
    last = parameter;
    groups_.push_back(static_cast<int>(hyper_.lengths.size()) - 1);
  }
  for (int rank = 0; rank < points_; ++rank) {
    const std::vector<double> features = space.Features(rank);
    for (size_t f = 0; f < features.size(); ++f) {
      features_[f * points_ + rank] = static_cast<float>(features[f]);
    }
  }
}

double GaussianProcess::Covariance(int a, int b) const {
  double square = 0;
  for (size_t f = 0; f < groups_.size(); ++f) {
    const double difference = static_cast<double>(features_[f * points_ + a]) -
                              static_cast<double>(features_[f * points_ + b]);
    if (difference == 0) continue;
    square += (difference * difference + kFeatureStep * kFeatureStep) /
              std::pow(hyper_.lengths[groups_[f]], 2);
  }
  const double scaled = std::sqrt(5 * square);
  return hyper_.amplitude * (1 + scaled + scaled * scaled / 3) * std::exp(-scaled);
}

void GaussianProcess::Covariances(int rank, int from, int count, float* out) const {
  Block square(count);
  square.setZero();
  for (size_t f = 0; f < groups_.size(); ++f) {
    const float* feature = features_.data() + f * points_;
    const auto weight = static_cast<float>(std::pow(hyper_.lengths[groups_[f]], -2));
    const auto difference = ConstFloats(feature + from, count) - feature[rank];
    square +=
        weight * (difference.square() +
                  (difference != 0)
                      .select(static_cast<float>(kFeatureStep * kFeatureStep), Block::Zero(count)));
  }
  square = (5 * square).sqrt();
  Floats(out, count) =
      static_cast<float>(hyper_.amplitude) * (1 + square + square.square() / 3) * (-square).exp();
}

std::vector<float> GaussianProcess::Correlations(int rank) const {
  std::vector<float> result(points_);
  for (int from = 0; from < points_; from += kBlock) {
    Covariances(rank, from, std::min(kBlock, points_ - from), result.data() + from);
  }
  for (float& value : result) value /= static_cast<float>(hyper_.amplitude);
  return result;
}

void GaussianProcess::Condition(const GpHyperparameters& hyper,
                                std::span<const GpObservation> data) {
  hyper_ = hyper;
  data_.assign(data.begin(), data.end());
  factor_.clear();
  whitened_.clear();
  std::fill(mean_.begin(), mean_.end(), 0.0f);
  std::fill(variance_.begin(), variance_.end(), static_cast<float>(hyper_.amplitude));
  Update(0);
}

void GaussianProcess::Add(const GpObservation& observation) {
  data_.push_back(observation);
  Update(data_.size() - 1);
}

// Extends the factor and the posterior by the observations from index `known` on.
void GaussianProcess::Update(size_t known) {
  for (size_t i = known; i < data_.size(); ++i) {
    std::vector<double> row(i + 1);
    double y = data_[i].y;
    double pivot = hyper_.amplitude + hyper_.noise + data_[i].variance + kJitter;
    for (size_t j = 0; j < i; ++j) {
      row[j] = Covariance(data_[i].rank, data_[j].rank);
      for (size_t k = 0; k < j; ++k) row[j] -= row[k] * factor_[j][k];
      row[j] /= factor_[j][j];
      pivot -= row[j] * row[j];
      y -= row[j] * whitened_[j];
    }
    row[i] = std::sqrt(std::max(pivot, kJitter));
    whitened_.push_back(y / row[i]);
    factor_.push_back(std::move(row));
  }
  projections_.resize(data_.size());
  for (size_t i = known; i < data_.size(); ++i) projections_[i].resize(points_);
  for (int from = 0; from < points_; from += kBlock) {
    const int count = std::min(kBlock, points_ - from);
    for (size_t i = known; i < data_.size(); ++i) {
      Floats row(projections_[i].data() + from, count);
      Covariances(data_[i].rank, from, count, row.data());
      for (size_t j = 0; j < i; ++j) {
        row -=
            static_cast<float>(factor_[i][j]) * ConstFloats(projections_[j].data() + from, count);
      }
      row /= static_cast<float>(factor_[i][i]);
      Floats(mean_.data() + from, count) += static_cast<float>(whitened_[i]) * row;
      Floats(variance_.data() + from, count) -= row.square();
    }
  }
}

void GaussianProcess::Fit(std::span<const GpObservation> data, Rng* rng) {
  std::vector<double> features;
  for (const GpObservation& observation : data) {
    for (size_t f = 0; f < groups_.size(); ++f) {
      features.push_back(features_[f * points_ + observation.rank]);
    }
  }
  const size_t lengths = hyper_.lengths.size();
  auto start = [&](auto length, double amplitude, double noise) {
    std::vector<double> logs;
    for (size_t i = 0; i < lengths; ++i) logs.push_back(std::log(length(i)));
    logs.push_back(std::log(amplitude));
    logs.push_back(std::log(noise));
    return logs;
  };
  std::vector<std::vector<double>> starts = {
      start([](size_t) { return 1.0; }, 1, 1e-3),
      start([&](size_t i) { return hyper_.lengths[i]; }, hyper_.amplitude, hyper_.noise)};
  if (starts[0] == starts[1]) starts.pop_back();
  if (rng != nullptr) {
    starts.push_back(
        start([&](size_t) { return std::exp(rng->Uniform(std::log(0.2), std::log(5))); }, 1,
              std::exp(rng->Uniform(std::log(1e-4), std::log(1e-1)))));
  }

  const std::vector<double> best = GpEvidence(features, groups_, data).Maximise(starts);
  GpHyperparameters hyper;
  for (size_t i = 0; i < lengths; ++i) hyper.lengths.push_back(std::exp(best[i]));
  hyper.amplitude = std::exp(best[lengths]);
  hyper.noise = std::exp(best[lengths + 1]);
  Condition(hyper, data);
}

}  // namespace jitattn::search
