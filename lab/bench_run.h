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

// The rows of one case: a row for each configuration and thread count, all measured in turn on the
// same operands. The flags say what else holds.
absl::StatusOr<std::vector<BenchRow>> MeasureCase(const BenchCase& one, const BenchFlags& flags,
                                                  const Floors& floors);

// Speedups of rows over that of the same configuration with one thread, where there is one.
void FillSpeedups(std::vector<BenchRow>* rows);

// Cliffs of rows that have neighbours, where those are among the rows too, of the same
// configuration, instructions and threads.
void FillCliffs(std::vector<BenchRow>* rows);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_RUN_H_
