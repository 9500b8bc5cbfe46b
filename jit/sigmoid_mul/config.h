// The tunables of the sigmoid-mul kernel.

#ifndef JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
#define JITATTN_JIT_SIGMOID_MUL_CONFIG_H_

#include "absl/status/status.h"
#include "base/isa.h"
#include "jit/sigmoid_mul/args.h"

namespace jitattn::jit {

// The source of an exponential's powers of two; see emit_sigmoid.h.
enum class PowerTable : int {
  kNone = 0,      // k shifted into the exponent
  kRegister = 1,  // a table in one register, and a shorter polynomial
  kWide = 2,      // f32: work moved to the adders; f64: two registers; 16 bits: vscalef only
};

struct SigmoidMulConfig {
  Isa isa = Isa::kAvx512;
  int threads = 1;
  int vecs = 4;    // vectors in flight
  int unroll = 1;  // groups of `vecs` per iteration
  PowerTable table = PowerTable::kRegister;
  int reciprocal = 0;    // 1: vrcp14 and Newton steps instead of a division
  int non_temporal = 0;  // 1: stores that bypass the caches
  int prefetch = 0;      // cache lines fetched ahead; 0: none
  int page_ahead = 0;    // pages ahead, one line of each fetched; 0: none

  friend bool operator==(const SigmoidMulConfig&, const SigmoidMulConfig&) = default;
};

// Checks the rules besides the ladders. The error states the failed rule with numbers.
absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec);

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config, const SigmoidMulSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
