// The Gaussian process against plain formulas, finite differences and a function it should learn.

#include "search/gaussian_process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/search/synthetic.h"

namespace jitattn::search {
namespace {

double Matern(double distance) {
  const double a = std::sqrt(5.0) * distance;
  return (1 + a + a * a / 3) * std::exp(-a);
}

// Of two features, in lengths of half their range.
double Distance(double x, double y) { return x == y ? 0 : std::hypot(x - y, kFeatureStep) / 0.5; }

Space Line(int points) {
  Parameter x{"x", {}};
  for (int i = 0; i < points; ++i) x.values.push_back(i);
  return *Space::Create({x}, nullptr);
}

TEST(GaussianProcessTest, PosteriorOfTwoPointsIsTheTextbooks) {
  const Space space = Line(5);  // features 0, ¼, ½, ¾, 1
  GaussianProcess process(space);
  const GpHyperparameters hyper{{0.5}, 2.0, 0.01};
  const std::vector<GpObservation> data = {{0, 1.0, 0.0}, {3, -1.0, 0.04}};
  process.Condition(hyper, data);
  const double k = 2 * Matern(Distance(0, 0.75)), a = 2 + 0.01, b = 2 + 0.05, det = a * b - k * k;
  for (int rank = 0; rank < 5; ++rank) {
    const double u = 2 * Matern(Distance(rank * 0.25, 0));
    const double v = 2 * Matern(Distance(rank * 0.25, 0.75));
    const double mean = ((u * b - v * k) * 1.0 + (v * a - u * k) * -1.0) / det;
    const double variance = 2 - (u * (u * b - v * k) + v * (v * a - u * k)) / det;
    EXPECT_NEAR(process.mean()[rank], mean, 1e-5) << rank;
    EXPECT_NEAR(process.variance()[rank], variance, 1e-5) << rank;
    EXPECT_NEAR(process.Correlations(0)[rank], u / 2, 1e-6) << rank;
  }
}

TEST(GaussianProcessTest, AddingIsConditioningAnew) {
  const SyntheticSpace synthetic = MakeSynthetic(1, 4, 6);
  std::vector<GpObservation> data;
  for (int i = 0; i < 30; ++i) {
    const int rank = i * 37 % synthetic.space.size();
    data.push_back({rank, std::sin(i), 0.001 * i});
  }
  GaussianProcess whole(synthetic.space), grown(synthetic.space);
  const GpHyperparameters hyper{std::vector<double>(whole.hyperparameters().lengths.size(), 0.7),
                                1.3, 0.01};
  whole.Condition(hyper, data);
  grown.Condition(hyper, std::span(data).first(10));
  for (size_t i = 10; i < data.size(); ++i) grown.Add(data[i]);
  for (int rank = 0; rank < synthetic.space.size(); ++rank) {
    ASSERT_NEAR(whole.mean()[rank], grown.mean()[rank], 1e-5);
    ASSERT_NEAR(whole.variance()[rank], grown.variance()[rank], 1e-5);
  }
}

TEST(GaussianProcessTest, GradientOfTheEvidenceIsItsSlope) {
  const uint64_t seed = 3;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  const std::vector<int> groups = {0, 1, 1, 2};
  std::vector<double> features;
  std::vector<GpObservation> data;
  for (int i = 0; i < 12; ++i) {
    for (int f = 0; f < 4; ++f) features.push_back(rng.Uniform());
    data.push_back({i, rng.Normal(), 0.01 * rng.Uniform()});
  }
  const GpEvidence evidence(features, groups, data);
  std::vector<double> at = {-0.3, 0.2, -1.0, 0.4, -3.0}, gradient;
  evidence(at, &gradient);
  ASSERT_EQ(gradient.size(), 5);
  for (size_t i = 0; i < at.size(); ++i) {
    const double h = 1e-5;
    std::vector<double> up = at, down = at;
    up[i] += h;
    down[i] -= h;
    const double slope = (evidence(up, nullptr) - evidence(down, nullptr)) / (2 * h);
    EXPECT_NEAR(gradient[i], slope, 1e-5 * std::max(1.0, std::abs(slope))) << i;
  }
}

// One study's process was never fitted: its lengths stayed where they began.
TEST(GaussianProcessTest, FitTellsWhatMatters) {
  Parameter a{"a", {}}, b{"b", {}};
  for (int i = 0; i < 20; ++i) a.values.push_back(i), b.values.push_back(i);
  const Space space = *Space::Create({a, b}, nullptr);
  auto f = [&](int rank) { return 1.4 * std::sin(6.0 * space.Row(rank)[0] / 19.0); };
  const uint64_t seed = 4;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  std::vector<GpObservation> data;
  for (int i = 0; i < 40; ++i) {
    const int rank = rng.Below(space.size());
    data.push_back({rank, f(rank) + 0.05 * rng.Normal(), 0});
  }
  GaussianProcess process(space);
  const GpHyperparameters before = process.hyperparameters();
  process.Fit(data, &rng);
  const GpHyperparameters& hyper = process.hyperparameters();
  EXPECT_NE(hyper.lengths, before.lengths);
  EXPECT_LT(hyper.lengths[0], 0.8);                   // the wave has to be resolved
  EXPECT_GT(hyper.lengths[1], 5 * hyper.lengths[0]);  // b does nothing
  EXPECT_GT(hyper.noise, 0.05 * 0.05 / 4);
  EXPECT_LT(hyper.noise, 0.05 * 0.05 * 4);
  // Values of `a` that were not seen are not taken to lie quite between their neighbours.
  double squares = 0;
  for (int rank = 0; rank < space.size(); ++rank) {
    ASSERT_NEAR(process.mean()[rank], f(rank), 0.4) << rank;
    squares += std::pow(process.mean()[rank] - f(rank), 2);
  }
  EXPECT_LT(std::sqrt(squares / space.size()), 0.15);
}

TEST(GaussianProcessTest, FitReachesAMaximum) {
  Rng rng(8);
  const std::vector<int> groups = {0, 1};
  std::vector<double> features;
  std::vector<GpObservation> data;
  for (int i = 0; i < 25; ++i) {
    features.push_back(rng.Uniform());
    features.push_back(rng.Uniform());
    data.push_back({i, std::sin(5 * features[2 * i]) + features[2 * i + 1] - 0.5, 0});
  }
  const GpEvidence evidence(features, groups, data);
  const std::vector<std::vector<double>> starts = {{0, 0, 0, std::log(1e-3)}};
  const std::vector<double> best = evidence.Maximise(starts);
  std::vector<double> gradient;
  const double density = evidence(best, &gradient);
  EXPECT_GT(density, evidence(starts[0], nullptr) + 1);
  for (const double slope : gradient) EXPECT_NEAR(slope, 0, 0.05);
}

TEST(GaussianProcessTest, CoincidingPointsWithoutNoiseAreHarmless) {
  GaussianProcess process(Line(4));
  const std::vector<GpObservation> data = {{1, 1.0, 0}, {1, 1.0, 0}, {1, 1.0, 0}};
  process.Condition({{1.0}, 1.0, 0.0}, data);
  for (const float mean : process.mean()) EXPECT_TRUE(std::isfinite(mean));
  EXPECT_NEAR(process.mean()[1], 1.0, 1e-3);
}

}  // namespace
}  // namespace jitattn::search
