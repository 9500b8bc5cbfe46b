// Short emitted loops, each bound by one limit of the machine: multiply-adds or memory traffic.

#ifndef JITATTN_JIT_PROBE_H_
#define JITATTN_JIT_PROBE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "base/dtype.h"
#include "jit/executable_memory.h"

namespace jitattn::jit {

struct ProbeSpec {
  enum class Kind { kFma, kRead, kCopy, kCopyNonTemporal } kind = Kind::kFma;
  Isa isa = Isa::kAvx512;     // vector width; kAvx2 or kAvx512
  DType dtype = DType::kF32;  // kFma only; kBF16: vdpbf16ps, two multiply-adds per lane
  int chains = 8;             // kFma: independent accumulators; others: interleaved input streams
};

// Emitted code reads the fields by offsetof.
struct ProbeArgs {
  const char* src;       // `chains` consecutive streams of stream_bytes each
  char* dst;             // kCopyNonTemporal: 64-byte aligned
  int64_t stream_bytes;  // a multiple of kProbeStepBytes
  int64_t repeats;       // > 0, of all streams
};
inline constexpr int64_t kProbeStepBytes = 256;
inline constexpr int kMaxProbeStreams = 4;

class Probe {
 public:
  void Run(const ProbeArgs& args) const { entry_(&args); }
  // Floating-point operations of one repeat; 0 except for kFma.
  double flops_per_repeat() const { return flops_per_repeat_; }

 private:
  friend absl::StatusOr<std::unique_ptr<const Probe>> EmitProbe(const ProbeSpec&, const Cpu&);
  Probe(ExecutableMemory memory, double flops_per_repeat);

  const ExecutableMemory memory_;
  void (*const entry_)(const ProbeArgs*);
  const double flops_per_repeat_;
};

// InvalidArgument: more chains than registers, an ISA above cpu.isa, or kBF16 without AVX-512 BF16.
// Unavailable: no executable memory.
absl::StatusOr<std::unique_ptr<const Probe>> EmitProbe(const ProbeSpec& spec, const Cpu& cpu);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PROBE_H_
