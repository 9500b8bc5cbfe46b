// The flags --config and --fixed-bits of `run` and `show`: the configuration of a plan.

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

// The word for --config of the default configuration for fixed bits.
inline constexpr char kFixedBits[] = "fixed-bits";

struct PlanFlags {
  std::string config = "tuned";  // tuned, default, fixed-bits, or "field=value …"
  bool fixed_bits = false;       // `config` means fields beside the default for fixed bits

  void AddTo(CLI::App* command);
  // Without --op, the problems whose operation has every field that --config names; else all of
  // `problems`.
  std::vector<ops::Problem> Meant(const ProblemFlags& flags,
                                  std::vector<ops::Problem> problems) const;
  absl::StatusOr<std::shared_ptr<const runtime::Plan>> Plan(const ops::Problem& problem,
                                                            const Machine& machine) const;

 private:
  bool IsWord() const;  // `config` has no fields
};

// "record is stale: …", with the remedy; "" if the record is not stale.
std::string StaleText(const runtime::PlanSource& source);
// Adds the plan's configuration and its origin to `json`.
void AddSource(const runtime::Plan& plan, Json* json);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLAN_FLAGS_H_
