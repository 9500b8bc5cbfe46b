// A configuration that somebody writes down, whole or in part.

#ifndef JITATTN_RUNTIME_GIVEN_CONFIG_H_
#define JITATTN_RUNTIME_GIVEN_CONFIG_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "jit/config.h"
#include "jit/cpu.h"
#include "jit/problem.h"

namespace jitattn::runtime {

// "q_vecs=4 kv_block=128 …": these fields, and the rest as DefaultConfig(problem, cpu, threads) has
// them; where `isa` is named, as it has them for a CPU capped to that. InvalidArgument names a
// field that does not exist, is given twice or has no such value; whether the whole is valid,
// Plan::Create says.
absl::StatusOr<jit::Config> GivenConfig(std::string_view text, const jit::Problem& problem,
                                        const jit::Cpu& cpu, int threads);

// Whether every field that `text` names is one of the operation's.
bool NamesFieldsOf(jit::Op op, std::string_view text);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_GIVEN_CONFIG_H_
