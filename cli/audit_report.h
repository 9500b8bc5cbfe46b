// What an audit found, as text, JSON and CSV.

#ifndef JITATTN_CLI_AUDIT_REPORT_H_
#define JITATTN_CLI_AUDIT_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/audit_cases.h"
#include "cli/json.h"
#include "runtime/audit.h"

namespace jitattn::cli {

// Of what was audited one of the two lists is filled, in step with `cases`.
struct Audited {
  std::vector<AuditCase> cases;
  std::vector<runtime::Loss> losses;
  std::vector<runtime::Repeats> repeats;
  std::vector<std::string> skipped;  // problems that time did not reach, and why; what failed
  std::vector<std::string> machine_flags;
  double seconds = 0;
  bool interrupted = false;

  std::vector<runtime::Claim> Claims() const;
  bool Fails() const;  // any of them
};

std::string AuditText(const Audited& audited);
Json AuditJson(const Audited& audited);
std::string AuditCsv(const Audited& audited);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_AUDIT_REPORT_H_
