// The problems that `jitattn bench` and `jitattn roofline` measure: the usual problem flags, where
// each size may be a list, or a preset.

#ifndef JITATTN_LAB_BENCH_FLAGS_H_
#define JITATTN_LAB_BENCH_FLAGS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/problem_flags.h"
#include "lab/bench_presets.h"
#include "lab/measuring/bench.h"

namespace CLI {
class App;
}

namespace jitattn::lab {

struct BenchFlags {
  cli::ProblemFlags problem;  // flags that are not lists: --op, --dim, --causal
  cli::MachineFlags machine;
  std::map<std::string, std::vector<int64_t>> sizes;  // "--seq" → its values
  std::vector<std::string> dtypes;
  std::vector<int> threads;
  std::string preset;
  std::string layout = "heads";
  std::vector<std::string> configs;  // empty: {"tuned"}
  bool fixed_bits = false;           // one more configuration
  TurnOptions turns;
  uint64_t seed = 1;

  void AddTo(CLI::App* command);

  // Returns every combination of the lists, or the preset's cases. InvalidArgument names the flags
  // and the rule that they break.
  absl::StatusOr<BenchPreset> Cases() const;
  std::vector<std::string> Configs() const;
  ops::Layout Layout() const;
  // Returns whether a flag or a preset names a problem.
  bool AsksForProblems() const;

 private:
  std::string GivenProblemFlag() const;  // a problem flag that was given; empty if none was
  absl::StatusOr<BenchPreset> PresetCases(const cli::Machine& here) const;
};

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_FLAGS_H_
