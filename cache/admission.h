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
  // OK if this CPU may use the record. FailedPrecondition: the record is of another vendor, family
  // or model. InvalidArgument: ops::Validate refuses its configuration on this CPU.
  absl::Status use;
};

// Parses a record and decides whether `cpu` may use it. Fails if the record is invalid on every
// CPU. All messages begin with `path`.
absl::StatusOr<Admission> Admit(std::string_view toml, const std::string& path, const Cpu& cpu,
                                const Fingerprint& host);

}  // namespace jitattn::cache

#endif  // JITATTN_CACHE_ADMISSION_H_
