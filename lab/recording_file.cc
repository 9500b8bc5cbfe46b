// Reads recordings, which may be compressed.

#include "lab/recording_file.h"

#include "absl/strings/str_format.h"
#include "cli/text_file.h"
#include "lab/gzip.h"

namespace jitattn::lab {

absl::StatusOr<Recording> ReadRecordingFile(const std::string& path) {
  absl::StatusOr<std::string> text = cli::ReadTextFile(path);
  if (!text.ok()) return text.status();
  if (IsGzip(*text)) text = Gunzip(*text);
  absl::StatusOr<Recording> recording = text.ok() ? ReadRecording(*text) : text.status();
  if (recording.ok()) return recording;
  // Not InvalidArgument: the command line is right, and the file is wrong.
  return absl::DataLossError(absl::StrFormat("%s: not a usable recording: %s", path,
                                             std::string(recording.status().message())));
}

}  // namespace jitattn::lab
