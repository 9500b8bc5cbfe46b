// The problems of `jitattn audit` if no others are given.

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

// Returns problems of both operations that cover every type, mask and instruction set. A run takes
// at most a few milliseconds, so that a space of 2000 points can be measured exhaustively within a
// minute. Cases that `cpu` or `threads` do not allow are left out.
std::vector<AuditCase> AuditCases(const Cpu& cpu, int threads);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_AUDIT_CASES_H_
