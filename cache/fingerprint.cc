// The CPU and the machine's software, on which a tuned record depends.

#include "cache/fingerprint.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <span>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace jitattn::cache {
namespace {

// "AuthenticAMD" → "amd": the common name. Other vendors keep the CPUID name, in lower case.
std::string VendorWord(std::string_view vendor) {
  if (vendor == "AuthenticAMD") return "amd";
  if (vendor == "GenuineIntel") return "intel";
  if (vendor == "HygonGenuine") return "hygon";
  if (vendor == "CentaurHauls") return "centaur";
  return vendor.empty() ? "unknown" : absl::AsciiStrToLower(std::string(vendor));
}

// The microcode of the first CPU. Reads a single page: the kernel generates the text CPU by CPU,
// and with hundreds of CPUs the whole file would delay an application's first call too much.
std::string Microcode() {
  const int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  char page[4096];
  const ssize_t size = read(file, page, sizeof page);
  close(file);
  std::string_view text(page, size < 0 ? 0 : size);
  const size_t key = text.find("\nmicrocode");
  if (key == text.npos) return "";
  text.remove_prefix(key + 1);
  text = text.substr(0, text.find('\n'));
  const size_t colon = text.find(':');
  if (colon == text.npos) return "";
  return std::string(absl::StripAsciiWhitespace(std::string(text.substr(colon + 1))));
}

// "6.1" of "6.1.0-18-amd64": a distribution's patches seldom change the speed of our kernels.
std::string KernelRelease() {
  utsname name;
  if (uname(&name) != 0) return "";
  const std::string release = name.release;
  const size_t major_end = release.find('.');
  if (major_end == release.npos) return release;
  return release.substr(0, release.find_first_not_of("0123456789", major_end + 1));
}

struct Named {
  std::string_view name;
  std::string Fingerprint::*field;
};
constexpr Named kHard[] = {
    {"vendor", &Fingerprint::vendor},
    {"family", &Fingerprint::family},
    {"model", &Fingerprint::model},
};
constexpr Named kSoft[] = {
    {"stepping", &Fingerprint::stepping},   {"features", &Fingerprint::features},
    {"microcode", &Fingerprint::microcode}, {"kernel", &Fingerprint::kernel},
    {"cores", &Fingerprint::cores},         {"l1d_bytes", &Fingerprint::l1d_bytes},
    {"l2_bytes", &Fingerprint::l2_bytes},   {"l3_bytes", &Fingerprint::l3_bytes},
};

// "microcode 0xa101148, was 0xa101144", for each field that differs.
std::string Differences(std::span<const Named> fields, const Fingerprint& recorded,
                        const Fingerprint& host, bool skip_unknown) {
  std::string text;
  for (const auto& [name, field] : fields) {
    const std::string &was = recorded.*field, &is = host.*field;
    if (was == is || was == "*" || (skip_unknown && (was.empty() || is.empty()))) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", std::string(name), " ", is, ", was ", was);
  }
  return text;
}

}  // namespace

Fingerprint HostFingerprint(const Cpu& cpu) {
  // The detected instruction sets, without the cap of JITATTN_MAX_ISA: the cap is part of the key
  // and must not make the same machine look like another.
  std::string features = "none";
  if (cpu.detected_isa >= Isa::kAvx2) features = "avx2";
  if (cpu.detected_isa >= Isa::kAvx512) features += " avx512";
  return {
      .vendor = VendorWord(cpu.vendor),
      .family = absl::StrCat(cpu.family),
      .model = absl::StrCat(cpu.model),
      .stepping = absl::StrCat(cpu.stepping),
      .features = features,
      .microcode = Microcode(),
      .kernel = KernelRelease(),
      .cores = absl::StrCat(cpu.physical_cores),
      .l1d_bytes = absl::StrCat(cpu.l1d_bytes),
      .l2_bytes = absl::StrCat(cpu.l2_bytes),
      .l3_bytes = absl::StrCat(cpu.l3_bytes),
  };
}

std::string FolderName(const Fingerprint& fingerprint) {
  // Only the last and widest word of `features` is used; the words are in ascending order.
  const std::string& features = fingerprint.features;
  std::string name = absl::AsciiStrToLower(absl::StrCat(fingerprint.vendor, "-", fingerprint.family,
                                                        "-", fingerprint.model, "-",
                                                        features.substr(features.rfind(' ') + 1)));
  for (char& c : name) {
    if (!absl::ascii_isalnum(c)) c = '-';
  }
  return name;
}

HostMatch Compare(const Fingerprint& recorded, const Fingerprint& host) {
  HostMatch result;
  result.why_not = Differences(kHard, recorded, host, /*skip_unknown=*/false);
  result.usable = result.why_not.empty();
  // A field that could not be read then or now ("") is no reason to call a record stale.
  result.stale = Differences(kSoft, recorded, host, /*skip_unknown=*/true);
  return result;
}

}  // namespace jitattn::cache
