// The named lists of problems of `jitattn bench --preset`.

#ifndef JITATTN_LAB_BENCH_PRESETS_H_
#define JITATTN_LAB_BENCH_PRESETS_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/cpu.h"
#include "lab/bench_row.h"
#include "ops/problem.h"

namespace jitattn::lab {

// One problem. Its thread counts are measured in turn on the same operands.
struct BenchCase {
  ops::Problem problem;
  Isa isa = Isa::kAvx512;
  std::vector<int> threads = {1};
  std::vector<ops::Problem> beside;  // neighbours of an odd size, which are also cases
  int line = -1, cell = 0;           // place in the preset's table; -1: none
  bool kernel_alone = false;         // also time the kernel calls alone
};

// A line of a preset's final table. A cell shows the worst figure of its cases.
struct BenchLine {
  std::string title;  // "f32, D 64, S 128 / 512 / ≥ 1024"
  Metric metric = Metric::kFraction;
  int cells = 0;
};

struct BenchPreset {
  std::vector<BenchCase> cases;
  std::vector<BenchLine> lines;
};

// Returns the preset's problems. Problems are left out if this build lacks their type, `cpu` lacks
// their instruction set or they use more than `threads` threads; their lines stay, with empty
// cells. Presets also have problems of no line, except "all", which has the lines of all presets
// and no other problem. REQUIRES: `name` is one of cli::PresetNames().
BenchPreset MakePreset(std::string_view name, const Cpu& cpu, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_BENCH_PRESETS_H_
