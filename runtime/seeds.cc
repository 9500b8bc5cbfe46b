// The first points of a search.

#include "runtime/seeds.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ops/operation.h"
#include "search/strategy.h"

namespace jitattn::runtime {
namespace {

// Seeds by estimate. Its order is rough, so several are needed.
constexpr int kEstimateSeeds = 5;
// The most seeds: two or three per tunable. More would spread a large budget evenly over the space
// when a strategy already knows better, and the cost of a maximin design grows with the square of
// its size.
constexpr int kMaxSeeds = 40;

std::vector<int> BestByEstimate(const ops::Problem& problem, const Cpu& cpu,
                                const TuningSpace& space, int count) {
  std::vector<std::pair<double, int>> ranked;
  for (int rank = 0; rank < space.space().size(); ++rank) {
    ranked.emplace_back(ops::EstimateCycles(problem, space.ConfigAt(rank), cpu), rank);
  }
  const auto end = ranked.begin() + std::min<ptrdiff_t>(count, std::ssize(ranked));
  std::partial_sort(ranked.begin(), end, ranked.end());
  std::vector<int> ranks;
  for (auto it = ranked.begin(); it != end; ++it) ranks.push_back(it->second);
  return ranks;
}

}  // namespace

std::string_view Name(Origin origin) {
  constexpr std::string_view kNames[] = {"default", "record", "estimate", "latin",
                                         "search",  "settle", "given"};
  return kNames[static_cast<size_t>(origin)];
}

std::vector<int> RanksOf(const std::vector<Seed>& seeds) {
  std::vector<int> ranks;
  for (const Seed& seed : seeds) ranks.push_back(seed.rank);
  return ranks;
}

std::vector<Seed> Seeds(const ops::Problem& problem, const Cpu& cpu, const TuningSpace& space,
                        const ops::Config& default_config, const std::optional<ops::Config>& record,
                        int budget, uint64_t seed) {
  std::vector<Seed> seeds;
  auto add = [&seeds](int rank, Origin origin) {
    const bool known = std::any_of(seeds.begin(), seeds.end(),
                                   [rank](const Seed& other) { return other.rank == rank; });
    if (!known) seeds.push_back({rank, origin});
  };
  add(space.RankOf(default_config), Origin::kDefault);
  if (record) add(space.RankOf(*record), Origin::kRecord);
  for (const int rank : BestByEstimate(problem, cpu, space, kEstimateSeeds)) {
    add(rank, Origin::kEstimate);
  }
  const size_t most = static_cast<size_t>(std::clamp(budget / 3, 1, kMaxSeeds));
  if (seeds.size() > most) seeds.resize(most);
  for (const int rank :
       search::WithLatinHypercube(space.space(), RanksOf(seeds), static_cast<int>(most), seed)) {
    add(rank, Origin::kLatin);
  }
  return seeds;
}

}  // namespace jitattn::runtime
