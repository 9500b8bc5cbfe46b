// Where a search begins.

#include "runtime/seeds.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/estimate.h"
#include "search/strategy.h"

namespace jitattn::runtime {
namespace {

// Seeds by estimate: its order is rough, so that several may hold the best.
constexpr int kEstimateSeeds = 5;
// Seeds in all: two or three a tunable. More would spread a large budget evenly over the space,
// where a strategy would by then know better, and a maximin design costs the square of its size.
constexpr int kMaxSeeds = 40;

std::vector<int> BestByEstimate(const jit::Problem& problem, const jit::Cpu& cpu,
                                const TuningSpace& space, int count) {
  std::vector<std::pair<double, int>> ranked;
  for (int rank = 0; rank < space.space().size(); ++rank) {
    ranked.emplace_back(EstimateCycles(problem, space.ConfigAt(rank), cpu), rank);
  }
  const auto end = ranked.begin() + std::min<ptrdiff_t>(count, std::ssize(ranked));
  std::partial_sort(ranked.begin(), end, ranked.end());
  std::vector<int> ranks;
  for (auto it = ranked.begin(); it != end; ++it) ranks.push_back(it->second);
  return ranks;
}

}  // namespace

std::vector<int> SeedRanks(const jit::Problem& problem, const jit::Cpu& cpu,
                           const TuningSpace& space, const jit::Config& default_config,
                           const std::optional<jit::Config>& record, int budget, uint64_t seed) {
  std::vector<int> seeds;
  auto add = [&seeds](int rank) {
    if (std::find(seeds.begin(), seeds.end(), rank) == seeds.end()) seeds.push_back(rank);
  };
  add(space.RankOf(default_config));
  if (record) add(space.RankOf(*record));
  for (const int rank : BestByEstimate(problem, cpu, space, kEstimateSeeds)) add(rank);
  const size_t most = static_cast<size_t>(std::clamp(budget / 3, 1, kMaxSeeds));
  if (seeds.size() > most) seeds.resize(most);
  return search::WithLatinHypercube(space.space(), std::move(seeds), static_cast<int>(most), seed);
}

}  // namespace jitattn::runtime
