// CPUs by description. Emission, choices and validity are checked for these and not for the CPU at
// hand, so that every machine sees the same; only a test that runs a kernel asks for its own CPU.

#ifndef JITATTN_TESTS_JIT_DESCRIBED_CPUS_H_
#define JITATTN_TESTS_JIT_DESCRIBED_CPUS_H_

#include <array>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/cpu.h"
#include "base/dtype.h"

namespace jitattn::jit::testing {

struct DescribedCpu {
  std::string name;  // fit for the name of a test
  Cpu cpu;

  friend void PrintTo(const DescribedCpu& described, std::ostream* os) { *os << described.name; }
};

// Sizes are those of the named parts. The two without a name of their own are what a hypervisor or
// a small core may show.
inline std::vector<DescribedCpu> DescribedCpus() {
  const auto describe = [](std::string vendor, Isa isa, int fma_units,
                           std::array<int64_t, 3> cache_kib) {
    Cpu cpu;
    cpu.vendor = std::move(vendor);
    cpu.isa = cpu.detected_isa = isa;
    cpu.f16c = isa >= Isa::kAvx2;
    cpu.fma_units = fma_units;
    cpu.l1d_bytes = cache_kib[0] << 10;
    cpu.l2_bytes = cache_kib[1] << 10;
    cpu.l3_bytes = cache_kib[2] << 10;
    cpu.logical_cpus = cpu.physical_cores = 4;
    return cpu;
  };
  const std::string intel = "GenuineIntel", amd = "AuthenticAMD";
  Cpu no_f16c = describe(intel, Isa::kAvx2, 1, {16, 128, 128});
  no_f16c.f16c = false;
  Cpu ice_lake = describe(intel, Isa::kAvx512, 1, {48, 512, 6 << 10});
  ice_lake.avx512_vnni = true;
  Cpu zen4 = describe(amd, Isa::kAvx512, 1, {32, 1 << 10, 32 << 10});
  zen4.avx512_vnni = zen4.avx512_bf16 = true;
  Cpu sapphire_rapids = describe(intel, Isa::kAvx512, 2, {48, 2 << 10, 105 << 10});
  sapphire_rapids.avx512_vnni = sapphire_rapids.avx512_bf16 = sapphire_rapids.avx512_fp16 = true;
  return {
      {"nehalem", describe(intel, Isa::kPortable, 1, {32, 256, 8 << 10})},
      {"avx2_without_f16c_small_caches", no_f16c},
      {"haswell", describe(intel, Isa::kAvx2, 2, {32, 256, 8 << 10})},
      {"zen3", describe(amd, Isa::kAvx2, 2, {32, 512, 32 << 10})},
      {"skylake_x", describe(intel, Isa::kAvx512, 2, {32, 1 << 10, 22 << 10})},
      {"ice_lake", ice_lake},
      {"zen4", zen4},
      {"sapphire_rapids", sapphire_rapids},
  };
}

// Those whose code may differ from one another's: emission looks at the instructions only. (That
// the rest changes nothing is a test of attention_code_test.cc.)
inline std::vector<DescribedCpu> CpusOfDifferentCode() {
  std::vector<DescribedCpu> some;
  for (DescribedCpu& described : DescribedCpus()) {
    const bool same = described.name == "nehalem" || described.name == "zen3" ||
                      described.name == "ice_lake" || described.name == "sapphire_rapids";
    if (!same) some.push_back(std::move(described));
  }
  return some;
}

// One that has whatever kernels of `isa` can use.
inline Cpu FullCpu(Isa isa) {
  const char* const name = isa == Isa::kAvx512 ? "sapphire_rapids"
                           : isa == Isa::kAvx2 ? "haswell"
                                               : "nehalem";
  for (DescribedCpu& described : DescribedCpus()) {
    if (described.name == name) return described.cpu;
  }
  return {};
}

// Whether kernels of `dtype` may be emitted for `cpu` at all.
inline bool HasKernels(const Cpu& cpu, DType dtype) {
  return cpu.isa != Isa::kPortable && (dtype != DType::kF16 || cpu.f16c);
}

}  // namespace jitattn::jit::testing

#endif  // JITATTN_TESTS_JIT_DESCRIBED_CPUS_H_
