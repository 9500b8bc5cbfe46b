// The pieces that the JSON of several commands shares. docs/json.md lists every key; the keys are
// an interface: added, never renamed.

#ifndef JITATTN_CLI_JSON_H_
#define JITATTN_CLI_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cache/record.h"
#include "ops/config.h"
#include "ops/problem.h"
#include "runtime/statistics.h"

namespace jitattn::cli {

using Json = nlohmann::ordered_json;  // keys in the order in which they are written

// {"jitattn": "0.1.0", "command": "tune"}: how every output begins.
Json JsonHead(std::string_view command);

Json ToJson(const ops::Problem& problem);
Json ToJson(const ops::Config& config);  // field → number or label
Json ToJson(const cache::Record& record);
Json ToJson(const runtime::Statistics& seconds);

// Finite numbers as they are; the rest, which JSON cannot write, as null.
Json Number(double value);
Json OrNull(std::string_view text);  // "" as null

// Indented, without a control character that a terminal would obey.
std::string JsonText(const Json& json);
void PrintJson(const Json& json);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_JSON_H_
