// The measured scores of the strategies.

#include "search/strategies/standing.h"

#include <utility>

namespace jitattn::search {
namespace {

// Measured by `jitattn replay FILES --strategies all --budgets 100 --repeats 200`, where FILES is
// the list "For judging" in tests/data/spaces/README.md. A test repeats the measurement and
// compares.
constexpr std::pair<std::string_view, double> kScores[] = {
    {"bayes", 0.63},          {"bandit", 0.60},
    {"thompson", 0.53},       {"annealing", 0.46},
    {"genetic", 0.39},        {"hyperband", 0.35},
    {"local-search", 0.35},   {"differential-evolution", 0.35},
    {"cma-es", 0.34},         {"random", -0.04},
    {"genetic-study", -0.61}, {"exhaustive", -0.70},
};

}  // namespace

std::optional<double> RecordedScore(std::string_view strategy) {
  for (const auto& [name, score] : kScores) {
    if (name == strategy) return score;
  }
  return std::nullopt;
}

bool IsBelowRandom(std::string_view strategy) {
  return strategy != "random" && RecordedScore(strategy).value_or(0) < 0;
}

}  // namespace jitattn::search
