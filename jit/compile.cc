// Spec + Config → Kernel. The only place that catches what the assembler throws.

#include "jit/compile.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jit/assembler.h"
#include "jit/attention_kernel.h"
#include "jit/attention_layout.h"
#include "jit/decode_kernel.h"
#include "jit/decode_layout.h"
#include "jit/executable_memory.h"
#include "jit/perf_map.h"
#include "jit/portable_attention.h"
#include "jit/portable_sigmoid_mul.h"
#include "jit/sigmoid_mul_kernel.h"

namespace jitattn::jit {
namespace {

Isa IsaOf(const Config& config) {
  return std::visit([](const auto& c) { return c.isa; }, config);
}

// Fills what Kernel shows and, for emitted code, owns its pages.
class CompiledKernel : public Kernel {
 public:
  CompiledKernel(const Spec& spec, const Config& config) {
    name_ = KernelName(spec, config);
    spec_ = spec;
    config_ = config;
    const auto* attention = std::get_if<AttentionSpec>(&spec);
    if (attention == nullptr) return;
    if (IsaOf(config) == Isa::kPortable) {
      scratch_bytes_ = PortableAttentionScratchBytes(*attention);
    } else if (const auto& c = std::get<AttentionConfig>(config); c.lanes == LaneAxis::kColumns) {
      const DecodeLayout layout(*attention, c);
      scratch_bytes_ = layout.tiles;
      tile_rows_ = layout.rows;
      tile_bytes_ = layout.tile_bytes;
    } else {
      const AttentionLayout layout(*attention, c);
      scratch_bytes_ = layout.bytes;
      key_bytes_ = layout.staged_bytes;
    }
  }

  void UsePortable() {
    entry_ = OpOf(spec_) == Op::kAttention ? &RunPortableAttention : &RunPortableSigmoidMul;
  }

  void UseEmitted(ExecutableMemory memory, const Assembler& assembler) {
    memory_ = std::move(memory);
    code_ = memory_->code();
    code_hash_ = CodeHash(code_);
    entry_ = reinterpret_cast<void (*)(const void*)>(reinterpret_cast<uintptr_t>(code_.data()));
    sections_ = assembler.sections();
    registers_ = assembler.registers();
  }

 private:
  std::optional<ExecutableMemory> memory_;
};

void Emit(Assembler& a, const Spec& spec, const Config& config) {
  if (const auto* s = std::get_if<SigmoidMulSpec>(&spec)) {
    return EmitSigmoidMul(a, *s, std::get<SigmoidMulConfig>(config));
  }
  EmitAttention(a, std::get<AttentionSpec>(spec), std::get<AttentionConfig>(config));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Kernel>> Compile(const Spec& spec, const Config& config,
                                                      const Cpu& cpu) {
  if (absl::Status s = Validate(config, spec, cpu); !s.ok()) return s;
  auto kernel = std::make_shared<CompiledKernel>(spec, config);
  if (IsaOf(config) == Isa::kPortable) {
    kernel->UsePortable();
    return kernel;
  }
  try {
    Assembler assembler(IsaOf(config), cpu);
    Emit(assembler, spec, config);
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

int64_t PartBytes(const AttentionSpec& spec, const AttentionConfig& config, int64_t rows) {
  return DecodePartBytes(spec, config, rows);
}

std::string XbyakVersion() {
  // 0x6680: the last digit counts updates of one version.
  return absl::StrCat(Xbyak::VERSION >> 12, ".",
                      absl::Hex(Xbyak::VERSION >> 4 & 0xFF, absl::kZeroPad2));
}

}  // namespace jitattn::jit
