// The CPU this process runs on, as far as kernels and their tuning care.

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

  Isa isa = Isa::kPortable;  // the best we may use: detected, then capped by JITATTN_MAX_ISA
  Isa detected_isa = Isa::kPortable;  // before the cap; OS support (XCR0) included
  // What kernels may use beside the base of `isa`; all false where the cap forbids them.
  bool f16c = false, avx512_bf16 = false, avx512_vnni = false, avx512_fp16 = false;
  bool hybrid = false;  // CPUID says that cores of several kinds are present

  int64_t l1d_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 32 << 20;  // one instance of each
  int line_bytes = 64;

  int logical_cpus = 1;    // this process may run on: affinity mask ∩ cgroup quota (rounded up)
  int physical_cores = 1;  // distinct cores among them; the default thread budget

  // Multiply-adds of vectors as wide as `isa`'s that begin in a cycle; Zen 4 at 512 bits counts 1.
  // CPUID does not report it: for 512 bits two are assumed on Intel's servers, else one.
  int fma_units = 2;
};

// Detects afresh; reads JITATTN_MAX_ISA ("none", "avx2", "avx512"; another word is
// ignored, and reported once through the log).
Cpu DetectCpu();

// DetectCpu() once a process.
const Cpu& HostCpu();

// `cpu` with every feature above `cap` removed: what --isa and tests use.
Cpu Capped(Cpu cpu, Isa cap);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_CPU_H_
