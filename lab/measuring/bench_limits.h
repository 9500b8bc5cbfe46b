// What bounds a problem on this machine: its floating-point operations at the rate of FMA, or its
// bytes at the rate of memory; and how near to the binding one a measured time comes.

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
  double peak = 0;    // the best that was seen: flop/s, or bytes/s

  double seconds() const { return demand / peak; }  // no run can be faster
};

struct Limits {
  std::optional<Limit> fma, traffic;

  // The one that takes longer; null where neither was measured.
  const Limit* binding() const;
  // binding()->seconds() ÷ seconds; 0 where there is none.
  double Fraction(double seconds) const;
};

// The probes of a problem, sampled in turn with it.
class LimitProbes {
 public:
  // `resident_bytes`: what the runs rotate through, from one set of the operands up. Attention is
  // held against FMA of its type, as wide as `isa` has it, and, where it has few operations a byte,
  // against reading its operands too; sigmoid-mul against copying as much.
  LimitProbes(const ops::Problem& problem, int64_t resident_bytes, Isa isa, int threads,
              const Cpu& cpu);

  void Sample();
  Limits limits() const;

 private:
  const double flops_, bytes_;
  std::unique_ptr<runtime::PeakProbe> fma_,
      traffic_;  // null: does not apply, or cannot be probed here
};

// Operations a byte from which no machine that we know reads too slowly for its FMA units: 128
// cores of 118 GFLOP/s over 12 channels of memory have their ridge at 40.
inline constexpr double kAlwaysComputeBound = 64;

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_MEASURING_BENCH_LIMITS_H_
