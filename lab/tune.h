// `jitattn tune` with --preset, --record, --space study-a or --variants.

#ifndef JITATTN_LAB_TUNE_H_
#define JITATTN_LAB_TUNE_H_

#include "cli/tune_flags.h"

namespace jitattn::lab {

// Returns the exit code. REQUIRES: flags.WantLaboratory().
int RunLaboratoryTune(const cli::TuneFlags& flags);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_H_
