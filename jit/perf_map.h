// Names of emitted kernels for profilers.

#ifndef JITATTN_JIT_PERF_MAP_H_
#define JITATTN_JIT_PERF_MAP_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace jitattn::jit {

// Where JITATTN_PERF_MAP=1 is set, adds "START SIZE NAME" to /tmp/perf-PID.map, which perf and its
// kin read to name addresses without a symbol; else does nothing. Failure is silent: a profile
// without names is not worth a program's trouble.
void WritePerfMap(std::span<const uint8_t> code, std::string_view name);

}  // namespace jitattn::jit

#endif  // JITATTN_JIT_PERF_MAP_H_
