// Records whose kernel has changed since they were tuned (law 6).

#ifndef JITATTN_RUNTIME_STALE_CODE_H_
#define JITATTN_RUNTIME_STALE_CODE_H_

#include <string_view>

#include "base/cpu.h"
#include "cache/record.h"
#include "jit/kernel.h"

namespace jitattn::runtime {

// Texts for users: why a record is stale, and the remedy.
inline constexpr std::string_view kStaleCode =
    "this version emits other code for the kernel than the version that tuned it";
inline constexpr std::string_view kTuneStale = "jitattn tune --stale tunes it again";

// True if `now`, the kernel of the record's configuration, has another hash than recorded.
bool IsStaleCode(uint64_t recorded_hash, const jit::Kernel& now);

// Emits the record's kernel and compares. False if that is impossible here: a record of another
// CPU, no executable memory, no emitted code.
bool HasStaleCode(const cache::Record& record, const Cpu& cpu);

// Logs a warning, once per path in a process.
void LogStaleCode(std::string_view record_path);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_STALE_CODE_H_
