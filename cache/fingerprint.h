// What a tuned record depends on beside the problem: the CPU and the machine's software.

#ifndef JITATTN_CACHE_FINGERPRINT_H_
#define JITATTN_CACHE_FINGERPRINT_H_

#include <string>

#include "base/cpu.h"

namespace jitattn::cache {

// Hard fields decide whether a record may be used at all; soft ones mark it stale when they differ.
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

// Microcode and kernel are read from /proc and uname; what cannot be read is "".
Fingerprint HostFingerprint(const Cpu& cpu);

// The folder of this CPU's records: "amd-25-17-avx512". Only [a-z0-9-].
std::string FolderName(const Fingerprint& fingerprint);

// Whether what was measured on one machine may be used on another.
struct HostMatch {
  bool usable = true;   // every hard field matches
  std::string stale;    // what differs softly, for people: "microcode 0xa101148, was 0xa101144"
  std::string why_not;  // the hard field that differs
};
HostMatch Compare(const Fingerprint& recorded, const Fingerprint& host);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_FINGERPRINT_H_
