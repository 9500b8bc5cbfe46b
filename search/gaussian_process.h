// A Gaussian process over all points of a space: from observations at a few points, the posterior
// mean and variance at every point.
//
//   cov(x, x') = amplitude · (1 + a + a²/3) · e^−a      a² = 5 · Σ d(x, x')² / length²
//   d(x, x')² = (x − x')² + step² · [x ≠ x']            a parameter's distance
//
// (Matérn 5/2) with one length for each parameter. The step keeps even neighbouring values of a
// parameter apart: the cost of kernels is jagged along an axis, since one value divides a tile,
// fits a cache or fills the registers, and the next does not. The posterior of every point is
// stored and updated with each observation, which takes (points × observations) multiplications:
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
  double noise = 1e-3;          // variance of every observation, in addition to its own
};

struct GpObservation {
  int rank = -1;
  double y = 0;         // standardised: about zero mean and unit variance over the data
  double variance = 0;  // known variance of this observation, without `noise`
};

// The step between any two values of a feature, which is scaled to [0,1]. Chosen on the public
// spaces for setting in docs/search.md: 0.1 and 0.2 were equally good there, 0 and 0.3 scored a
// tenth less.
inline constexpr double kFeatureStep = 0.2;

class GaussianProcess {
 public:
  explicit GaussianProcess(const Space& space);

  // Discards all observations and conditions on `data`: Condition with the given hyper-parameters,
  // Fit with those of the largest posterior density. Fit searches from the centre of the prior,
  // from the current hyper-parameters and, if `rng` is not null, from one random start.
  void Condition(const GpHyperparameters& hyper, std::span<const GpObservation> data);
  void Fit(std::span<const GpObservation> data, Rng* rng);
  // Adds one observation; the hyper-parameters stay.
  void Add(const GpObservation& observation);

  const GpHyperparameters& hyperparameters() const { return hyper_; }
  // Posterior mean and variance of the function itself, without noise; by rank.
  std::span<const float> mean() const { return mean_; }
  std::span<const float> variance() const { return variance_; }
  // cov(x, ·) / amplitude, by rank.
  std::vector<float> Correlations(int rank) const;

 private:
  void Update(size_t known);
  double Covariance(int a, int b) const;
  void Covariances(int rank, int from, int count, float* out) const;

  int points_;
  std::vector<float> features_;  // feature_count × points: each feature of all points is contiguous
  std::vector<int> groups_;      // index into lengths, of each feature
  GpHyperparameters hyper_;
  std::vector<GpObservation> data_;
  // L is the Cholesky factor of the covariance of the observations, K* the covariance between
  // observations and points. These are the rows of L, L⁻¹y, and the rows of L⁻¹K*; a new
  // observation appends to each.
  std::vector<std::vector<double>> factor_;
  std::vector<double> whitened_;
  std::vector<std::vector<float>> projections_;
  std::vector<float> mean_, variance_;
};

// Log posterior density of the hyper-parameters, up to a constant, for data at given features
// (observations × features, row-major). `log_hyper` holds the logs of lengths, amplitude and noise,
// in this order, and so does `gradient`, which may be null. −∞ if the covariance is not positive
// definite.
class GpEvidence {
 public:
  GpEvidence(std::span<const double> features, std::span<const int> groups,
             std::span<const GpObservation> data);
  double operator()(std::span<const double> log_hyper, std::vector<double>* gradient) const;

  // The best of a quasi-Newton ascent from each start.
  std::vector<double> Maximise(std::span<const std::vector<double>> starts) const;

 private:
  size_t count_;
  std::vector<std::vector<double>> squares_;  // by length: squared distances, count × count
  std::vector<double> y_, variance_;
};

}  // namespace jitattn::search

#endif  // JITATTN_SEARCH_GAUSSIAN_PROCESS_H_
