// What the library has to say to people, sparingly: a line at a time, through one replaceable hook.

#ifndef JITATTN_BASE_LOG_H_
#define JITATTN_BASE_LOG_H_

#include <string_view>

namespace jitattn::inline base {

enum class LogLevel : int { kError = 1, kWarning = 2, kInfo = 3 };  // fixed: they are in the C ABI

// One message without a newline; `level` is a LogLevel. May be called from any thread, from several
// at once, and must not throw.
using LogHook = void (*)(int level, const char* message, void* data);

// Sends every message to `hook` from now on; null brings the default back, which prints to stderr
// what JITATTN_LOG lets pass: off, error, warning (if unset), info.
void SetLogHook(LogHook hook, void* data);

void Log(LogLevel level, std::string_view message);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_LOG_H_
