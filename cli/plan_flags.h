// Which configuration a plan gets: --config, shared by run and show.

#ifndef JITATTN_CLI_PLAN_FLAGS_H_
#define JITATTN_CLI_PLAN_FLAGS_H_

#include <memory>
#include <string>

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
  absl::StatusOr<std::shared_ptr<const runtime::Plan>> Plan(const jit::Problem& problem,
                                                            const MachineFlags& machine) const;
};

// Why the plan has its configuration: lines for people, and the keys of JSON.
std::string SourceText(const runtime::PlanSource& source);
void AddSource(const runtime::Plan& plan, Json* json);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLAN_FLAGS_H_
