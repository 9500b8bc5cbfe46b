// jitattn compare --strategies: search strategies against each other.

#ifndef JITATTN_LAB_COMPARE_SEARCHES_H_
#define JITATTN_LAB_COMPARE_SEARCHES_H_

#include "lab/compare_flags.h"

namespace jitattn::lab {

// On recordings, or on spaces measured here and now. The exit code.
int RunCompareStrategies(const CompareFlags& flags);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_SEARCHES_H_
