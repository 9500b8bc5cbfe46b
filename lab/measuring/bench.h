// One problem, solved by several plans that take turns with probes of the machine's limits: what
// `jitattn bench` prints a row of.

#ifndef JITATTN_LAB_MEASURING_BENCH_H_
#define JITATTN_LAB_MEASURING_BENCH_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "cache/record.h"
#include "lab/measuring/bench_limits.h"
#include "lab/measuring/bench_timing.h"
#include "ops/problem.h"
#include "runtime/operands.h"
#include "runtime/plan.h"
#include "runtime/statistics.h"

namespace jitattn::lab {

struct BenchEntrant {
  std::shared_ptr<const runtime::Plan> plan;
  // What it was given: a plan may use fewer threads. All entrants have the same buffers and layout.
  ops::Conditions conditions;
};

struct BenchOptions {
  TurnOptions turns;
  uint64_t seed = 1;          // of the operands
  bool kernel_alone = false;  // time the kernel calls of a run by themselves too
};

struct BenchResult {
  runtime::Statistics seconds;  // of one run
  double first_quartile = 0;    // of the same
  std::vector<double> samples;  // as they came
  Limits limits;                // best of this problem's rounds
  double clock_hz = 0;          // likewise; measured for sigmoid-mul only
  double kernel_seconds = 0;    // of one run's kernel calls alone, the least; 0: not measured
  double max_error = 0;         // against the reference
  std::string wrong;            // why its result is wrong; then nothing was timed

  // How far the low quarter of the samples reaches above the fastest, relative to it: noise only
  // adds time, so this is what a minimum might have missed.
  double spread() const;
  double fraction() const { return limits.Fraction(seconds.min); }
};

// The figures of one entrant.
BenchResult Figures(std::span<const double> samples, const Limits& limits);

// Core cycles that one thread spends on 64 bytes of input (one 512-bit vector): 16 floats.
double CyclesAVector(const ops::Problem& problem, const BenchResult& result, int threads);

// Results in the order of the entrants. Each is verified first; a wrong one is not timed.
// ResourceExhausted: the operands do not fit the memory that is left. REQUIRES: there are
// entrants, with plans of the problem.
absl::StatusOr<std::vector<BenchResult>> Bench(const ops::Problem& problem,
                                               std::span<const BenchEntrant> entrants,
                                               const Cpu& cpu, const BenchOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_H_
