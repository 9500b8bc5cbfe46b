// The first points of a search.

#ifndef JITATTN_RUNTIME_SEEDS_H_
#define JITATTN_RUNTIME_SEEDS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/tuning_space.h"

namespace jitattn::runtime {

// The reason why a candidate is measured.
enum class Origin { kDefault, kRecord, kEstimate, kLatin, kSearch, kSettle, kGiven };
std::string_view Name(Origin origin);  // "default", "record", …

struct Seed {
  int rank = -1;
  Origin origin = Origin::kDefault;
};

// Returns the seeds, best guess first: the default, the record's configuration (an exact or a near
// one), the best few by EstimateCycles, and a Latin hypercube for the rest. At most a third of the
// budget.
std::vector<Seed> Seeds(const ops::Problem& problem, const Cpu& cpu, const TuningSpace& space,
                        const ops::Config& default_config, const std::optional<ops::Config>& record,
                        int budget, uint64_t seed);
std::vector<int> RanksOf(const std::vector<Seed>& seeds);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_SEEDS_H_
