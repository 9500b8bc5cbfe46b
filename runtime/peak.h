// Measures the peak arithmetic rate and the peak bandwidth of this machine.

#ifndef JITATTN_RUNTIME_PEAK_H_
#define JITATTN_RUNTIME_PEAK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/problem.h"

namespace jitattn::runtime {

// A family of probes of one kind. Each Sample() runs all of them briefly, so that samples can be
// interleaved with the kernels that are compared to the peak. Keeps the best rate so far.
class PeakProbe {
 public:
  virtual ~PeakProbe() = default;
  virtual void Sample() = 0;
  virtual double best() const = 0;           // flop/s or bytes/s over all threads
  virtual std::string describe() const = 0;  // "f32 FMA, 512-bit, 2 threads"
};

// Chains of FMAs of the type, with vectors as wide as those of `isa`. bf16 is measured with
// vdpbf16ps where `cpu` has it. Otherwise kernels compute 16-bit types in f32, and f32's FMA is
// their limit.
absl::StatusOr<std::unique_ptr<PeakProbe>> MakeFmaProbe(DType dtype, Isa isa, int threads,
                                                        const Cpu& cpu);

// Reads `bytes`, or copies them (read + write counted) with ordinary or non-temporal stores,
// whichever is faster, with several access patterns.
enum class Traffic { kRead, kCopy };
absl::StatusOr<std::unique_ptr<PeakProbe>> MakeBandwidthProbe(Traffic traffic, int64_t bytes,
                                                              Isa isa, int threads, const Cpu& cpu);

// Returns the core clock in Hz, from a chain of dependent additions (one per cycle).
double MeasureClockHz();

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_PEAK_H_
