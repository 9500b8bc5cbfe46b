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
  runtime::TuneOptions tune;  // for the confirmation that follows
};

// Runs the study, reports its trials (also to output->document), and returns jobs that confirm and
// save the best point of each type, among the points that the machine has enough cores for.
absl::StatusOr<std::vector<cli::TuneJob>> RunStudyJob(const StudyJob& job, const Cpu& cpu,
                                                      cli::TuneOutput* output);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_TUNE_STUDY_H_
