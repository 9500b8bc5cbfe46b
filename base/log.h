// Log messages of the library: one line each, through one replaceable hook.

#ifndef JITATTN_BASE_LOG_H_
#define JITATTN_BASE_LOG_H_

#include <string_view>

namespace jitattn::inline base {

enum class LogLevel : int { kError = 1, kWarning = 2, kInfo = 3 };  // values fixed by the C ABI

// Receives one message without a newline; `level` is a LogLevel. The hook may be called from
// several threads at once and must not throw.
using LogHook = void (*)(int level, const char* message, void* data);

// Sends all later messages to `hook`. Null restores the default, which prints to stderr the
// messages up to the level in JITATTN_LOG: off, error, warning (default) or info.
void SetLogHook(LogHook hook, void* data);

void Log(LogLevel level, std::string_view message);

}  // namespace jitattn::inline base

#endif  // JITATTN_BASE_LOG_H_
