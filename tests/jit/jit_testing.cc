// What tests of emitted code share.

#include "tests/jit/jit_testing.h"

#include <Zydis/Zydis.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace jitattn::jit::testing {
namespace {

constexpr uint8_t kSlack = 0xA5;

}  // namespace

GuardedBuffer::GuardedBuffer(size_t bytes, Flush flush) : bytes_(bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  accessible_bytes_ = std::max<size_t>(1, (bytes + page - 1) / page) * page;
  mapped_bytes_ = accessible_bytes_ + 2 * page;
  void* pages = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) std::abort();
  mapping_ = static_cast<uint8_t*>(pages);
  accessible_ = mapping_ + page;
  if (mprotect(accessible_, accessible_bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
  std::fill_n(accessible_, accessible_bytes_, kSlack);
  data_ = flush == kFront ? accessible_ : accessible_ + accessible_bytes_ - bytes;
}

GuardedBuffer::~GuardedBuffer() { munmap(mapping_, mapped_bytes_); }

bool GuardedBuffer::SlackUntouched() const {
  const auto is_slack = [](uint8_t byte) { return byte == kSlack; };
  return std::all_of(accessible_, data_, is_slack) &&
         std::all_of(data_ + bytes_, accessible_ + accessible_bytes_, is_slack);
}

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
