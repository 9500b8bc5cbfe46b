// The instruction sets of kernels, as plain traits.

#ifndef JITATTN_BASE_ISA_H_
#define JITATTN_BASE_ISA_H_

#include <optional>
#include <string_view>

namespace jitattn::inline base {

// Ordered: a CPU with one has all earlier ones. kPortable is compiled C++ without JIT.
enum class Isa : int { kPortable = 0, kAvx2 = 1, kAvx512 = 2 };

// Width of a vector register in bytes; 8 for the portable path.
constexpr int VecBytes(Isa isa) { return isa == Isa::kAvx512 ? 64 : isa == Isa::kAvx2 ? 32 : 8; }

// Vector registers that an emitter may lease.
constexpr int VecRegs(Isa isa) { return isa == Isa::kAvx512 ? 32 : isa == Isa::kAvx2 ? 16 : 0; }

// "none", "avx2", "avx512": the names in JITATTN_MAX_ISA, --isa, kernel names and records.
std::string_view Name(Isa isa);
std::optional<Isa> IsaFromName(std::string_view name);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_ISA_H_
