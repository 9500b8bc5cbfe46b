// jitattn compare --strategies: search strategies against each other.

#ifndef JITATTN_CLI_COMPARE_SEARCHES_H_
#define JITATTN_CLI_COMPARE_SEARCHES_H_

#include "cli/compare_flags.h"

namespace jitattn::cli {

// On recordings, or on spaces measured here and now. The exit code.
int RunCompareStrategies(const CompareFlags& flags);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_COMPARE_SEARCHES_H_
