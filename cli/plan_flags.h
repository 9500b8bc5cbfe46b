// Which configuration a plan gets: --config, shared by run and show.

#ifndef JITATTN_CLI_PLAN_FLAGS_H_
#define JITATTN_CLI_PLAN_FLAGS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "cli/problem_flags.h"
#include "runtime/plan.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

struct PlanFlags {
  std::string config = "tuned";  // tuned, default, or "field=value …"

  void AddTo(CLI::App* command);
  // Without --op: those of the problems whose operation knows every field that --config names.
  std::vector<ops::Problem> Meant(const ProblemFlags& flags,
                                  std::vector<ops::Problem> problems) const;
  absl::StatusOr<std::shared_ptr<const runtime::Plan>> Plan(const ops::Problem& problem,
                                                            const Machine& machine) const;
};

// "record is stale: …", with the way out; "" where it is not.
std::string StaleText(const runtime::PlanSource& source);
// Why the plan has its configuration, as the keys of JSON.
void AddSource(const runtime::Plan& plan, Json* json);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLAN_FLAGS_H_
