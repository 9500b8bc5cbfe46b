// The tunables of the sigmoid-mul kernel.

#ifndef JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
#define JITATTN_JIT_SIGMOID_MUL_CONFIG_H_

#include "absl/status/status.h"
#include "base/isa.h"
#include "jit/sigmoid_mul/args.h"

namespace jitattn::jit {

// Where the powers of two of an exponential come from: emit_sigmoid.h.
enum class PowerTable : int {
  kNone = 0,      // shifted into the exponent
  kRegister = 1,  // from a register, and a shorter polynomial
  kWide = 2,      // f32: more work for the adders; f64: two registers; 16-bit types: vscalef alone
};

struct SigmoidMulConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int vecs = 4;    // vectors in flight
  int unroll = 1;  // groups of `vecs` an iteration
  PowerTable table = PowerTable::kRegister;
  int reciprocal = 0;    // 1: vrcp14 and Newton steps for the division
  int non_temporal = 0;  // 1: stores that bypass the caches
  int prefetch = 0;      // cache lines fetched ahead; 0: none
  int page_ahead = 0;    // pages ahead of which a line is fetched; 0: none

  friend bool operator==(const SigmoidMulConfig&, const SigmoidMulConfig&) = default;
};

// The rules beside the ladders.
absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec);

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
