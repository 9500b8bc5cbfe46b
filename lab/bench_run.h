// Measuring the cases of `jitattn bench` one after the other.

#ifndef JITATTN_LAB_BENCH_RUN_H_
#define JITATTN_LAB_BENCH_RUN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/bench_flags.h"
#include "lab/bench_floors.h"
#include "lab/bench_row.h"

namespace jitattn::lab {

// Measures one case. Returns a row for each configuration and thread count, all measured in turn on
// the same operands. `flags` has the configurations, the buffers and the time limits.
absl::StatusOr<std::vector<BenchRow>> MeasureCase(const BenchCase& one, const BenchFlags& flags,
                                                  const Floors& floors);

// Fills in the speedup of each row over the row of the same configuration with one thread, if there
// is one.
void FillSpeedups(std::vector<BenchRow>* rows);

// Fills in the cliff of each row whose neighbours are among the rows, with the same configuration,
// instruction set and threads.
void FillCliffs(std::vector<BenchRow>* rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_RUN_H_
