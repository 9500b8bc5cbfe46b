// JSON objects that several commands print. docs/json.md lists every key. The keys are an
// interface: keys may be added, never renamed.

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

// {"jitattn": "0.1.0", "command": "tune"}: the first keys of every document.
Json JsonHead(std::string_view command);

Json ToJson(const ops::Problem& problem);
Json ToJson(const ops::Config& config);  // field → number or label
Json ToJson(const cache::Record& record);
Json ToJson(const runtime::Statistics& seconds);

// `value`, or null for infinities and NaN, which JSON cannot express.
Json Number(double value);
Json OrNull(std::string_view text);  // `text`, or null for ""

// Indented text. Control characters, which a terminal would obey, are escaped.
std::string JsonText(const Json& json);
void PrintJson(const Json& json);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_JSON_H_
