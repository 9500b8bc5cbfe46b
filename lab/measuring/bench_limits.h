// The limits of a problem on this machine: its floating-point operations at the FMA rate, or its
// bytes at the memory rate; and how close a measured time comes to the binding limit.

#ifndef JITATTN_LAB_MEASURING_BENCH_LIMITS_H_
#define JITATTN_LAB_MEASURING_BENCH_LIMITS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/cpu.h"
#include "ops/problem.h"
#include "runtime/peak.h"

namespace jitattn::lab {

struct Limit {
  std::string what;   // "f32 FMA, 512-bit, 2 threads"
  double demand = 0;  // of one run: flops, or bytes
  double peak = 0;    // highest rate seen: flop/s, or bytes/s

  double seconds() const { return demand / peak; }  // lower bound of a run's time
};

struct Limits {
  std::optional<Limit> fma, traffic;

  // The limit that takes longer; null if neither was measured.
  const Limit* binding() const;
  // binding()->seconds() ÷ seconds; 0 if there is no binding limit.
  double Fraction(double seconds) const;
};

// Probes of a problem's limits, to be sampled in turn with the problem.
class LimitProbes {
 public:
  // `resident_bytes`: total size of the operand sets that the runs rotate through, one set or more.
  // Attention is compared with FMA of its type at the vector width of `isa` and, if its operations
  // per byte are below kAlwaysComputeBound, also with reading its operands. Sigmoid-mul is compared
  // with copying the same number of bytes.
  LimitProbes(const ops::Problem& problem, int64_t resident_bytes, Isa isa, int threads,
              const Cpu& cpu);

  void Sample();
  Limits limits() const;

 private:
  const double flops_, bytes_;
  std::unique_ptr<runtime::PeakProbe> fma_,
      traffic_;  // null: does not apply, or cannot be probed here
};

// Operations per byte from which a problem is compute bound on every machine we know: 128 cores of
// 118 GFLOP/s over 12 memory channels have their ridge at 40.
inline constexpr double kAlwaysComputeBound = 64;

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_LIMITS_H_
