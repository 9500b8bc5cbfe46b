// A machine's answers over its serial line (boot.S), by case.

#ifndef JITATTN_TESTS_EMULATE_ANSWERS_H_
#define JITATTN_TESTS_EMULATE_ANSWERS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::emulate {

struct Ran {
  uint64_t code_hash, spoilt;
  uint32_t mxcsr;
};

inline constexpr uint32_t kUndefinedInstruction = 6, kGeneralProtection = 13, kPageFault = 14;

struct Fault {
  uint32_t vector, error;
  uint64_t rip, address;  // the latter of a page fault
};

struct CaseAnswers {
  std::vector<Ran> runs;
  std::map<uint64_t, std::vector<uint8_t>> data;  // by address
  std::optional<Fault> fault;
};

// The CPU's features that kernels use.
struct CpuAnswer {
  std::string brand;
  uint64_t xcr0;
  bool avx2 = false, f16c = false, avx512 = false, avx512_vnni = false, avx512_bf16 = false,
       avx512_fp16 = false;
};

struct Answers {
  std::optional<CpuAnswer> cpu;
  std::map<uint32_t, CaseAnswers> cases;
  bool ended = false;  // all operations were executed
};

// Reads the records; a record that is cut off at the end is ignored. DataLoss: the data are not
// records.
absl::StatusOr<Answers> ParseAnswers(std::span<const uint8_t> said);

// "page fault (14) at rip 0x…, error 0x2, address 0x…"
std::string Describe(const Fault& fault);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_ANSWERS_H_
