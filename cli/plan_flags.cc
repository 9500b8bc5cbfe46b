// Making the plan that run and show speak of.

#include "cli/plan_flags.h"

#include <CLI/CLI.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "jit/config.h"
#include "runtime/heuristic.h"

namespace jitattn::cli {

namespace {

// The pairs of `text`, and those of `base` whose fields it does not name.
std::string Completed(const std::string& text, const jit::Config& base) {
  std::string completed = text;
  for (const std::string& pair :
       std::vector<std::string>(absl::StrSplit(jit::ToString(base), ' '))) {
    const std::string name = pair.substr(0, pair.find('=') + 1);
    if (!absl::StrContains(absl::StrCat(" ", text), absl::StrCat(" ", name))) {
      absl::StrAppend(&completed, " ", pair);
    }
  }
  return completed;
}

}  // namespace

void PlanFlags::AddTo(CLI::App* command) {
  command
      ->add_option("--config", config,
                   "tuned: as the cache has it; default: as without a cache; or FIELD=VALUE pairs "
                   "in quotes, the rest as in the default (tuned)")
      ->type_name("CONFIG")
      ->group("Machine");
}

absl::StatusOr<std::shared_ptr<const runtime::Plan>> PlanFlags::Plan(
    const jit::Problem& problem, const MachineFlags& machine) const {
  const auto cpu = machine.Cpu();
  if (!cpu.ok()) return cpu.status();
  runtime::PlanOptions options = {.threads = machine.Threads(),
                                  .isa = cpu->isa,
                                  .buffers = machine.Buffers(),
                                  .use_cache = config == "tuned"};
  if (config != "tuned" && config != "default") {
    const jit::Config base = runtime::DefaultConfig(problem, *cpu, options.threads);
    auto given = jit::ConfigFromString(jit::OpOf(problem), Completed(config, base));
    if (!given.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--config: ", std::string(given.status().message())));
    }
    options.config = *given;
    options.config_origin = "given by --config";
  }
  return runtime::Plan::Create(problem, options);
}

std::string SourceText(const runtime::PlanSource& source) {
  std::string text = source.reason;
  if (!source.stale.empty()) {
    absl::StrAppend(&text, "; stale (", source.stale, "): tuning again is worth while");
  }
  return text;
}

void AddSource(const runtime::Plan& plan, Json* json) {
  const runtime::PlanSource& source = plan.source();
  (*json)["match"] = cache::Name(source.match);
  (*json)["record"] = OrNull(source.record_path);
  (*json)["reason"] = source.reason;
  (*json)["stale"] = OrNull(source.stale);
  (*json)["rejected"] = Json::array();
  for (const cache::RejectedRecord& rejected : source.rejected) {
    (*json)["rejected"].push_back({{"path", rejected.path}, {"why", rejected.why}});
  }
  (*json)["kernel"] = plan.kernel().name();
  (*json)["config"] = ToJson(plan.config());
}

}  // namespace jitattn::cli
