// A Gaussian process over all points of a space: what has been observed at a few of them says what
// to expect, and how surely, at every other.
//
//   cov(x, x') = amplitude · (1 + a + a²/3) · e^−a      a² = 5 · Σ d(x, x')² / length²
//   d(x, x')² = (x − x')² + step² · [x ≠ x']            a parameter's distance
//
// (Matérn 5/2) with one length a parameter. The step makes any two values of a parameter differ,
// neighbours included: kernels are jagged along their axes, since one value divides a tile, fits a
// cache or fills the registers, and the next does not. The posterior of every point is kept and
// brought up to date with each observation, at a cost of (points × observations) multiplications:
// about a millisecond for 20,000 points and 100 observations. Rasmussen & Williams 2006, chapters
// 2, 4, 5.

#ifndef JITATTN_SEARCH_GAUSSIAN_PROCESS_H_
#define JITATTN_SEARCH_GAUSSIAN_PROCESS_H_

#include <span>
#include <vector>

#include "base/rng.h"
#include "search/space.h"

namespace jitattn::search {

struct GpHyperparameters {
  std::vector<double> lengths;  // one for each parameter with more than one value
  double amplitude = 1;         // variance of the function
  double noise = 1e-3;          // variance of an observation, beside its own
};

struct GpObservation {
  int rank = -1;
  double y = 0;         // expected to be of about zero mean and unit variance over the data
  double variance = 0;  // known of this observation; the noise comes on top
};

// What two values of a feature, scaled to [0,1], differ by at least. Set on the public spaces for
// setting of docs/search.md: 0.1 and 0.2 were alike there, 0 and 0.3 scored a tenth less.
inline constexpr double kFeatureStep = 0.2;

class GaussianProcess {
 public:
  explicit GaussianProcess(const Space& space);

  // Forgets what it knew; conditions on `data` with given hyper-parameters, or with those of the
  // largest posterior density, sought from the last ones and from the prior's centre and, where
  // `rng` is given, one random start.
  void Condition(const GpHyperparameters& hyper, std::span<const GpObservation> data);
  void Fit(std::span<const GpObservation> data, Rng* rng);
  // One observation more; the hyper-parameters stay.
  void Add(const GpObservation& observation);

  const GpHyperparameters& hyperparameters() const { return hyper_; }
  // Of the function itself, without noise; by rank.
  std::span<const float> mean() const { return mean_; }
  std::span<const float> variance() const { return variance_; }
  // cov(x, ·) / amplitude, by rank.
  std::vector<float> Correlations(int rank) const;

 private:
  void Update(size_t known);
  double Covariance(int a, int b) const;
  void Covariances(int rank, int from, int count, float* out) const;

  int points_;
  std::vector<float> features_;  // feature_count × points: a feature of all points is contiguous
  std::vector<int> groups_;      // index into lengths, of each feature
  GpHyperparameters hyper_;
  std::vector<GpObservation> data_;
  // With L the Cholesky factor of the observations' covariance, K* that between observations and
  // points: rows of L, L⁻¹y, and rows of L⁻¹K*. A new observation appends to each.
  std::vector<std::vector<double>> factor_;
  std::vector<double> whitened_;
  std::vector<std::vector<float>> projections_;
  std::vector<float> mean_, variance_;
};

// Log posterior density of the hyper-parameters, up to a constant, for data at given features
// (observations × features, row-major). Logs of lengths, amplitude, noise, in this order; the
// gradient likewise, where wanted. −∞ where the covariance is not positive definite.
class GpEvidence {
 public:
  GpEvidence(std::span<const double> features, std::span<const int> groups,
             std::span<const GpObservation> data);
  double operator()(std::span<const double> log_hyper, std::vector<double>* gradient) const;

  // The best of a quasi-Newton ascent from each start.
  std::vector<double> Maximise(std::span<const std::vector<double>> starts) const;

 private:
  size_t count_;
  std::vector<std::vector<double>> squares_;  // for each length: squared distances, count × count
  std::vector<double> y_, variance_;
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_GAUSSIAN_PROCESS_H_
