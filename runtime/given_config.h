// A configuration that somebody writes down, whole or in part.

#ifndef JITATTN_RUNTIME_GIVEN_CONFIG_H_
#define JITATTN_RUNTIME_GIVEN_CONFIG_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/operation.h"

namespace jitattn::runtime {

// "q_vecs=4 kv_block=128 …": these fields, and the rest as the default has them. "algorithm=rows"
// says of which algorithm; without it the default's is meant, or the first that has all the fields.
// "isa=avx2": as the default for a CPU capped to that. Where
// no code is emitted, fields of an emitted algorithm have no effect. InvalidArgument names a field
// that does not exist, is given twice or has no such value; whether the whole is valid,
// Plan::Create says.
absl::StatusOr<ops::Config> GivenConfig(std::string_view text, const ops::Problem& problem,
                                        const Cpu& cpu, int threads);

// Whether some algorithm of the operation, the one that `text` names if it does, has every field
// that it names.
bool NamesFieldsOf(const ops::Operation& operation, std::string_view text);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_GIVEN_CONFIG_H_
