// Problems without an exact record, for a later tuning.

#include "runtime/record_miss.h"

#include <atomic>
#include <exception>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "cache/misses.h"
#include "runtime/tuner.h"

namespace jitattn::runtime {

void RecordMiss(const std::string& path, const ops::Problem& problem, const Cpu& cpu,
                const ops::Conditions& conditions) noexcept {
  constinit static std::atomic<bool> told{false};
  try {
    if (!CheckTunable(cpu).ok()) return;
    const std::string line = cache::MissLine(problem, conditions);
    if (line.empty()) return;
    const absl::Status status = cache::AppendMiss(path, line);
    if (status.ok() || told.exchange(true)) return;
    Log(LogLevel::kWarning,
        absl::StrCat("problems without a record are not noted: ", std::string(status.message())));
  } catch (const std::exception&) {  // out of memory: the plan may do with less
  }
}

}  // namespace jitattn::runtime
