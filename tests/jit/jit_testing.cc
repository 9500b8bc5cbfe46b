// What tests of emitted code share.

#include "tests/jit/jit_testing.h"

#include <Zydis/Zydis.h>

namespace jitattn::jit::testing {

std::string FirstEvexInstruction(std::span<const uint8_t> code) {
  ZydisDisassembledInstruction instruction;
  size_t at = 0;
  while (at < code.size()) {
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, at, code.data() + at,
                                            code.size() - at, &instruction))) {
      return "undecodable at byte " + std::to_string(at);
    }
    if (instruction.info.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX) {
      return instruction.text + (" at byte " + std::to_string(at));
    }
    at += instruction.info.length;
    if (instruction.info.mnemonic == ZYDIS_MNEMONIC_RET) return "";
  }
  return "no ret";
}

}  // namespace jitattn::jit::testing
