// The tunables of the sigmoid-mul kernel: their table, what is valid, and what is the same point.

#ifndef JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
#define JITATTN_JIT_SIGMOID_MUL_CONFIG_H_

#include <span>

#include "absl/status/status.h"
#include "jit/config.h"

namespace jitattn::jit {

std::span<const Field> SigmoidMulFields();

// The rules beside those for every operation (ladders, ISA, threads).
absl::Status ValidateSigmoidMul(const SigmoidMulConfig& config, const SigmoidMulSpec& spec);

SigmoidMulConfig CanonicalSigmoidMul(SigmoidMulConfig config);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_SIGMOID_MUL_CONFIG_H_
