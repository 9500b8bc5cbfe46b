// The tunables of the sigmoid-mul kernel: validity, and the canonical form of equal points.

#include "jit/sigmoid_mul/config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec) {
  const std::string isa(Name(config.isa));
  // Each vector in flight needs a vector of elements and the registers of EmitSigmoid. All
  // constants may live in memory.
  const int vecs = config.vecs +
                   EmitSigmoid::VecsNeeded(config.vecs, config.table, config.isa, spec.dtype) +
                   TailMask::VecsNeeded(config.isa) +
                   VectorIo::StoreVecsNeeded(config.isa, spec.dtype, Ties::kAway);
  if (vecs > VecRegs(config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("vecs ", config.vecs, " needs ", vecs,
                                                   " vector registers, but ", isa, " has ",
                                                   VecRegs(config.isa)));
  }
  if (!EmitSigmoid::HasTable(config.table, config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("table wide needs avx512, but isa is ", isa));
  }
  if (config.reciprocal != 0 && config.isa != Isa::kAvx512) {
    return absl::InvalidArgumentError(absl::StrCat("reciprocal 1 needs avx512, but isa is ", isa));
  }
  return absl::OkStatus();
}

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config) {
  if (!EmitSigmoid::HasTable(config.table, config.isa)) config.table = PowerTable::kRegister;
  if (config.isa != Isa::kAvx512) config.reciprocal = 0;
  return config;
}

}  // namespace jitattn::jit
