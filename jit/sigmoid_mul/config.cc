// The tunables of the sigmoid-mul kernel: validity, and the canonical form of equal points.

#include "jit/sigmoid_mul/config.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "jit/sigmoid_mul/activation_io.h"
#include "jit/sigmoid_mul/emit_activation.h"
#include "jit/sigmoid_mul/emit_sigmoid.h"
#include "jit/vector_io.h"

namespace jitattn::jit {

absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec) {
  const std::string isa(Name(config.isa));
  // Each vector in flight needs a vector of elements, one of factors if there are any, and the
  // registers of EmitActivation. All constants may live in memory.
  const int vecs = config.vecs * (spec.gate == Gate::kNone ? 1 : 2) +
                   EmitActivation::VecsNeeded(spec, config) + TailMask::VecsNeeded(config.isa) +
                   ActivationIo::VecsNeeded(spec, config.isa) +
                   ActivationIo::StoreVecsNeeded(spec, config.isa);
  if (vecs > VecRegs(config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("vecs ", config.vecs, " needs ", vecs,
                                                   " vector registers, but ", isa, " has ",
                                                   VecRegs(config.isa)));
  }
  if (!EmitActivation::HasSigmoid(spec.activation) &&
      (config.table != PowerTable::kNone || config.reciprocal != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("table ", static_cast<int>(config.table), " and reciprocal ",
                     config.reciprocal, ": must be none and 0 for a function without a sigmoid"));
  }
  if (!EmitSigmoid::HasTable(config.table, config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("table wide needs avx512, but isa is ", isa));
  }
  if (config.reciprocal != 0 && config.isa != Isa::kAvx512) {
    return absl::InvalidArgumentError(absl::StrCat("reciprocal 1 needs avx512, but isa is ", isa));
  }
  return absl::OkStatus();
}

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config, const SigmoidMulSpec& spec) {
  if (!EmitActivation::HasSigmoid(spec.activation)) {
    config.table = PowerTable::kNone;
    config.reciprocal = 0;
  }
  if (!EmitSigmoid::HasTable(config.table, config.isa)) config.table = PowerTable::kRegister;
  if (config.isa != Isa::kAvx512) config.reciprocal = 0;
  return config;
}

}  // namespace jitattn::jit
