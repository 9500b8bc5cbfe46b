// Figures of one row of `jitattn bench`.

#include "lab/bench_row.h"

#include <algorithm>

namespace jitattn::lab {

std::string_view Name(Metric metric) {
  switch (metric) {
    case Metric::kFraction:
      return "fraction";
    case Metric::kSpeedup:
      return "speedup";
    case Metric::kCycles:
      return "cycles";
    case Metric::kCliff:
      return "cliff";
    case Metric::kOverhead:
      return "overhead";
  }
  return "";
}

std::string BenchRow::name() const {
  return layout() == ops::Layout::kHeads ? key.ToString() : key.ToString() + ".columns";
}

bool BenchRow::memory_bound() const {
  const Limit* binding = result.limits.binding();
  if (binding == nullptr) return problem().operation().rate == ops::Rate::kBytes;
  return result.limits.traffic && binding == &*result.limits.traffic;
}

double BenchRow::gflops() const { return ops::Flops(problem()) / result.seconds.min * 1e-9; }

double BenchRow::gbytes_per_s() const { return ops::Bytes(problem()) / result.seconds.min * 1e-9; }

double BenchRow::peak() const {
  const Limit* binding = result.limits.binding();
  return binding == nullptr ? 0 : binding->peak * 1e-9;
}

std::optional<double> BenchRow::Figure(Metric metric) const {
  switch (metric) {
    case Metric::kFraction:
      if (result.fraction() > 0) return result.fraction();
      return std::nullopt;
    case Metric::kSpeedup:
      return speedup;
    case Metric::kCycles:
      if (result.clock_hz > 0) return CyclesAVector(problem(), result, key.conditions.threads);
      return std::nullopt;
    case Metric::kCliff:
      return cliff;
    case Metric::kOverhead:
      return overhead();
  }
  return std::nullopt;
}

std::optional<double> BenchRow::overhead() const {
  if (result.kernel_seconds <= 0 || result.seconds.min <= 0) return std::nullopt;
  return 1 - result.kernel_seconds / result.seconds.min;
}

bool Reaches(Metric metric, double value, double bound) {
  const bool more = metric == Metric::kFraction || metric == Metric::kSpeedup;
  return more ? value >= bound : value <= bound;
}

}  // namespace jitattn::lab
