// Where a search begins.

#ifndef JITATTN_RUNTIME_SEEDS_H_
#define JITATTN_RUNTIME_SEEDS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"
#include "runtime/tuning_space.h"

namespace jitattn::runtime {

// Ranks, best guess first: the default, the record's (an exact or a near one), the best few by
// EstimateCycles, and a Latin hypercube for the rest. At most a third of the budget.
std::vector<int> SeedRanks(const jit::Problem& problem, const jit::Cpu& cpu,
                           const TuningSpace& space, const jit::Config& default_config,
                           const std::optional<jit::Config>& record, int budget, uint64_t seed);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SEEDS_H_
