// One problem, this library and its peers in turn, each at its best number of threads.

#ifndef JITATTN_BENCH_PEERS_CONTEST_H_
#define JITATTN_BENCH_PEERS_CONTEST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/problem_flags.h"
#include "jit/problem.h"
#include "runtime/bench_timing.h"
#include "runtime/statistics.h"

namespace jitattn::bench {

struct Entry {
  std::string name;
  std::string why_not;  // not empty: it has no time
  int threads = 0;      // with which it was fastest
  runtime::Statistics seconds;
  double fraction = 0;         // of what binds with these threads; 0: unknown
  runtime::Ratio ours_faster;  // its time ÷ the time of the first entry, which is ours
};

struct Contest {
  jit::Problem problem;
  std::vector<Entry> entries;
};

// Ours comes once for each of `configs`. Every entrant runs with one thread and with the budget of
// `machine`, all in turn on the same operands, and must agree with the reference.
absl::StatusOr<Contest> Hold(const jit::Problem& problem, const std::vector<std::string>& configs,
                             const cli::MachineFlags& machine, const runtime::TurnOptions& turns,
                             uint64_t seed);

}  // namespace jitattn::bench

#endif  // JITATTN_BENCH_PEERS_CONTEST_H_
