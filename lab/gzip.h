// Files compressed by gzip, as public recordings are kept.

#ifndef JITATTN_LAB_GZIP_H_
#define JITATTN_LAB_GZIP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/text_file.h"

namespace jitattn::lab {

// By the first two bytes, not by a name.
bool IsGzip(std::string_view bytes);

// What `bytes`, one gzip member or several, hold. DataLoss: cut short, damaged, followed by other
// bytes, or more than `max_bytes` when unpacked: a few KB may hold a GB. Unimplemented: built
// without zlib.
absl::StatusOr<std::string> Gunzip(std::string_view bytes, int64_t max_bytes = cli::kMaxTextBytes);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_GZIP_H_
