// Parses a configuration that a user writes, whole or in part.

#ifndef JITATTN_RUNTIME_GIVEN_CONFIG_H_
#define JITATTN_RUNTIME_GIVEN_CONFIG_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "base/cpu.h"
#include "ops/operation.h"

namespace jitattn::runtime {

// Parses fields separated by spaces, as "q_vecs=4 kv_block=128 …"; the other fields have their
// default values. "algorithm=rows" names the algorithm; without it the default's algorithm is used,
// or the first that has all the fields. "isa=avx2" starts from the default of a CPU capped to that
// ISA. Where no code is emitted, fields of an emitted algorithm have no effect. InvalidArgument
// names a field that does not exist, is given twice or has no such value. The whole configuration
// is validated by Plan::Create, not here. `fixed_bits`: the default is ops::FixedBitsConfig.
absl::StatusOr<ops::Config> GivenConfig(std::string_view text, const ops::Problem& problem,
                                        const Cpu& cpu, int threads, bool fixed_bits = false);

// True if one algorithm of the operation, the one that `text` names if any, has all fields in
// `text`.
bool NamesFieldsOf(const ops::Operation& operation, std::string_view text);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_GIVEN_CONFIG_H_
