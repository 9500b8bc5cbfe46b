// Names of emitted kernels for profilers.

#ifndef JITATTN_JIT_PERF_MAP_H_
#define JITATTN_JIT_PERF_MAP_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace jitattn::jit {

// If JITATTN_PERF_MAP=1 is set, appends "START SIZE NAME" to /tmp/perf-PID.map, where perf and
// similar profilers look up the names of addresses without a symbol. Otherwise does nothing. Errors
// are ignored: a profile without names is no reason to disturb the program.
void WritePerfMap(std::span<const uint8_t> code, std::string_view name);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PERF_MAP_H_
