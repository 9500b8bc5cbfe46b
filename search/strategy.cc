// The list of strategies, and making one by name.

#include "search/strategy.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/options.h"
#include "search/registry.h"
#include "search/study_space.h"

namespace jitattn::search {
namespace {

constexpr const StrategyEntry* kEntries[] = {
    &kBayes, &kThompson, &kLocalSearch, &kAnnealing, &kGenetic,    &kDifferentialEvolution,
    &kCmaEs, &kBandit,   &kHyperband,   &kRandom,    &kExhaustive, &kGeneticStudy};

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

std::vector<StrategyInfo> Strategies() {
  std::vector<StrategyInfo> infos;
  for (const StrategyEntry* entry : kEntries) infos.push_back(entry->info);
  return infos;
}

absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(std::string_view name,
                                                       const StrategyContext& context,
                                                       const StrategyOptions& options) {
  if (name == "auto") name = DefaultStrategy();
  for (const StrategyEntry* entry : kEntries) {
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
  const Space space = StudySpace();  // any that costs nothing
  return MakeStrategy(name, {.space = &space}, options).status();
}

std::string_view DefaultStrategy() { return "bayes"; }

}  // namespace jitattn::search
