// The limits of this machine, measured now.

#ifndef JITATTN_RUNTIME_PEAK_H_
#define JITATTN_RUNTIME_PEAK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/problem.h"

namespace jitattn::runtime {

// Probes of one kind; each Sample() runs them briefly, so that it can be interleaved with what is
// compared to it, and keeps the best seen so far.
class PeakProbe {
 public:
  virtual ~PeakProbe() = default;
  virtual void Sample() = 0;
  virtual double best() const = 0;           // flop/s or bytes/s over all threads
  virtual std::string describe() const = 0;  // "f32 FMA, 512-bit, 2 threads"
};

// Chains of FMA of the type, as wide as `isa` has them. bf16: of vdpbf16ps where `cpu` has it; else
// 16-bit types are computed with as f32, and its FMA is their limit.
absl::StatusOr<std::unique_ptr<PeakProbe>> MakeFmaProbe(DType dtype, Isa isa, int threads,
                                                        const Cpu& cpu);

// Reading `bytes`, or copying them (counting read + write) by ordinary or non-temporal stores,
// whichever is faster, by several access patterns.
enum class Traffic { kRead, kCopy };
absl::StatusOr<std::unique_ptr<PeakProbe>> MakeBandwidthProbe(Traffic traffic, int64_t bytes,
                                                              Isa isa, int threads, const Cpu& cpu);

// Core clock in Hz from a chain of dependent additions (one a cycle).
double MeasureClockHz();

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PEAK_H_
