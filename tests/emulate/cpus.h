// The CPUs that can be emulated here, by name.

#ifndef JITATTN_TESTS_EMULATE_CPUS_H_
#define JITATTN_TESTS_EMULATE_CPUS_H_

#include <span>
#include <string>
#include <string_view>

#include "base/cpu.h"
#include "tests/emulate/answers.h"

namespace jitattn::emulate {

struct EmulatedCpu {
  std::string_view name;
  std::string_view bochs;  // its model there; empty: none
  std::string_view qemu;   // its model in qemu-user; empty: none
  Isa isa;
  bool avx512_vnni;
};

std::span<const EmulatedCpu> EmulatedCpus();
const EmulatedCpu* FindCpu(std::string_view name);  // null if there is none

// The CPU that kernels are emitted for.
Cpu Described(const EmulatedCpu& cpu);

// Returns how the machine's CPU differs from the described one; "" if it does not.
std::string CheckCpu(const Cpu& described, const CpuAnswer& answer);

// The XCR0 bits that vectors of this width need.
uint64_t Xcr0(Isa isa);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_CPUS_H_
