// Log messages of the library.

#include "base/log.h"

#include <cstdio>
#include <mutex>
#include <string>

#include "base/env.h"
#include "base/fork.h"
#include "base/made_once.h"

namespace jitattn::inline base {
namespace {

struct Sink {
  LogHook hook = nullptr;
  void* data = nullptr;
};

ForkSafeMutex sink_mutex;
Sink sink;  // guarded by sink_mutex

// The highest printed level. An unknown word in JITATTN_LOG does not silence the log.
int PrintedLevel() {
  constinit static MadeOnce<int> level;
  return level.Get([] {
    const char* word = Env("JITATTN_LOG");
    const std::string_view name = word == nullptr ? "warning" : word;
    if (name == "off") return 0;
    if (name == "error") return static_cast<int>(LogLevel::kError);
    if (name == "info") return static_cast<int>(LogLevel::kInfo);
    return static_cast<int>(LogLevel::kWarning);
  });
}

}  // namespace

void SetLogHook(LogHook hook, void* data) {
  std::lock_guard lock(sink_mutex);
  sink = {hook, data};
}

void Log(LogLevel level, std::string_view message) {
  Sink to;
  {
    // Copied, since a hook may log or replace itself, which needs the mutex.
    std::lock_guard lock(sink_mutex);
    to = sink;
  }
  const std::string line(message);
  if (to.hook != nullptr) {
    to.hook(static_cast<int>(level), line.c_str(), to.data);
  } else if (static_cast<int>(level) <= PrintedLevel()) {
    std::fprintf(stderr, "jitattn: %s\n", line.c_str());
  }
}

}  // namespace jitattn::inline base
