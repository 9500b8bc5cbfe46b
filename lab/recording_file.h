// Recorded spaces on disk.

#ifndef JITATTN_LAB_RECORDING_FILE_H_
#define JITATTN_LAB_RECORDING_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "lab/replay/recording.h"

namespace jitattn::lab {

// Reads a recording in any format of lab/replay/recording.h, also compressed by gzip. DataLoss: not
// a usable recording; the message begins with the path.
absl::StatusOr<Recording> ReadRecordingFile(const std::string& path);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_RECORDING_FILE_H_
