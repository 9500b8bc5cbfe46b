// Hyper-parameters of a Gaussian process: evidence with priors, its gradient, and its maximum.

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <cmath>
#include <limits>

#include "search/gaussian_process.h"

namespace jitattn::search {
namespace {

// The priors. Lengths: Gamma(shape 1.3, rate 0.1) as in BaCO (Hellsten et al. 2022), under which a
// parameter has little effect unless the data show one. Amplitude: log-normal around the variance
// of the standardised data. Noise: log-normal around a deviation of 3 % of the data's.
constexpr double kLengthShape = 1.3, kLengthRate = 0.1;
constexpr double kAmplitudeSigma = 1.0;
constexpr double kNoiseCentre = 1e-3, kNoiseSigma = 1.5;
constexpr double kJitter = 1e-8;

// After this many steps a quasi-Newton ascent in some ten dimensions has nearly converged, and the
// next fit continues from its result.
constexpr int kSteps = 25;
constexpr double kTolerance = 1e-3;  // in the gradient of the log density

using Eigen::ArrayXXd;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double LogNormal(double log_value, double centre, double sigma, double* slope) {
  const double z = (log_value - std::log(centre)) / sigma;
  *slope = -z / sigma;
  return -z * z / 2;
}

}  // namespace

GpEvidence::GpEvidence(std::span<const double> features, std::span<const int> groups,
                       std::span<const GpObservation> data)
    : count_(data.size()) {
  const size_t width = groups.size();
  squares_.resize(groups.empty() ? 0 : groups.back() + 1,
                  std::vector<double>(count_ * count_, 0.0));
  for (size_t i = 0; i < count_; ++i) {
    for (size_t j = 0; j < count_; ++j) {
      for (size_t f = 0; f < width; ++f) {
        const double difference = features[i * width + f] - features[j * width + f];
        if (difference == 0) continue;
        squares_[groups[f]][i * count_ + j] +=
            difference * difference + kFeatureStep * kFeatureStep;
      }
    }
    y_.push_back(data[i].y);
    variance_.push_back(data[i].variance);
  }
}

double GpEvidence::operator()(std::span<const double> log_hyper,
                              std::vector<double>* gradient) const {
  const auto n = static_cast<Eigen::Index>(count_);
  const size_t lengths = squares_.size();
  const double amplitude = std::exp(log_hyper[lengths]), noise = std::exp(log_hyper[lengths + 1]);
  auto square = [&](size_t g) {
    return Eigen::Map<const ArrayXXd>(squares_[g].data(), n, n) * std::exp(-2 * log_hyper[g]);
  };

  ArrayXXd scaled = ArrayXXd::Zero(n, n);
  for (size_t g = 0; g < lengths; ++g) scaled += square(g);
  scaled = (5 * scaled).sqrt();
  const ArrayXXd decay = amplitude * (-scaled).exp();
  const ArrayXXd covariance = (1 + scaled + scaled.square() / 3) * decay;
  MatrixXd total = covariance.matrix();
  for (Eigen::Index i = 0; i < n; ++i) total(i, i) += noise + variance_[i] + kJitter;
  const Eigen::LLT<MatrixXd> factor(total);
  if (factor.info() != Eigen::Success) return -std::numeric_limits<double>::infinity();

  const Eigen::Map<const VectorXd> y(y_.data(), n);
  const VectorXd weights = factor.solve(y);
  double density = -y.dot(weights) / 2;
  for (Eigen::Index i = 0; i < n; ++i) density -= std::log(factor.matrixLLT()(i, i));

  double amplitude_slope, noise_slope;
  density += LogNormal(log_hyper[lengths], 1.0, kAmplitudeSigma, &amplitude_slope);
  density += LogNormal(log_hyper[lengths + 1], kNoiseCentre, kNoiseSigma, &noise_slope);
  for (size_t g = 0; g < lengths; ++g) {
    density += (kLengthShape - 1) * log_hyper[g] - kLengthRate * std::exp(log_hyper[g]);
  }
  if (gradient == nullptr) return density;

  // ∂/∂θ = ½ Σ W ∘ ∂K/∂θ with W = K⁻¹y yᵀK⁻¹ − K⁻¹. For a length ℓ,
  // ∂K/∂log ℓ = 5/3 · amplitude · (1 + a) e^−a · (distance / ℓ)².
  const ArrayXXd w =
      (weights * weights.transpose() - factor.solve(MatrixXd::Identity(n, n))).array();
  const ArrayXXd by_square = w * (5.0 / 3.0) * (1 + scaled) * decay;
  gradient->resize(lengths + 2);
  for (size_t g = 0; g < lengths; ++g) {
    (*gradient)[g] = (by_square * square(g)).sum() / 2 + (kLengthShape - 1) -
                     kLengthRate * std::exp(log_hyper[g]);
  }
  (*gradient)[lengths] = (w * covariance).sum() / 2 + amplitude_slope;
  (*gradient)[lengths + 1] = noise * w.matrix().trace() / 2 + noise_slope;
  return density;
}

// BFGS on the negative log density. A step that does not improve is halved.
std::vector<double> GpEvidence::Maximise(std::span<const std::vector<double>> starts) const {
  std::vector<double> best = starts[0];
  double best_density = -std::numeric_limits<double>::infinity();
  for (const std::vector<double>& start : starts) {
    std::vector<double> here = start, slope;
    double density = (*this)(here, &slope);
    if (!std::isfinite(density)) continue;
    const auto d = static_cast<Eigen::Index>(here.size());
    MatrixXd inverse = MatrixXd::Identity(d, d);
    for (int step = 0; step < kSteps; ++step) {
      const VectorXd gradient = Eigen::Map<VectorXd>(slope.data(), d);
      if (gradient.lpNorm<Eigen::Infinity>() < kTolerance) break;
      VectorXd move = inverse * gradient;
      if (move.dot(gradient) <= 0) {  // a bad estimate of the Hessian: back to steepest ascent
        inverse.setIdentity();
        move = gradient;
      }
      move *= std::min(1.0, 1.0 / move.lpNorm<Eigen::Infinity>());  // a factor of e at most

      std::vector<double> there(here.size()), new_slope;
      double new_density = -std::numeric_limits<double>::infinity();
      for (int halving = 0; halving < 8; ++halving, move /= 2) {
        for (Eigen::Index i = 0; i < d; ++i) there[i] = here[i] + move[i];
        new_density = (*this)(there, &new_slope);
        if (new_density > density) break;
      }
      if (!(new_density > density)) break;

      const VectorXd change = gradient - Eigen::Map<VectorXd>(new_slope.data(), d);
      const double curvature = change.dot(move);
      if (curvature > 1e-10) {
        const MatrixXd left = MatrixXd::Identity(d, d) - move * change.transpose() / curvature;
        inverse = left * inverse * left.transpose() + move * move.transpose() / curvature;
      }
      here = there;
      slope = new_slope;
      density = new_density;
    }
    if (density > best_density) {
      best_density = density;
      best = here;
    }
  }
  return best;
}

}  // namespace jitattn::search
