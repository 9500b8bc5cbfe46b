// From a record's text to the decision whether it may be used on this CPU.

#ifndef JITATTN_CACHE_ADMISSION_H_
#define JITATTN_CACHE_ADMISSION_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cache/store.h"

namespace jitattn::cache {

struct Admission {
  StoredRecord stored;
  // OK, or why this record, though sound, is not for this CPU: another vendor, family or model
  // (FailedPrecondition), or a configuration that ops::Validate refuses here (InvalidArgument).
  absl::Status use;
};

// Fails where the record is unsound on any CPU. Messages begin with `path`.
absl::StatusOr<Admission> Admit(std::string_view toml, const std::string& path, const Cpu& cpu,
                                const Fingerprint& host);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_ADMISSION_H_
