// Emitted code made readable: the instructions with their sections, counts per section, and the
// constants behind the code.

#ifndef JITATTN_CLI_LISTING_H_
#define JITATTN_CLI_LISTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jit/kernel.h"

namespace jitattn::cli {

struct Instruction {
  uint32_t offset = 0;
  std::string text;     // Intel syntax; jumps and constants by their offset in the code
  std::string section;  // path of the innermost section: "tile / qk"; empty outside of all
  bool jump_target = false;
  bool fma = false, load = false, store = false;
};

struct SectionTotals {
  std::string section;
  int64_t bytes = 0, instructions = 0, fmas = 0, loads = 0, stores = 0;
};

struct Listing {
  std::vector<Instruction> instructions;
  std::vector<SectionTotals> totals;  // each instruction counted once, in its innermost section
  uint32_t constants_begin = 0;       // the end of the code if there are no constants
};

// Decodes the kernel's code; padding (int3) is left out. Internal if bytes before the constants are
// not an instruction.
absl::StatusOr<Listing> Disassemble(const jit::Kernel& kernel);

// One 64-byte line of constants: "16 × 0x3f800000 = 1" if all are equal, else the 32-bit words.
std::string ConstantText(std::span<const uint8_t> line);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_LISTING_H_
