// `jitattn tune --space study-a`: the small space of the study that this tuner grew from.

#ifndef JITATTN_LAB_TUNE_STUDY_H_
#define JITATTN_LAB_TUNE_STUDY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "cli/tune_jobs.h"
#include "lab/measuring/study.h"

namespace jitattn::lab {

struct StudyJob {
  ops::Problem problem;  // in either type
  StudyOptions study;
  runtime::TuneOptions tune;  // of the confirmation that follows
};

// Runs the study, reports its trials (to output->document too), and returns what is to be confirmed
// against the default and saved: the best point of each type among those that the machine has cores
// for.
absl::StatusOr<std::vector<cli::TuneJob>> RunStudyJob(const StudyJob& job, const Cpu& cpu,
                                                      cli::TuneOutput* output);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_STUDY_H_
