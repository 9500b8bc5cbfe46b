// Names and features.

#include "tests/emulate/cpus.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace jitattn::emulate {
namespace {

// Nothing of Bochs 2.7 has AVX-512 BF16 or FP16; qemu-user 7.2 has no AVX-512.
constexpr EmulatedCpu kCpus[] = {
    {"nehalem", "", "Nehalem", Isa::kPortable, false},
    {"haswell", "corei7_haswell_4770", "Haswell", Isa::kAvx2, false},
    {"skylake-x", "corei7_skylake_x", "", Isa::kAvx512, false},
    {"icelake", "corei7_icelake_u", "", Isa::kAvx512, true},
    {"tigerlake", "tigerlake", "", Isa::kAvx512, true},
};

}  // namespace

std::span<const EmulatedCpu> EmulatedCpus() { return kCpus; }

const EmulatedCpu* FindCpu(std::string_view name) {
  const auto* found = std::find_if(std::begin(kCpus), std::end(kCpus),
                                   [&](const EmulatedCpu& cpu) { return cpu.name == name; });
  return found == std::end(kCpus) ? nullptr : found;
}

Cpu Described(const EmulatedCpu& cpu) {
  Cpu described = {.vendor = "GenuineIntel", .isa = cpu.isa, .detected_isa = cpu.isa};
  described.f16c = cpu.isa >= Isa::kAvx2;
  described.avx512_vnni = cpu.avx512_vnni;
  return described;
}

std::string CheckCpu(const Cpu& described, const CpuAnswer& answer) {
  const std::pair<std::string_view, std::pair<bool, bool>> features[] = {
      {"avx2", {described.isa >= Isa::kAvx2, answer.avx2}},
      {"avx512", {described.isa >= Isa::kAvx512, answer.avx512}},
      {"f16c", {described.f16c, answer.f16c}},
      {"avx512_vnni", {described.avx512_vnni, answer.avx512_vnni}},
      {"avx512_bf16", {described.avx512_bf16, answer.avx512_bf16}},
      {"avx512_fp16", {described.avx512_fp16, answer.avx512_fp16}},
  };
  for (const auto& [name, has] : features) {
    if (has.first == has.second) continue;
    return absl::StrCat(std::string(name),
                        has.second ? " is there and not described" : " is described and missing");
  }
  if (answer.xcr0 != Xcr0(described.isa)) {
    return absl::StrCat("XCR0 is 0x", absl::Hex(answer.xcr0), ", not 0x",
                        absl::Hex(Xcr0(described.isa)));
  }
  return "";
}

// x87, SSE, AVX; opmasks and the rest of the vectors.
uint64_t Xcr0(Isa isa) { return isa == Isa::kAvx512 ? 0xE7 : 0x07; }

}  // namespace jitattn::emulate
