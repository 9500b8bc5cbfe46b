// The tunables of the attention kernel: their table, what is valid, and what is the same point.

#ifndef JITATTN_JIT_ATTENTION_CONFIG_H_
#define JITATTN_JIT_ATTENTION_CONFIG_H_

#include <span>

#include "absl/status/status.h"
#include "jit/config.h"

namespace jitattn::jit {

std::span<const Field> AttentionFields();

absl::Status ValidateAttention(const AttentionConfig& config, const AttentionSpec& spec,
                               const Cpu& cpu);

AttentionConfig CanonicalAttention(AttentionConfig config, const AttentionSpec& spec);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_ATTENTION_CONFIG_H_
