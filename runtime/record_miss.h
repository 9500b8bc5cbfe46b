// Problems without an exact record, for a later tuning.

#ifndef JITATTN_RUNTIME_RECORD_MISS_H_
#define JITATTN_RUNTIME_RECORD_MISS_H_

#include <string>

#include "base/cpu.h"
#include "ops/conditions.h"
#include "ops/problem.h"

namespace jitattn::runtime {

// Appends the problem to a file that `jitattn tune --from` reads (cache/misses.h). Does nothing if
// it cannot be tuned here. A failure is logged as a warning, once in a process.
void RecordMiss(const std::string& path, const ops::Problem& problem, const Cpu& cpu,
                const ops::Conditions& conditions) noexcept;

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_RECORD_MISS_H_
