// Turns emitted code into a Kernel. Only this file catches the assembler's exceptions.

#include "jit/compile.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/assembler.h"
#include "jit/executable_memory.h"
#include "jit/perf_map.h"

namespace jitattn::jit {
namespace {

// Fills the members of Kernel and owns the pages of emitted code.
class CompiledKernel : public Kernel {
 public:
  CompiledKernel(std::string name, const ScratchNeeds& scratch) {
    name_ = std::move(name);
    scratch_ = scratch;
  }

  void UsePortable(void (*entry)(const void* args)) { entry_ = entry; }

  void UseEmitted(ExecutableMemory memory, const Assembler& assembler) {
    memory_ = std::move(memory);
    code_ = memory_->code();
    constants_begin_ = assembler.constants_begin();
    code_hash_ = CodeHash(code_);
    entry_ = reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(code_.data()));
    sections_ = assembler.sections();
    registers_ = assembler.registers();
  }

 private:
  std::optional<ExecutableMemory> memory_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Kernel>> Compile(std::string name, Isa isa, const Cpu& cpu,
                                                      const ScratchNeeds& scratch,
                                                      const std::function<void(Assembler&)>& emit) {
  auto kernel = std::make_shared<CompiledKernel>(std::move(name), scratch);
  try {
    Assembler assembler(isa, cpu);
    emit(assembler);
    auto memory = ExecutableMemory::Create(assembler.Finish());
    if (!memory.ok()) return memory.status();
    kernel->UseEmitted(*std::move(memory), assembler);
  } catch (const Xbyak::Error& e) {
    const std::string what = absl::StrCat(kernel->name(), ": ", e.what());
    if (static_cast<int>(e) == Xbyak::ERR_CANT_ALLOC) return absl::ResourceExhaustedError(what);
    return absl::InternalError(what);
  }
  WritePerfMap(kernel->code(), kernel->name());
  return kernel;
}

std::shared_ptr<const Kernel> PortableKernel(std::string name, void (*entry)(const void* args),
                                             const ScratchNeeds& scratch) {
  auto kernel = std::make_shared<CompiledKernel>(std::move(name), scratch);
  kernel->UsePortable(entry);
  return kernel;
}

std::string XbyakVersion() {
  // 0x6680: the last digit counts updates within a version.
  return absl::StrCat(Xbyak::VERSION >> 12, ".",
                      absl::Hex(Xbyak::VERSION >> 4 & 0xFF, absl::kZeroPad2));
}

}  // namespace jitattn::jit
