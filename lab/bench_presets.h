// Lists of problems that `jitattn bench --preset` knows by name.

#ifndef JITATTN_LAB_BENCH_PRESETS_H_
#define JITATTN_LAB_BENCH_PRESETS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "lab/bench_row.h"
#include "ops/problem.h"

namespace jitattn::lab {

// One problem; those with several thread counts are measured in turn on the same operands.
struct BenchCase {
  ops::Problem problem;
  Isa isa = Isa::kAvx512;
  std::vector<int> threads = {1};
  std::vector<ops::Problem> beside;  // of an odd size: its neighbours, cases of their own
  int line = -1, cell = 0;           // place in the preset's table; -1: none
  bool kernel_alone = false;         // the kernel calls are timed by themselves too
};

// A line of the table that a preset ends with: each cell is the worst figure of its cases.
struct BenchLine {
  std::string title;  // "f32, D 64, S 128 / 512 / ≥ 1024"
  Metric metric = Metric::kFraction;
  int cells = 0;
};

struct BenchPreset {
  std::vector<BenchCase> cases;
  std::vector<BenchLine> lines;
};

// Problems of types that this build does not know, instruction sets that `cpu` has not and more
// threads than `threads` are left out; their lines stay, empty. All presets but "all" have more
// problems than their lines; "all" has every line and nothing else. REQUIRES: a name of
// cli::PresetNames().
BenchPreset MakePreset(std::string_view name, const Cpu& cpu, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_PRESETS_H_
