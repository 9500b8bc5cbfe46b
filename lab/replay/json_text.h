// JSON from outside: what its parser or its users do not survive is refused, with the place.

#ifndef JITATTN_LAB_REPLAY_JSON_TEXT_H_
#define JITATTN_LAB_REPLAY_JSON_TEXT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace jitattn::lab {

// Copying, comparing and writing JSON recurse; files of tuners nest six deep.
inline constexpr int kMaxJsonDepth = 64;

// InvalidArgument, "line 3, column 7: …": no JSON, a number that no double holds, values nested
// deeper than kMaxJsonDepth. Keys come sorted: the library's ordered_json looks through all keys of
// an object for each new one.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text);

// The same. `keys`: the keys of objects at this depth (the outermost object's are at 1), each once,
// in the order of the file.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, int depth,
                                         std::vector<std::string>* keys);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_REPLAY_JSON_TEXT_H_
