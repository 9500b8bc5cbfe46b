// Booting an image in Bochs, Debian's emulator of whole machines.

#ifndef JITATTN_TESTS_EMULATE_BOCHS_H_
#define JITATTN_TESTS_EMULATE_BOCHS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::emulate {

// Returns why no machine can be booted here; "" if one can. (Bochs boots none without a display.)
std::string WhyNoBochs();

// Boots a machine with this ROM and returns its output on the serial line until it turns itself
// off, or until `limit_s` have passed. `model` is one of `bochs --help cpu`. Unavailable, with
// Bochs' own message: there was no output.
absl::StatusOr<std::vector<uint8_t>> RunInBochs(std::span<const uint8_t> rom, uint64_t ram_bytes,
                                                const std::string& model, int limit_s);

}  // namespace jitattn::emulate

#endif  // JITATTN_TESTS_EMULATE_BOCHS_H_
