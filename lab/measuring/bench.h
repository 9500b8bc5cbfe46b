// Measures one problem with several plans, which take turns with probes of the machine's limits.
// `jitattn bench` prints each result as a row.

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
  // The conditions asked for; the plan may use fewer threads. REQUIRES: all entrants have the same
  // buffers and layout.
  ops::Conditions conditions;
};

struct BenchOptions {
  TurnOptions turns;
  uint64_t seed = 1;          // of the operands
  bool kernel_alone = false;  // also time a run's kernel calls without the plan around them
};

struct BenchResult {
  runtime::Statistics seconds;  // of one run
  double first_quartile = 0;    // of `samples`
  std::vector<double> samples;  // seconds of one run, in the order of measurement
  Limits limits;                // highest rates seen in this problem's rounds
  double clock_hz = 0;          // highest core clock seen; 0: not measured
  double kernel_seconds = 0;    // minimum of one run's kernel calls alone; 0: not measured
  double max_error = 0;         // against the reference
  std::string wrong;            // why the result is wrong; empty if it is right

  // First quartile ÷ minimum − 1. Noise only adds time, so this bounds how far the minimum may lie
  // above the true time.
  double spread() const;
  double fraction() const { return limits.Fraction(seconds.min); }
};

// The figures of one entrant.
BenchResult Figures(std::span<const double> samples, const Limits& limits);

// Core cycles that one thread spends on 64 bytes of input: one 512-bit vector, or 16 floats.
double CyclesAVector(const ops::Problem& problem, const BenchResult& result, int threads);

// Returns results in the order of the entrants. Each entrant is verified first, and a wrong one is
// not timed. ResourceExhausted: the operands do not fit in the available memory. REQUIRES: at least
// one entrant; every plan is of `problem`.
absl::StatusOr<std::vector<BenchResult>> Bench(const ops::Problem& problem,
                                               std::span<const BenchEntrant> entrants,
                                               const Cpu& cpu, const BenchOptions& options);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_H_
