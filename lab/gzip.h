// Decompression of gzip files, the usual form of public recordings.

#ifndef JITATTN_LAB_GZIP_H_
#define JITATTN_LAB_GZIP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/text_file.h"

namespace jitattn::lab {

// Returns whether the first two bytes are those of a gzip file.
bool IsGzip(std::string_view bytes);

// Decompresses `bytes`, one or several gzip members. DataLoss: cut short, damaged, followed by
// other bytes, or longer than `max_bytes` when decompressed (a few KB may hold a GB).
// Unimplemented: built without zlib.
absl::StatusOr<std::string> Gunzip(std::string_view bytes, int64_t max_bytes = cli::kMaxTextBytes);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_GZIP_H_
