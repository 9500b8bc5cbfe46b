// Booting an image in Bochs, Debian's emulator of whole machines.

#ifndef JITATTN_TESTS_EMULATE_BOCHS_H_
#define JITATTN_TESTS_EMULATE_BOCHS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::emulate {

// Why no machine can be booted here; "" where one can. (Bochs without a display starts none.)
std::string WhyNoBochs();

// All that a machine with this ROM says over its serial line until it turns itself off, or until
// `limit_s` have passed; `model` is one of `bochs --help cpu`. Unavailable, with Bochs' own words,
// where it says nothing.
absl::StatusOr<std::vector<uint8_t>> RunInBochs(std::span<const uint8_t> rom, uint64_t ram_bytes,
                                                const std::string& model, int limit_s);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_BOCHS_H_
