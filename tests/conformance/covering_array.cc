// The greedy algorithm.

#include "tests/conformance/covering_array.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <random>

namespace jitattn {
namespace {

constexpr int kUnset = -1;
constexpr int kCandidates = 8;   // combinations of which the best is taken
constexpr int kPatience = 2000;  // tries to complete a pair to a combination that is allowed

// Which pairs of choices have not occurred yet.
class Pairs {
 public:
  explicit Pairs(const CoveringOptions& options) : levels_(options.levels) {
    first_.resize(levels_.size());
    for (size_t factor = 1; factor < levels_.size(); ++factor) {
      first_[factor] = first_[factor - 1] + levels_[factor - 1];
    }
    count_ = first_.back() + levels_.back();
    missing_.assign(static_cast<size_t>(count_) * count_, 0);
    const int factors = static_cast<int>(levels_.size());
    for (int a = 0; a < factors; ++a) {
      for (int b = a + 1; b < factors; ++b) {
        for (int x = 0; x < levels_[a]; ++x) {
          for (int y = 0; y < levels_[b]; ++y) {
            if (!options.excluded(a, x, b, y)) At(a, x, b, y) = 1, all_.push_back({a, x, b, y});
          }
        }
      }
    }
  }

  struct Pair {
    int a, x, b, y;
  };
  const std::vector<Pair>& all() const { return all_; }
  bool IsMissing(const Pair& p) const { return missing_[Index(p.a, p.x, p.b, p.y)] != 0; }

  // Missing pairs of a choice of `factor` with what is set.
  int Gain(const Combination& combination, int factor, int choice) const {
    int gain = 0;
    for (int other = 0; other < static_cast<int>(combination.size()); ++other) {
      if (other == factor || combination[other] == kUnset) continue;
      gain += other < factor ? missing_[Index(other, combination[other], factor, choice)]
                             : missing_[Index(factor, choice, other, combination[other])];
    }
    return gain;
  }
  int Gain(const Combination& combination) const {
    int twice = 0;
    for (int factor = 0; factor < static_cast<int>(combination.size()); ++factor) {
      twice += Gain(combination, factor, combination[factor]);
    }
    return twice / 2;
  }

  void Cover(const Combination& combination) {
    for (int a = 0; a < static_cast<int>(combination.size()); ++a) {
      for (int b = a + 1; b < static_cast<int>(combination.size()); ++b) {
        At(a, combination[a], b, combination[b]) = 0;
      }
    }
  }

 private:
  size_t Index(int a, int x, int b, int y) const {
    return static_cast<size_t>(first_[a] + x) * count_ + first_[b] + y;
  }
  char& At(int a, int x, int b, int y) { return missing_[Index(a, x, b, y)]; }

  const std::vector<int> levels_;
  std::vector<int> first_;  // the first choice of each factor among all choices
  int count_ = 0;
  std::vector<char> missing_;
  std::vector<Pair> all_;
};

// The choice that covers most, or any: one of the best of a few, since the best cannot always be
// completed.
void Complete(const CoveringOptions& options, const Pairs& pairs, bool greedily,
              std::mt19937_64& random, Combination* combination) {
  std::vector<int> order(options.levels.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (const int factor : order) {
    if ((*combination)[factor] != kUnset) continue;
    const int levels = options.levels[factor];
    int best = static_cast<int>(random() % levels);
    int gain = greedily ? pairs.Gain(*combination, factor, best) : 0;
    for (int choice = 0; greedily && choice < levels; ++choice) {
      const int other = pairs.Gain(*combination, factor, choice);
      if (other > gain) best = choice, gain = other;
    }
    (*combination)[factor] = best;
  }
}

// The best of a few combinations that have the pair. Empty: none was found.
Combination Best(const CoveringOptions& options, const Pairs& pairs, const Pairs::Pair& pair,
                 std::mt19937_64& random) {
  Combination best;
  int most = -1, found = 0;
  for (int tried = 0; tried < kPatience && found < kCandidates; ++tried) {
    Combination next(options.levels.size(), kUnset);
    next[pair.a] = pair.x, next[pair.b] = pair.y;
    Complete(options, pairs, tried < 4 * kCandidates, random, &next);
    if (!options.allowed(next)) continue;
    ++found;
    const int gain = pairs.Gain(next);
    if (gain > most) best = std::move(next), most = gain;
  }
  return best;
}

}  // namespace

std::vector<Combination> CoveringArray(const CoveringOptions& options) {
  Pairs pairs(options);
  std::mt19937_64 random(options.seed);
  std::vector<Pairs::Pair> order = pairs.all();
  std::shuffle(order.begin(), order.end(), random);
  std::vector<Combination> combinations;
  for (const Pairs::Pair& pair : order) {
    if (!pairs.IsMissing(pair)) continue;
    Combination best = Best(options, pairs, pair, random);
    if (best.empty()) continue;  // MissingPairs() counts it
    pairs.Cover(best);
    combinations.push_back(std::move(best));
  }
  return combinations;
}

int MissingPairs(const CoveringOptions& options, const std::vector<Combination>& combinations) {
  Pairs pairs(options);
  for (const Combination& combination : combinations) pairs.Cover(combination);
  return static_cast<int>(
      std::count_if(pairs.all().begin(), pairs.all().end(),
                    [&](const Pairs::Pair& pair) { return pairs.IsMissing(pair); }));
}

}  // namespace jitattn
