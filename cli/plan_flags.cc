// Makes the plan for `run` and `show`.

#include "cli/plan_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "ops/config.h"
#include "runtime/given_config.h"
#include "runtime/stale_code.h"

namespace jitattn::cli {

void PlanFlags::AddTo(CLI::App* command) {
  command
      ->add_option("--config", config,
                   "tuned: from the cache; default: without the cache; or FIELD=VALUE pairs in "
                   "quotes, other fields as in the default. With --dim, the pairs also choose the "
                   "operation that has these fields (tuned)")
      ->type_name("CONFIG")
      ->group("Machine");
  command
      ->add_flag("--fixed-bits", fixed_bits,
                 "the default configuration of plans whose bits do not depend on threads, batch "
                 "and other sequences, without the cache")
      ->group("Machine");
}

bool PlanFlags::IsWord() const {
  return config == "tuned" || config == "default" || config == kFixedBits;
}

std::vector<ops::Problem> PlanFlags::Meant(const ProblemFlags& flags,
                                           std::vector<ops::Problem> problems) const {
  if (!flags.op.empty() || IsWord()) return problems;
  const auto meant = [&](const ops::Problem& problem) {
    return runtime::NamesFieldsOf(problem.operation(), config);
  };
  // If no operation has the fields, the first one reports which fields it has.
  if (std::any_of(problems.begin(), problems.end(), meant)) {
    std::erase_if(problems, [&](const ops::Problem& problem) { return !meant(problem); });
  } else if (!problems.empty()) {
    problems.resize(1, problems.front());
  }
  return problems;
}

absl::StatusOr<std::shared_ptr<const runtime::Plan>> PlanFlags::Plan(const ops::Problem& problem,
                                                                     const Machine& machine) const {
  runtime::PlanOptions options = {.conditions = machine.conditions,
                                  .use_cache = config == "tuned",
                                  .fixed_bits = fixed_bits || config == kFixedBits,
                                  .log_stale = false};  // StaleText reports it
  if (!IsWord()) {
    auto given =
        runtime::GivenConfig(config, problem, machine.cpu, machine.conditions.threads, fixed_bits);
    if (!given.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--config: ", std::string(given.status().message())));
    }
    options.config = *given;
    options.config_origin = "given by --config";
  }
  return runtime::Plan::Create(problem, machine.cpu, options);
}

std::string StaleText(const runtime::PlanSource& source) {
  if (source.stale.empty()) return "";
  return absl::StrCat(
      "record is stale: ", source.stale, "; ",
      source.stale_code ? std::string(runtime::kTuneStale) : "it is worth tuning again");
}

void AddSource(const runtime::Plan& plan, Json* json) {
  const runtime::PlanSource& source = plan.source();
  (*json)["match"] = cache::Name(source.match);
  (*json)["record"] = OrNull(source.record_path);
  (*json)["reason"] = source.reason;
  (*json)["stale"] = OrNull(source.stale);
  (*json)["stale_code"] = source.stale_code;
  (*json)["rejected"] = Json::array();
  for (const cache::RejectedRecord& rejected : source.rejected) {
    (*json)["rejected"].push_back({{"path", rejected.path}, {"why", rejected.why}});
  }
  (*json)["kernel"] = plan.kernel().name();
  (*json)["config"] = ToJson(plan.config());
}

}  // namespace jitattn::cli
