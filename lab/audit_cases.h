// The problems that `jitattn audit` looks at where no other is asked for.

#ifndef JITATTN_LAB_AUDIT_CASES_H_
#define JITATTN_LAB_AUDIT_CASES_H_

#include <vector>

#include "base/cpu.h"
#include "ops/problem.h"

namespace jitattn::lab {

struct AuditCase {
  ops::Problem problem;
  Isa isa = Isa::kAvx512;
  int threads = 1;
};

// Both operations; every type, mask and instruction set that there is; sizes of a fraction of a
// millisecond to a few, so that a space of 2000 points can be looked at whole within a minute. As
// far as `cpu` and `threads` go.
std::vector<AuditCase> AuditCases(const Cpu& cpu, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_AUDIT_CASES_H_
