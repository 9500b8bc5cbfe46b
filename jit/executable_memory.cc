// Pages of machine code.

#include "jit/executable_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/cpu.h"
#include "base/made_once.h"

namespace jitattn::jit {
namespace {

absl::Status Refused(const char* call, int error) {
  return absl::UnavailableError(
      absl::StrCat("no executable memory: ", call, ": ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<ExecutableMemory> ExecutableMemory::Create(std::span<const uint8_t> code) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = (code.size() + page - 1) / page * page;
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return Refused("mmap", errno);
  std::memcpy(pages, code.data(), code.size());
  if (mprotect(pages, bytes, PROT_READ | PROT_EXEC) != 0) {
    const int error = errno;
    munmap(pages, bytes);
    return Refused("mprotect", error);
  }
  return ExecutableMemory({static_cast<const uint8_t*>(pages), code.size()}, bytes);
}

ExecutableMemory::~ExecutableMemory() {
  if (code_.data() != nullptr) munmap(const_cast<uint8_t*>(code_.data()), mapped_bytes_);
}

bool ExecutableMemoryAllowed() {
  constinit static MadeOnce<bool> allowed;
  return allowed.Get([] {
    constexpr uint8_t kRet[] = {0xC3};
    return ExecutableMemory::Create(kRet).ok();
  });
}

}  // namespace jitattn::jit
