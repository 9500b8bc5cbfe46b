// The result of an audit as text, JSON and CSV.

#ifndef JITATTN_LAB_AUDIT_REPORT_H_
#define JITATTN_LAB_AUDIT_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/json.h"
#include "lab/audit_cases.h"
#include "lab/measuring/audit.h"

namespace jitattn::lab {

// An audit's result. One of `losses` and `repeats` is filled, with one element per case.
struct Audited {
  std::vector<AuditCase> cases;
  std::vector<Loss> losses;
  std::vector<Repeats> repeats;
  std::vector<std::string> skipped;  // problems without a result, each with the reason
  std::vector<std::string> machine_flags;
  double seconds = 0;
  bool interrupted = false;

  std::vector<Claim> Claims() const;
  bool Fails() const;  // whether any claim fails
};

std::string AuditText(const Audited& audited);
cli::Json AuditJson(const Audited& audited);
std::string AuditCsv(const Audited& audited);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_AUDIT_REPORT_H_
