// What an audit found, as text, JSON and CSV.

#ifndef JITATTN_LAB_AUDIT_REPORT_H_
#define JITATTN_LAB_AUDIT_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/json.h"
#include "lab/audit_cases.h"
#include "lab/measuring/audit.h"

namespace jitattn::lab {

// Of what was audited one of the two lists is filled, in step with `cases`.
struct Audited {
  std::vector<AuditCase> cases;
  std::vector<Loss> losses;
  std::vector<Repeats> repeats;
  std::vector<std::string> skipped;  // problems that time did not reach, and why; what failed
  std::vector<std::string> machine_flags;
  double seconds = 0;
  bool interrupted = false;

  std::vector<Claim> Claims() const;
  bool Fails() const;  // any of them
};

std::string AuditText(const Audited& audited);
cli::Json AuditJson(const Audited& audited);
std::string AuditCsv(const Audited& audited);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_AUDIT_REPORT_H_
