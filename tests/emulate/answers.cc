// Records and their payloads, read one behind the other.

#include "tests/emulate/answers.h"

#include <array>
#include <cstring>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulate/boot.h"

namespace jitattn::emulate {
namespace {

struct Leaf {
  uint32_t a, b, c, d;
};
using Leaves = std::array<Leaf, std::size(kLeaves)>;

constexpr bool Bit(uint32_t word, int i) { return (word >> i & 1) != 0; }

// base/cpu.cc has the same bits.
CpuAnswer CpuOf(const Leaves& leaves, uint64_t xcr0) {
  const Leaf& one = leaves[1];
  const Leaf& seven = leaves[2];
  CpuAnswer cpu = {.xcr0 = xcr0};
  char brand[49] = {};
  std::memcpy(brand, &leaves[4], 48);
  cpu.brand = std::string(absl::StripAsciiWhitespace(brand));
  cpu.avx2 = Bit(one.c, 28) && Bit(one.c, 12) && Bit(seven.b, 5) && Bit(seven.b, 8);
  cpu.f16c = Bit(one.c, 29);
  cpu.avx512 = Bit(seven.b, 16) && Bit(seven.b, 17) && Bit(seven.b, 30) && Bit(seven.b, 31);
  cpu.avx512_vnni = Bit(seven.c, 11);
  cpu.avx512_fp16 = Bit(seven.d, 23);
  cpu.avx512_bf16 = seven.a >= 1 && Bit(leaves[3].a, 5);
  return cpu;
}

void Take(const Record& record, std::span<const uint8_t> payload, Answers* answers) {
  const auto of_case = [&]() -> CaseAnswers& {
    return answers->cases[static_cast<uint32_t>(record.case_number)];
  };
  switch (record.kind) {
    case Answer::kCpu: {
      Leaves leaves = {};
      std::memcpy(leaves.data(), payload.data(), std::min(payload.size(), sizeof leaves));
      answers->cpu = CpuOf(leaves, record.a);
      return;
    }
    case Answer::kRan:
      of_case().runs.push_back({record.a, record.b, static_cast<uint32_t>(record.c)});
      return;
    case Answer::kData:
      of_case().data[record.a].assign(payload.begin(), payload.end());
      return;
    case Answer::kEnd:
      answers->ended = true;
      return;
    case Answer::kFault:
      of_case().fault = {static_cast<uint32_t>(record.a), static_cast<uint32_t>(record.a >> 32),
                         record.b, record.c};
      return;
  }
}

bool IsRecord(const Record& record) {
  return record.magic == kMagic && record.kind >= Answer::kCpu && record.kind <= Answer::kFault;
}

}  // namespace

absl::StatusOr<Answers> ParseAnswers(std::span<const uint8_t> said) {
  Answers answers;
  for (size_t at = 0; said.size() - at >= sizeof(Record);) {
    Record record;
    std::memcpy(&record, said.data() + at, sizeof record);
    if (!IsRecord(record)) {
      return absl::DataLossError(absl::StrCat("no record at byte ", at, " of ", said.size()));
    }
    at += sizeof record;
    const bool has_payload = record.kind == Answer::kCpu || record.kind == Answer::kData;
    const uint64_t bytes = has_payload ? record.b : 0;
    if (bytes > said.size() - at) break;
    Take(record, said.subspan(at, bytes), &answers);
    at += bytes;
  }
  return answers;
}

std::string Describe(const Fault& fault) {
  const char* name = fault.vector == kUndefinedInstruction ? "undefined instruction"
                     : fault.vector == kGeneralProtection  ? "general protection"
                     : fault.vector == kPageFault          ? "page fault"
                                                           : "exception";
  std::string text = absl::StrCat(name, " (", fault.vector, ") at rip 0x", absl::Hex(fault.rip));
  if (fault.error != 0) absl::StrAppend(&text, ", error 0x", absl::Hex(fault.error));
  if (fault.vector == kPageFault) absl::StrAppend(&text, ", address 0x", absl::Hex(fault.address));
  return text;
}

}  // namespace jitattn::emulate
