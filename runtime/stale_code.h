// Records whose kernel has changed since they were tuned (law 6).

#ifndef JITATTN_RUNTIME_STALE_CODE_H_
#define JITATTN_RUNTIME_STALE_CODE_H_

#include <string_view>

#include "base/cpu.h"
#include "cache/record.h"
#include "jit/kernel.h"

namespace jitattn::runtime {

// The reason, for people, and the way out, for whoever meets such a record.
inline constexpr std::string_view kStaleCode =
    "this version emits other code for it than was tuned";
inline constexpr std::string_view kTuneStale = "jitattn tune --stale tunes it again";

// `now`: the kernel of the record's configuration.
bool IsStaleCode(uint64_t recorded_hash, const jit::Kernel& now);

// Emits the record's kernel. False where that cannot be told here: a record of another CPU, no
// executable memory, no code at all.
bool HasStaleCode(const cache::Record& record, const Cpu& cpu);

// A warning in the log, once for each path in a process.
void LogStaleCode(std::string_view record_path);

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_STALE_CODE_H_
