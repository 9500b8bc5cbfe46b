// jitattn compare --strategies: compares search strategies with each other.

#ifndef JITATTN_LAB_COMPARE_SEARCHES_H_
#define JITATTN_LAB_COMPARE_SEARCHES_H_

#include "lab/compare_flags.h"

namespace jitattn::lab {

// Compares strategies on recordings, or on spaces that are measured first. Returns the exit code.
int RunCompareStrategies(const CompareFlags& flags);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMPARE_SEARCHES_H_
