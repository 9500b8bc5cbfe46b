// Short emitted loops that reach one limit of the machine: multiply-adds, or memory traffic.

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
  Isa isa = Isa::kAvx512;     // gives the width of its vectors; kAvx2 or kAvx512
  DType dtype = DType::kF32;  // of kFma; kBF16: vdpbf16ps, two products and sums a lane
  int chains = 8;             // kFma: independent accumulators; others: streams read side by side
};

// Emitted code reads the fields by offsetof.
struct ProbeArgs {
  const char* src;       // streams follow one another, stream_bytes each
  char* dst;             // for kCopyNonTemporal aligned to 64 bytes
  int64_t stream_bytes;  // a multiple of kProbeStepBytes
  int64_t repeats;       // > 0; of the whole
};
inline constexpr int64_t kProbeStepBytes = 256;
inline constexpr int kMaxProbeStreams = 4;

class Probe {
 public:
  void Run(const ProbeArgs& args) const { entry_(&args); }
  // Floating-point operations of one repeat of kFma; 0 for the others.
  double flops_per_repeat() const { return flops_per_repeat_; }

 private:
  friend absl::StatusOr<std::unique_ptr<const Probe>> EmitProbe(const ProbeSpec&, const Cpu&);
  Probe(ExecutableMemory memory, double flops_per_repeat);

  const ExecutableMemory memory_;
  void (*const entry_)(const ProbeArgs*);
  const double flops_per_repeat_;
};

// InvalidArgument: more chains than there are registers, an ISA that `cpu` has not, or kBF16
// without AVX-512 BF16. Unavailable: no executable memory.
absl::StatusOr<std::unique_ptr<const Probe>> EmitProbe(const ProbeSpec& spec, const Cpu& cpu);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PROBE_H_
