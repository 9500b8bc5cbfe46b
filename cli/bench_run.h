// Measuring the cases of `jitattn bench` one after the other.

#ifndef JITATTN_CLI_BENCH_RUN_H_
#define JITATTN_CLI_BENCH_RUN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/bench_flags.h"
#include "cli/bench_floors.h"
#include "cli/bench_row.h"

namespace jitattn::cli {

// The rows of one case: a row for each configuration and thread count, all measured in turn on the
// same operands. `machine` says what else holds; its isa and threads are those of the case.
absl::StatusOr<std::vector<BenchRow>> MeasureCase(const BenchCase& one,
                                                  const std::vector<std::string>& configs,
                                                  const MachineFlags& machine,
                                                  const runtime::BenchOptions& options,
                                                  const Floors& floors);

// Speedups of rows over that of the same configuration with one thread, where there is one.
void FillSpeedups(std::vector<BenchRow>* rows);

// Cliffs of rows that have neighbours, where those are among the rows too, of the same
// configuration, instructions and threads.
void FillCliffs(std::vector<BenchRow>* rows);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_BENCH_RUN_H_
