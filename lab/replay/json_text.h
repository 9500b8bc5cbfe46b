// Parses JSON from outside. Input that could crash or stall the parser or its callers is refused
// with its line and column.

#ifndef JITATTN_LAB_REPLAY_JSON_TEXT_H_
#define JITATTN_LAB_REPLAY_JSON_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::lab {

// Copying, comparing and writing JSON recurse, so the depth must be bounded. Tuners' files nest six
// levels deep.
inline constexpr int kMaxJsonDepth = 64;

// InvalidArgument, "line 3, column 7: …": the text is not JSON, a number is out of range of double,
// or values are nested deeper than kMaxJsonDepth. Keys are sorted, since the library's ordered_json
// takes quadratic time: it compares each new key with all keys of its object.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text);

// As above; also sets `keys` to the distinct keys of all objects at `depth` (1: the outermost
// object), in the order of the file.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, int depth,
                                         std::vector<std::string>* keys);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_JSON_TEXT_H_
