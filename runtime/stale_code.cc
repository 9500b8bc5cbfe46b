// Records whose kernel has changed since they were tuned.

#include "runtime/stale_code.h"

#include <mutex>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/fork.h"
#include "base/log.h"
#include "runtime/code_cache.h"

namespace jitattn::runtime {
namespace {

ForkSafeMutex mutex;
// Paths of records with a warning in the log. Guarded by `mutex`; never destroyed, since plans may
// be made while the process exits.
std::set<std::string>* told = nullptr;

}  // namespace

bool IsStaleCode(uint64_t recorded_hash, const jit::Kernel& now) {
  // Without executable memory the portable path runs; that does not make the record stale.
  return !now.code().empty() && recorded_hash != now.code_hash();
}

bool HasStaleCode(const cache::Record& record, const Cpu& cpu) {
  const auto compiled = GetKernel(record.problem, record.config, cpu);
  return compiled.ok() && IsStaleCode(record.code_hash, *compiled->kernel);
}

void LogStaleCode(std::string_view record_path) {
  const std::string path(record_path);
  {
    const std::lock_guard lock(mutex);
    if (told == nullptr) told = new std::set<std::string>;
    if (!told->insert(path).second) return;
  }
  Log(LogLevel::kWarning, absl::StrCat("record is stale: ", std::string(kStaleCode), "; ",
                                       std::string(kTuneStale), ": ", path));
}

}  // namespace jitattn::runtime
