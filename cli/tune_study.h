// `jitattn tune --space study-a`: the small space of the study that this tuner grew from.

#ifndef JITATTN_CLI_TUNE_STUDY_H_
#define JITATTN_CLI_TUNE_STUDY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "cli/tune_jobs.h"
#include "runtime/study.h"

namespace jitattn::cli {

struct StudyJob {
  ops::Problem problem;  // in either type
  runtime::StudyOptions study;
  runtime::TuneOptions tune;  // of the confirmation that follows
};

// Runs the study, reports its trials (to output->document too), and returns what is to be confirmed
// against the default and saved: the best point of each type among those that the machine has cores
// for.
absl::StatusOr<std::vector<TuneJob>> RunStudyJob(const StudyJob& job, const Cpu& cpu,
                                                 TuneOutput* output);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_STUDY_H_
