// From a file of misses to tunings.

#include "cli/tune_from.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_format.h"
#include "cache/layers.h"
#include "cache/misses.h"
#include "cli/command.h"
#include "cli/text_file.h"
#include "runtime/stale_code.h"

namespace jitattn::cli {
namespace {

// More than the library writes: a person may have joined several files.
constexpr int64_t kMaxBytes = int64_t{16} << 20;
constexpr size_t kMostBadLines = 10;

bool IsFresh(const cache::Lookup& lookup, const Cpu& cpu) {
  return lookup.match == cache::Match::kExact && lookup.found->stale.empty() &&
         !runtime::HasStaleCode(lookup.found->record, cpu);
}

}  // namespace

absl::StatusOr<FromFile> ReadFromFile(const TuneRequest& request) {
  const std::string& path = request.flags.from;
  const auto text = ReadTextFile(path, kMaxBytes);
  if (!text.ok()) return text.status();
  cache::Misses misses = cache::ParseMisses(*text);
  const cache::Layers layers = cache::Layers::Default(request.cpu);
  FromFile from;
  std::set<std::string> keys;
  for (const cache::Misses::Line& line : misses.lines) {
    const Isa isa = line.miss.isa.value_or(request.cpu.isa);
    if (isa > request.cpu.isa) {
      misses.bad.push_back({line.number, absl::StrFormat("--isa %s: this machine, or --isa, has no "
                                                         "more than %s",
                                                         Name(isa), Name(request.cpu.isa))});
      continue;
    }
    const TuneRequest here = request.Under(line.miss.conditions, isa);
    const cache::Key key = cache::MakeKey(line.miss.problem, here.options.conditions);
    if (!keys.insert(key.ToString()).second) continue;
    if (!request.flags.force && IsFresh(layers.Find(key), here.cpu)) {
      from.skipped.push_back(key.ToString());
      continue;
    }
    auto job = Jobs(here, {line.miss.problem});
    if (!job.ok()) return job.status();
    from.jobs.push_back(std::move(job->front()));
  }
  std::ranges::sort(misses.bad, {}, &cache::Misses::BadLine::number);
  for (const cache::Misses::BadLine& line : misses.bad) {
    from.bad.push_back(absl::StrFormat("%s:%d: %s", path, line.number, line.why));
  }
  return from;
}

void TellBadLines(const std::vector<std::string>& bad) {
  for (size_t i = 0; i < std::min(bad.size(), kMostBadLines); ++i) {
    Fail(absl::DataLossError(bad[i]));
  }
  if (bad.size() > kMostBadLines) {
    Fail(absl::DataLossError(
        absl::StrFormat("%d more lines describe no problem", bad.size() - kMostBadLines)));
  }
}

}  // namespace jitattn::cli
