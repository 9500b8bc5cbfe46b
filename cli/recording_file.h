// Recorded spaces on disk.

#ifndef JITATTN_CLI_RECORDING_FILE_H_
#define JITATTN_CLI_RECORDING_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "search/recording.h"

namespace jitattn::cli {

// Any format of search/recording.h, also compressed. DataLoss: not a usable recording; the message
// begins with the path.
absl::StatusOr<search::Recording> ReadRecordingFile(const std::string& path);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_RECORDING_FILE_H_
