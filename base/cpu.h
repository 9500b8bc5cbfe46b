// The properties of this process's CPU that matter to kernels and their tuning.

#ifndef JITATTN_BASE_CPU_H_
#define JITATTN_BASE_CPU_H_

#include <cstdint>
#include <string>

#include "base/isa.h"

namespace jitattn::inline base {

struct Cpu {
  std::string vendor;  // CPUID leaf 0: "GenuineIntel", "AuthenticAMD", …; "unknown" off x86
  std::string brand;   // CPUID leaves 0x80000002–4, trimmed
  int family = 0, model = 0, stepping = 0;

  Isa isa = Isa::kPortable;           // best usable ISA: detected, capped by JITATTN_MAX_ISA
  Isa detected_isa = Isa::kPortable;  // before the cap; OS support (XCR0) included
  // Features besides the base of `isa`; all false if the cap forbids them.
  bool f16c = false, avx512_bf16 = false, avx512_vnni = false, avx512_fp16 = false;
  bool hybrid = false;  // CPUID reports cores of several kinds

  int64_t l1d_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 32 << 20;  // per instance
  int line_bytes = 64;

  int logical_cpus = 1;    // usable: minimum of affinity mask and cgroup quota (rounded up)
  int physical_cores = 1;  // distinct cores of these; the default thread budget

  // Multiply-adds of `isa`-wide vectors that can start per cycle; Zen 4 counts as 1 at 512 bits.
  // CPUID does not report the number: for 512 bits, Intel's servers are assumed to have two, others
  // one.
  int fma_units = 2;
};

// Detects the CPU and reads JITATTN_MAX_ISA ("none", "avx2", "avx512"). Any other word is ignored,
// with one warning in the log.
Cpu DetectCpu();

// The result of DetectCpu(), computed once per process.
const Cpu& HostCpu();

// `cpu` without the features above `cap`; for --isa and tests.
Cpu Capped(Cpu cpu, Isa cap);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_CPU_H_
