// The tunables of the sigmoid-mul kernel.

#include "jit/sigmoid_mul_config.h"

#include "absl/strings/str_cat.h"
#include "jit/config_field.h"
#include "jit/emit_sigmoid.h"
#include "jit/vector_io.h"

namespace jitattn::jit {
namespace {

using C = SigmoidMulConfig;

constexpr int kVecs[] = {1, 2, 3, 4, 5, 6};
constexpr int kUnroll[] = {1, 2, 4};
constexpr int kTable[] = {0, 1, 2};
constexpr int kPrefetch[] = {0, 4, 8, 16, 32, 64};
constexpr int kPageAhead[] = {0, 8, 16, 32};

constexpr Field kFields[] = {
    FieldOf<&C::isa>("isa", "_", "instruction set", kIsaValues, kIsaLabels),
    FieldOf<&C::vecs>("vecs", "_v", "vectors in flight", kVecs),
    FieldOf<&C::unroll>("unroll", "u", "groups of vecs an iteration", kUnroll, {}, true),
    FieldOf<&C::table>("table", "_t",
                       "powers of two 0: shifted, 1: from a register, a shorter polynomial, 2: and "
                       "more work for the adders (f32), from two registers (f64), by vscalef "
                       "alone (16-bit types)",
                       kTable),
    FieldOf<&C::reciprocal>("reciprocal", "r", "1: vrcp14 and Newton steps, no division", kNoYes),
    FieldOf<&C::non_temporal>("non_temporal", "_nt", "1: stores that bypass the caches", kNoYes),
    FieldOf<&C::prefetch>("prefetch", "_p", "cache lines fetched ahead, 0: none", kPrefetch),
    FieldOf<&C::page_ahead>("page_ahead", "a", "pages ahead of which a line is fetched, 0: none",
                            kPageAhead),
    FieldOf<&C::threads>("threads", "", "threads", kThreadValues, {}, true),
};

}  // namespace

std::span<const Field> SigmoidMulFields() { return kFields; }

absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec) {
  if (config.isa == Isa::kPortable) return absl::OkStatus();
  const std::string isa(Name(config.isa));
  // Each vector in flight is an element vector and what EmitSigmoid asks; constants may all be in
  // memory.
  const int vecs = config.vecs +
                   EmitSigmoid::VecsNeeded(config.vecs, config.table, config.isa, spec.dtype) +
                   TailMask::VecsNeeded(config.isa) +
                   VectorIo::StoreVecsNeeded(config.isa, spec.dtype, Ties::kAway);
  if (vecs > VecRegs(config.isa)) {
    return absl::InvalidArgumentError(absl::StrCat("vecs ", config.vecs, " needs ", vecs,
                                                   " vector registers, ", isa, " has ",
                                                   VecRegs(config.isa)));
  }
  if (!EmitSigmoid::HasTable(config.table, config.isa)) {
    return absl::InvalidArgumentError(
        absl::StrCat("table ", config.table, " needs avx512, isa is ", isa));
  }
  if (config.reciprocal != 0 && config.isa != Isa::kAvx512) {
    return absl::InvalidArgumentError(absl::StrCat("reciprocal 1 needs avx512, isa is ", isa));
  }
  return absl::OkStatus();
}

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config) {
  if (config.isa == Isa::kPortable) {
    return {.isa = Isa::kPortable, .threads = config.threads};  // the rest shapes no code there
  }
  while (!EmitSigmoid::HasTable(config.table, config.isa)) --config.table;
  if (config.isa != Isa::kAvx512) config.reciprocal = 0;
  return config;
}

}  // namespace jitattn::jit
