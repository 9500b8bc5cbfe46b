// The CPU and the machine's software, on which a tuned record depends.

#ifndef JITATTN_CACHE_FINGERPRINT_H_
#define JITATTN_CACHE_FINGERPRINT_H_

#include <string>

#include "base/cpu.h"

namespace jitattn::cache {

// A record is unusable if a hard field differs, and stale but usable if a soft one does.
// A field set to "*" in a record matches anything.
struct Fingerprint {
  // Hard.
  std::string vendor;  // "amd", "intel", …
  std::string family;  // decimal
  std::string model;
  // Soft.
  std::string stepping;
  std::string features;  // "avx2 avx512": the instruction sets of kernels, uncapped
  std::string microcode;
  std::string kernel;  // of the operating system: "6.1"
  std::string cores;   // physical cores this process may use
  std::string l1d_bytes, l2_bytes, l3_bytes;
};

// The fingerprint of this machine. Microcode and kernel come from /proc and uname; a field that
// cannot be read is "".
Fingerprint HostFingerprint(const Cpu& cpu);

// The folder of this CPU's records: "amd-25-17-avx512". Only [a-z0-9-].
std::string FolderName(const Fingerprint& fingerprint);

// Whether a record measured on one machine may be used on another.
struct HostMatch {
  bool usable = true;   // every hard field matches
  std::string stale;    // the soft fields that differ: "microcode 0xa101148, was 0xa101144"
  std::string why_not;  // the hard fields that differ, in the same form
};
HostMatch Compare(const Fingerprint& recorded, const Fingerprint& host);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_FINGERPRINT_H_
