// Shares of variance against functions whose decomposition is known.

#include "search/importance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

namespace jitattn::search {
namespace {

using ::testing::HasSubstr;

constexpr double kNear = 1e-12;

Space Grid(const std::vector<int>& sizes, const Space::Constraint& constraint = nullptr) {
  std::vector<Parameter> parameters;
  for (int size : sizes) {
    Parameter parameter{.name = std::string(1, static_cast<char>('a' + parameters.size()))};
    for (int i = 0; i < size; ++i) parameter.values.push_back(i);
    parameters.push_back(std::move(parameter));
  }
  const auto space = Space::Create(
      parameters, constraint ? constraint : [](const Point&) { return true; });
  EXPECT_TRUE(space.ok()) << space.status();
  return *space;
}

std::vector<double> Values(const Space& space, const std::function<double(const Point&)>& f) {
  std::vector<double> values;
  for (int rank = 0; rank < space.size(); ++rank) values.push_back(f(space.At(rank)));
  return values;
}

Importance Of(const Space& space, const std::function<double(const Point&)>& f) {
  const auto importance = ImportanceOf(space, Values(space, f));
  EXPECT_TRUE(importance.ok()) << importance.status();
  return *importance;
}

// Var of 0 … n−1, each as likely.
double Uniform(int n) { return (n * n - 1) / 12.0; }

TEST(ImportanceTest, AdditiveFunctionHasNoInteraction) {
  const Space space = Grid({4, 5, 3});
  const Importance found = Of(space, [](const Point& p) { return 3.0 * p[0] - 2.0 * p[1] + 7; });
  const double variance = 9 * Uniform(4) + 4 * Uniform(5);
  EXPECT_TRUE(found.whole);
  EXPECT_EQ(found.points, 60);
  EXPECT_NEAR(found.variance, variance, kNear * variance);
  EXPECT_NEAR(found.parameters[0].alone, 9 * Uniform(4) / variance, kNear);
  EXPECT_NEAR(found.parameters[1].alone, 4 * Uniform(5) / variance, kNear);
  EXPECT_NEAR(found.parameters[2].alone, 0, kNear);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(*found.parameters[i].total, found.parameters[i].alone, kNear) << i;
    EXPECT_EQ(found.parameters[i].chance, 0) << i;
  }
  for (const Importance::Pair& pair : found.pairs) EXPECT_NEAR(pair.share, 0, kNear);
}

// f = (a − ā)(b − b̄) is interaction and nothing else.
TEST(ImportanceTest, CentredProductIsInteractionOnly) {
  const Space space = Grid({4, 5, 2});
  const Importance found = Of(space, [](const Point& p) { return (p[0] - 1.5) * (p[1] - 2.0); });
  EXPECT_NEAR(found.variance, Uniform(4) * Uniform(5), kNear);
  EXPECT_NEAR(found.parameters[0].alone, 0, kNear);
  EXPECT_NEAR(found.parameters[1].alone, 0, kNear);
  EXPECT_NEAR(*found.parameters[0].total, 1, kNear);
  EXPECT_NEAR(*found.parameters[1].total, 1, kNear);
  EXPECT_NEAR(*found.parameters[2].total, 0, kNear);
  ASSERT_EQ(found.pairs.size(), 3u);
  EXPECT_NEAR(found.pairs[0].share, 1, kNear);
  EXPECT_NEAR(found.pairs[1].share, 0, kNear);
  EXPECT_NEAR(found.pairs[2].share, 0, kNear);
}

// Ishigami's shape on a grid: sin a + 7 sin² b + 0.1 c⁴ sin a. The c⁴ acts through a only.
TEST(ImportanceTest, IshigamiOnAGrid) {
  const int n = 24;
  const Space space = Grid({n, n, n});
  auto angle = [&](int i) { return M_PI * (2.0 * (i + 0.5) / n - 1); };
  const Importance found = Of(space, [&](const Point& p) {
    return std::sin(angle(p[0])) + 7 * std::pow(std::sin(angle(p[1])), 2) +
           0.1 * std::pow(angle(p[2]), 4) * std::sin(angle(p[0]));
  });
  // The same moments, summed over the grid: E and Var of c⁴ stand for the integrals.
  double mean4 = 0, square4 = 0;
  for (int i = 0; i < n; ++i) {
    mean4 += std::pow(angle(i), 4) / n;
    square4 += std::pow(angle(i), 8) / n;
  }
  const double a = std::pow(1 + 0.1 * mean4, 2) / 2, b = 49.0 / 8,
               ac = 0.01 * (square4 - mean4 * mean4) / 2, all = a + b + ac;
  EXPECT_NEAR(found.variance, all, 1e-9);
  EXPECT_NEAR(found.parameters[0].alone, a / all, kNear);
  EXPECT_NEAR(found.parameters[1].alone, b / all, kNear);
  EXPECT_NEAR(found.parameters[2].alone, 0, kNear);
  EXPECT_NEAR(found.pairs[1].share, ac / all, kNear);
  EXPECT_NEAR(*found.parameters[0].total, (a + ac) / all, kNear);
  EXPECT_NEAR(*found.parameters[2].total, ac / all, kNear);
}

TEST(ImportanceTest, OrdersSumToOneOnAWholeGrid) {
  const Space space = Grid({3, 4, 5});
  const Importance found =
      Of(space, [](const Point& p) { return std::cos(p[0] * 3 + p[1] * p[1] * 5 + p[2] * 11); });
  double sum = 0, totals = 0;
  for (const auto& one : found.parameters) sum += one.alone, totals += *one.total;
  double pairs = 0;
  for (const auto& pair : found.pairs) {
    EXPECT_GE(pair.share, -kNear);
    pairs += pair.share;
  }
  // Σ total = Σ alone + 2 Σ pairs + 3 · what only the three together explain.
  const double three = 1 - sum - pairs;
  EXPECT_NEAR(totals, sum + 2 * pairs + 3 * three, 1e-9);
}

TEST(ImportanceTest, ConstantAndSingleValuedAreZero) {
  const Space space = Grid({3, 1});
  const Importance constant = Of(space, [](const Point&) { return 0.1; });
  EXPECT_EQ(constant.variance, 0);
  EXPECT_EQ(constant.parameters[0].alone, 0);
  EXPECT_EQ(*constant.parameters[0].total, 0);
  const Importance varied = Of(space, [](const Point& p) { return p[0]; });
  EXPECT_NEAR(varied.parameters[0].alone, 1, kNear);
  EXPECT_EQ(varied.parameters[1].alone, 0);
  EXPECT_EQ(*varied.parameters[1].total, 0);
}

TEST(ImportanceTest, AFailedPointMakesTheSpaceIncomplete) {
  const Space space = Grid({4, 4});
  std::vector<double> values = Values(space, [](const Point& p) { return p[0]; });
  values[5] = std::numeric_limits<double>::infinity();
  const auto found = ImportanceOf(space, values);
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->whole);
  EXPECT_EQ(found->points, 15);
  EXPECT_EQ(found->grid, 16);
  EXPECT_NEAR(found->parameters[0].alone, 1, kNear);
  EXPECT_NEAR(found->parameters[0].chance, 3.0 / 14, kNear);
  EXPECT_GT(found->parameters[1].alone, 0);  // b leans on a where a point is missing
  EXPECT_LT(found->parameters[1].alone, found->parameters[1].chance);
  EXPECT_NEAR(*found->parameters[1].total, 0, kNear);
}

// The diagonal alone: no two points differ in one parameter, so that no total can be told, and each
// parameter explains everything.
TEST(ImportanceTest, NoTotalWithoutNeighbours) {
  const Space space = Grid({5, 5}, [](const Point& p) { return p[0] == p[1]; });
  const Importance found = Of(space, [](const Point& p) { return p[0]; });
  EXPECT_FALSE(found.whole);
  for (const auto& one : found.parameters) {
    EXPECT_NEAR(one.alone, 1, kNear);
    EXPECT_FALSE(one.total.has_value());
    EXPECT_NEAR(one.chance, 1, kNear);
  }
  EXPECT_NEAR(found.pairs[0].share, -1, kNear);
}

TEST(ImportanceTest, RefusesWhatSaysNothing) {
  const Space space = Grid({2, 2});
  EXPECT_THAT(ImportanceOf(space, std::vector<double>(3)).status().message(),
              HasSubstr("3 values for 4 points"));
  const double nan = std::nan("");
  EXPECT_THAT(ImportanceOf(space, std::vector<double>{1, nan, nan, nan}).status().message(),
              HasSubstr("at least two points"));
}

}  // namespace
}  // namespace jitattn::search
