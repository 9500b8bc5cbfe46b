// The hash of a kernel's code.

#include "jit/kernel.h"

namespace jitattn::jit {

uint64_t CodeHash(std::span<const uint8_t> code) {
  uint64_t hash = 0xcbf29ce484222325;  // offset basis and prime from FNV's specification
  for (uint8_t byte : code) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

}  // namespace jitattn::jit
