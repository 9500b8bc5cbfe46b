// Detection: CPUID and XCR0 report the CPU's features, the operating system the CPUs usable by this
// process.

#include "base/cpu.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/cpu_topology.h"
#include "base/env.h"
#include "base/log.h"
#include "base/made_once.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace jitattn::inline base {
namespace {

bool IsIntel(const Cpu& cpu) { return cpu.vendor == "GenuineIntel"; }
bool IsAmd(const Cpu& cpu) { return cpu.vendor == "AuthenticAMD" || cpu.vendor == "HygonGenuine"; }

// See Cpu::fma_units. REQUIRES: cpu.isa is set.
int FmaUnits(const Cpu& cpu) {
  if (cpu.isa == Isa::kPortable) return 1;
  if (cpu.isa == Isa::kAvx512) {
    // AVX-512 servers by model: Skylake to Cascade Lake, Ice Lake, Sapphire and Emerald Rapids,
    // Granite Rapids. The brand alone is not enough: hypervisors rewrite it.
    constexpr int kServers[] = {0x55, 0x6A, 0x6C, 0x8F, 0xCF, 0xAD, 0xAE};
    const bool server_model = cpu.family == 6 && std::find(std::begin(kServers), std::end(kServers),
                                                           cpu.model) != std::end(kServers);
    const bool server = server_model || cpu.brand.find("Xeon") != cpu.brand.npos;
    return IsIntel(cpu) && server ? 2 : 1;
  }
  // Zen 1 splits 256-bit operations in two; all others have two full units.
  const bool zen1 = IsAmd(cpu) && cpu.family <= 0x17 && cpu.model < 0x30;
  return zen1 ? 1 : 2;
}

#if defined(__x86_64__)

struct CpuidRegs {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// Returns zeros for leaves beyond the CPU's last one, where CPUID would return another leaf's data.
// Under a hypervisor each CPUID traps for some microseconds, so the last leaves are cached.
CpuidRegs Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  constinit static std::atomic<uint32_t> lasts[2] = {0, 0};  // basic, extended; 0: unknown
  std::atomic<uint32_t>& last = lasts[leaf >> 31];
  if (last == 0) last = __get_cpuid_max(leaf & 0x80000000, nullptr);
  CpuidRegs r;
  if (leaf > last) return r;
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
  return r;
}

constexpr bool Bit(uint32_t word, int i) { return (word >> i & 1) != 0; }

uint64_t ReadXcr0() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

void DetectIdentity(Cpu* cpu, uint32_t signature) {
  const CpuidRegs leaf0 = Cpuid(0);
  char vendor[12];
  std::memcpy(vendor, &leaf0.b, 4);
  std::memcpy(vendor + 4, &leaf0.d, 4);
  std::memcpy(vendor + 8, &leaf0.c, 4);
  cpu->vendor.assign(vendor, sizeof vendor);

  const int base_family = signature >> 8 & 15, base_model = signature >> 4 & 15;
  cpu->stepping = signature & 15;
  // The extended fields are valid only for these base families (Intel's and AMD's manuals).
  cpu->family = base_family == 15 ? base_family + (signature >> 20 & 255) : base_family;
  const bool extended_model = base_family == 15 || base_family == 6;
  cpu->model = extended_model ? base_model + (signature >> 12 & 0xF0) : base_model;

  char brand[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const CpuidRegs r = Cpuid(0x80000002 + i);
    std::memcpy(brand + 16 * i, &r, sizeof r);
  }
  const std::string_view text(brand);
  const size_t first = text.find_first_not_of(' ');
  if (first != text.npos) {
    cpu->brand = std::string(text.substr(first, text.find_last_not_of(' ') + 1 - first));
  }
}

void DetectFromCpuid(Cpu* cpu) {
  const CpuidRegs leaf1 = Cpuid(1), leaf7 = Cpuid(7);
  DetectIdentity(cpu, leaf1.a);
  cpu->hybrid = Bit(leaf7.d, 15);
  // The instructions are usable only if the operating system saves the registers: XCR0 bits 1 and 2
  // for xmm and ymm, 5 to 7 for opmasks and zmm. xgetbv itself needs OSXSAVE (leaf 1).
  const uint64_t xcr0 = Bit(leaf1.c, 27) ? ReadXcr0() : 0;
  const bool saves_ymm = (xcr0 & 0x06) == 0x06, saves_zmm = (xcr0 & 0xE6) == 0xE6;

  // AVX, FMA, AVX2, and BMI2 for masks of row ends.
  const bool avx2 = Bit(leaf1.c, 28) && Bit(leaf1.c, 12) && Bit(leaf7.b, 5) && Bit(leaf7.b, 8);
  if (!saves_ymm || !avx2) return;
  cpu->detected_isa = Isa::kAvx2;
  cpu->f16c = Bit(leaf1.c, 29);

  const bool avx512 = Bit(leaf7.b, 16) && Bit(leaf7.b, 17) && Bit(leaf7.b, 30) &&
                      Bit(leaf7.b, 31);  // F, DQ, BW, VL
  if (!saves_zmm || !avx512) return;
  cpu->detected_isa = Isa::kAvx512;
  cpu->avx512_vnni = Bit(leaf7.c, 11);
  cpu->avx512_fp16 = Bit(leaf7.d, 23);
  if (leaf7.a >= 1) cpu->avx512_bf16 = Bit(Cpuid(7, 1).a, 5);
}

// Intel's leaf 4 and, with the topology extensions, AMD's leaf 0x8000001D have the same layout: one
// subleaf per cache, type 0 at the end.
CacheSizes CpuidCacheSizes(const Cpu& cpu) {
  CacheSizes sizes;
  uint32_t leaf = 0;
  if (IsIntel(cpu)) leaf = 4;
  if (IsAmd(cpu) && Bit(Cpuid(0x80000001).c, 22)) leaf = 0x8000001D;
  for (uint32_t i = 0; leaf != 0 && i < 8; ++i) {
    const CpuidRegs r = Cpuid(leaf, i);
    const uint32_t type = r.a & 31, level = r.a >> 5 & 7;  // type 1: data, 2: instructions, 3: both
    if (type == 0) break;
    if (type == 2) continue;
    const int line = static_cast<int>(r.b & 0xFFF) + 1;
    const int64_t partitions = (r.b >> 12 & 0x3FF) + 1, ways = (r.b >> 22) + 1;
    const int64_t bytes = ways * partitions * line * (int64_t{r.c} + 1);
    if (level == 1) {
      sizes.l1d_bytes = bytes;
      sizes.line_bytes = line;
    }
    if (level == 2) sizes.l2_bytes = bytes;
    if (level == 3) sizes.l3_bytes = bytes;
  }
  return sizes;
}

#else

void DetectFromCpuid(Cpu* cpu) { cpu->vendor = "unknown"; }
CacheSizes CpuidCacheSizes(const Cpu&) { return {}; }

#endif

void DetectCaches(Cpu* cpu) {
  CacheSizes sizes = CpuidCacheSizes(*cpu);
  if (sizes.l1d_bytes == 0 || sizes.l2_bytes == 0) sizes = ReadCacheSizes("");
  // Undescribed levels keep the defaults of cpu.h. Exception: a missing L3 takes the L2's size,
  // since many CPUs have no L3.
  if (sizes.l1d_bytes > 0) cpu->l1d_bytes = sizes.l1d_bytes;
  if (sizes.l2_bytes > 0) cpu->l2_bytes = cpu->l3_bytes = sizes.l2_bytes;
  if (sizes.l3_bytes > 0) cpu->l3_bytes = sizes.l3_bytes;
  if (sizes.line_bytes > 0) cpu->line_bytes = sizes.line_bytes;
}

void DetectShare(Cpu* cpu) {
  const std::vector<int> cpus = AllowedCpus();
  cpu->logical_cpus = static_cast<int>(cpus.size());
  if (const auto quota = CpuQuota(""); quota && *quota < cpu->logical_cpus) {
    cpu->logical_cpus = std::max(1, static_cast<int>(std::ceil(*quota)));
  }
  cpu->physical_cores = std::min(CountCores(cpus, ""), cpu->logical_cpus);
}

Isa CapFromEnvironment() {
  const char* word = Env("JITATTN_MAX_ISA");
  if (word == nullptr) return Isa::kAvx512;
  if (const auto isa = IsaFromName(word)) return *isa;
  constinit static std::atomic<bool> reported{false};
  if (!reported.exchange(true)) {
    Log(LogLevel::kWarning,
        absl::StrCat("ignoring JITATTN_MAX_ISA=", word, ": expected none, avx2 or avx512"));
  }
  return Isa::kAvx512;
}

}  // namespace

Cpu DetectCpu() {
  Cpu cpu;
  DetectFromCpuid(&cpu);
  DetectCaches(&cpu);
  DetectShare(&cpu);
  cpu.isa = cpu.detected_isa;
  return Capped(std::move(cpu), CapFromEnvironment());
}

const Cpu& HostCpu() {
  constinit static MadeOnce<Cpu> cpu;
  return cpu.Get(DetectCpu);
}

Cpu Capped(Cpu cpu, Isa cap) {
  cpu.isa = std::min(cpu.isa, cap);
  if (cap < Isa::kAvx512) cpu.avx512_bf16 = cpu.avx512_vnni = cpu.avx512_fp16 = false;
  if (cap < Isa::kAvx2) cpu.f16c = false;
  cpu.fma_units = FmaUnits(cpu);
  return cpu;
}

}  // namespace jitattn::inline base
