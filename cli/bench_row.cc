// Figures of one row of `jitattn bench`.

#include "cli/bench_row.h"

namespace jitattn::cli {

std::string_view Name(Metric metric) {
  switch (metric) {
    case Metric::kFraction:
      return "fraction";
    case Metric::kSpeedup:
      return "speedup";
    case Metric::kCycles:
      return "cycles";
  }
  return "";
}

bool BenchRow::memory_bound() const {
  const runtime::Limit* binding = result.limits.binding();
  if (binding == nullptr) return jit::OpOf(problem()) == jit::Op::kSigmoidMul;
  return result.limits.traffic && binding == &*result.limits.traffic;
}

double BenchRow::gflops() const { return jit::Flops(problem()) / result.seconds.min * 1e-9; }

double BenchRow::gbytes_per_s() const { return jit::Bytes(problem()) / result.seconds.min * 1e-9; }

double BenchRow::peak() const {
  const runtime::Limit* binding = result.limits.binding();
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
      if (result.clock_hz > 0) return runtime::CyclesAVector(problem(), result, key.threads);
      return std::nullopt;
  }
  return std::nullopt;
}

bool Reaches(Metric metric, double value, double bound) {
  return metric == Metric::kCycles ? value <= bound : value >= bound;
}

}  // namespace jitattn::cli
