// Text, perhaps compressed → a recording.

#include "cli/recording_file.h"

#include "absl/strings/str_format.h"
#include "cli/gzip.h"
#include "cli/text_file.h"

namespace jitattn::cli {

absl::StatusOr<search::Recording> ReadRecordingFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadTextFile(path);
  if (!text.ok()) return text.status();
  if (IsGzip(*text)) text = Gunzip(*text);
  absl::StatusOr<search::Recording> recording =
      text.ok() ? search::ReadRecording(*text) : text.status();
  if (recording.ok()) return recording;
  // Not InvalidArgument: the command line was right, the file is not.
  return absl::DataLossError(absl::StrFormat("%s: not a usable recording: %s", path,
                                             std::string(recording.status().message())));
}

}  // namespace jitattn::cli
