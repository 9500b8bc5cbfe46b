// `jitattn tune --from FILE`: tunes the problems of a file of misses (cache/misses.h).

#ifndef JITATTN_CLI_TUNE_FROM_H_
#define JITATTN_CLI_TUNE_FROM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/tune.h"
#include "cli/tune_jobs.h"

namespace jitattn::cli {

struct FromFile {
  std::vector<TuneJob> jobs;         // one for each record that is missing or stale
  std::vector<std::string> skipped;  // keys of fresh records that exist
  std::vector<std::string> bad;      // "misses.txt:3: why", for lines that describe no problem here
};

// Reads the file that --from names. Errors are those of ReadTextFile.
absl::StatusOr<FromFile> ReadFromFile(const TuneRequest& request);

// Prints the bad lines on the error stream, those beyond the first ten as a number.
void TellBadLines(const std::vector<std::string>& bad);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_TUNE_FROM_H_
