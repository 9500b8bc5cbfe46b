// The list of strategies, and their creation by name.

#include "search/strategy.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/options.h"
#include "search/registry.h"

namespace jitattn::search {
namespace {

constinit std::span<const StrategyEntry* const> further;

std::vector<const StrategyEntry*> Entries() {
  std::vector<const StrategyEntry*> entries = {&kBayes};
  entries.insert(entries.end(), further.begin(), further.end());
  return entries;
}

absl::Status CheckContext(const StrategyContext& context) {
  if (context.space == nullptr) return absl::InvalidArgumentError("a strategy needs a space");
  if (context.budget < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("a budget of ", context.budget, " evaluations; at least 1 is needed"));
  }
  for (const int rank : context.seeds) {
    if (rank < 0 || rank >= context.space->size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("seed point ", rank, " of a space of ", context.space->size(), " points"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void SetFurtherStrategies(std::span<const StrategyEntry* const> entries) { further = entries; }

std::vector<StrategyInfo> Strategies() {
  std::vector<StrategyInfo> infos;
  for (const StrategyEntry* entry : Entries()) infos.push_back(entry->info);
  return infos;
}

absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view name,
                                                       const StrategyContext& context,
                                                       const StrategyOptions& options) {
  if (name == "auto") name = DefaultStrategy();
  for (const StrategyEntry* entry : Entries()) {
    if (entry->info.name != name) continue;
    if (absl::Status status = CheckContext(context); !status.ok()) return status;
    absl::StatusOr<Options> read = Options::Parse(name, entry->info.options, options);
    if (!read.ok()) return read.status();
    return entry->make(context, *read);
  }
  auto append = [](std::string* out, const StrategyInfo& info) { out->append(info.name); };
  return absl::InvalidArgumentError(absl::StrCat("unknown strategy '", std::string(name),
                                                 "'; expected one of auto, ",
                                                 absl::StrJoin(Strategies(), ", ", append)));
}

absl::Status CheckStrategy(std::string_view name, const StrategyOptions& options) {
  // The options are checked in the same way for every space.
  auto space = Space::Create({{.name = "x", .values = {0, 1}}}, nullptr);
  if (!space.ok()) return space.status();
  return MakeStrategy(name, {.space = &*space}, options).status();
}

std::string_view DefaultStrategy() { return "bayes"; }

}  // namespace jitattn::search
