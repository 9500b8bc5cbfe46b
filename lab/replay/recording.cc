// Reading and writing recordings.

#include "lab/replay/recording.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lab/replay/json_text.h"

namespace jitattn::lab {
namespace {

using Json = nlohmann::json;             // for reading
using Written = nlohmann::ordered_json;  // for writing; keeps the order of keys

constexpr double kMilli = 1e-3;
// The time of a failed point in early Kernel Tuner caches.
constexpr double kOldFailure = 1e20;

// Not by StrFormat, which aborts the process when memory for its string runs out.
std::string SeventeenDigits(double number) {
  char text[32];
  absl::SNPrintF(text, sizeof text, "%.17g", number);
  return text;
}

// A text that is equal exactly for equal values. Numbers compare by value: 1 and 1.0 are equal.
std::string Identity(const Json& value) {
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    const bool whole = number == std::floor(number) && std::abs(number) < 9.0e18;
    if (whole) return absl::StrCat(static_cast<int64_t>(number));
    return SeventeenDigits(number);
  }
  return value.dump();
}

// The values of one parameter in the order of the file, and the parameter, which sorts them.
struct Axis {
  std::vector<Json> values;
  search::Parameter parameter;
  std::unordered_map<std::string, int> index;  // Identity of a value → index in parameter.values

  std::optional<int> Find(const Json& value) const {
    const auto it = index.find(Identity(value));
    if (it == index.end()) return std::nullopt;
    return it->second;
  }
};

double AsNumber(const Json& value) {
  return value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>();
}

Axis MakeAxis(std::string name, std::vector<Json> values) {
  Axis axis{std::move(values), {}, {}};
  search::Parameter& parameter = axis.parameter;
  parameter.name = std::move(name);
  std::vector<int> order(axis.values.size());
  std::iota(order.begin(), order.end(), 0);
  const bool numbers = std::all_of(axis.values.begin(), axis.values.end(), [](const Json& value) {
    return value.is_number() || value.is_boolean();
  });
  if (numbers) {
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return AsNumber(axis.values[a]) < AsNumber(axis.values[b]);
    });
  } else {
    parameter.kind = search::Parameter::Kind::kCategorical;
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const Json& value = axis.values[order[i]];
    axis.index.try_emplace(Identity(value), static_cast<int>(i));
    parameter.values.push_back(numbers ? AsNumber(value) : static_cast<double>(i));
    if (!numbers || value.is_boolean()) {
      parameter.labels.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  // Either all values have labels or none has: a list of numbers and booleans is written as
  // numbers.
  if (parameter.labels.size() != parameter.values.size()) parameter.labels.clear();
  const std::vector<double>& v = parameter.values;
  if (numbers && v.size() > 2 && v[0] >= 0 && v.back() - v[v.size() - 2] > 2 * (v[1] - v[0])) {
    parameter.kind = search::Parameter::Kind::kLog;
  }
  return axis;
}

// Writes integers without a fraction (16, not 16.0), as tuners write integer parameters.
Written NumberJson(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Written ValueJson(const search::Parameter& parameter, int index) {
  if (parameter.labels.empty()) return NumberJson(parameter.values[index]);
  const std::string& label = parameter.labels[index];
  if (label == "true" || label == "false") return label == "true";
  return label;
}

std::string KeyText(const Written& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";  // as Python spells them
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Names come from outside: bytes that are not UTF-8 are replaced, since plain dump() would throw.
std::string Text(const Written& json) {
  return json.dump(-1, ' ', false, Written::error_handler_t::replace) + "\n";
}

// Seconds to milliseconds, the files' unit, rounded to seven digits: more than a clock resolves,
// and half the length of all digits.
double Milliseconds(double seconds) {
  char text[32];  // not by StrFormat; see SeventeenDigits()
  absl::SNPrintF(text, sizeof text, "%.7g", seconds / kMilli);
  double value = 0;
  (void)absl::SimpleAtod(text, &value);
  return value;
}

double NumberAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>() : 0.0;
}

std::string TextAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::vector<double> SamplesAt(const Json& object, const char* key) {
  std::vector<double> samples;
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) return samples;
  for (const Json& sample : *it) {
    if (sample.is_number()) samples.push_back(sample.get<double>() * kMilli);
  }
  return samples;
}

// Depth of the keys in {"results": [{"configuration": {…
constexpr int kConfigurationDepth = 4;

struct Document {
  Json json;
  std::vector<std::string> names;  // keys at kConfigurationDepth; T4's parameters are among them
};

absl::StatusOr<Document> Parse(std::string_view text) {
  Document document;
  absl::StatusOr<Json> json = ParseJson(text, kConfigurationDepth, &document.names);
  if (!json.ok()) {
    const std::string closed(text.substr(0, text.find_last_not_of(" \t\r\n,") + 1));
    if (absl::StatusOr<Json> again = ParseJson(closed + "}}"); again.ok()) json = std::move(again);
  }
  if (!json.ok() || !json->is_object()) {
    return absl::InvalidArgumentError(json.ok()
                                          ? "a recording must be a JSON object"
                                          : absl::StrCat("a recording must be a JSON object; ",
                                                         std::string(json.status().message())));
  }
  document.json = *std::move(json);
  return document;
}

// Builds the space, and sorts the file's points by rank.
absl::StatusOr<Recording> Assemble(const std::vector<Axis>& axes, std::vector<search::Point> where,
                                   std::vector<RecordedPoint> points) {
  std::vector<search::Parameter> parameters;
  for (const Axis& axis : axes) parameters.push_back(axis.parameter);
  absl::StatusOr<search::Space> space = search::Space::FromPoints(std::move(parameters), where);
  if (!space.ok()) return space.status();
  Recording recording;
  recording.space = *std::move(space);
  recording.points.resize(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    recording.points[*recording.space.RankOf(where[i])] = std::move(points[i]);
  }
  return recording;
}

// Reads the point that `object` describes; its fields have the names of the axes.
absl::StatusOr<search::Point> ReadPoint(const std::vector<Axis>& axes, const Json& object,
                                        const std::string& entry) {
  search::Point point;
  for (const Axis& axis : axes) {
    const auto it = object.find(axis.parameter.name);
    if (it == object.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", entry, " lacks parameter '", axis.parameter.name, "'"));
    }
    const std::optional<int> index = axis.Find(*it);
    if (!index) {
      return absl::InvalidArgumentError(absl::StrCat("entry ", entry, ": ", it->dump(),
                                                     " is not a value of parameter '",
                                                     axis.parameter.name, "'"));
    }
    point.push_back(*index);
  }
  return point;
}

void Fail(std::string why, RecordedPoint* point) {
  point->cost = std::numeric_limits<double>::infinity();
  point->error = std::move(why);
}

absl::Status CheckCost(const RecordedPoint& point, const std::string& entry) {
  if (point.failed() || (std::isfinite(point.cost) && point.cost > 0)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("entry ", entry, " has the time ", point.cost / kMilli, " ms"));
}

}  // namespace

namespace {

absl::StatusOr<Recording> FromKernelTunerCache(const Json& json) {
  const auto keys = json.find("tune_params_keys"), lists = json.find("tune_params"),
             cache = json.find("cache");
  if (keys == json.end() || !keys->is_array() || lists == json.end() || !lists->is_object() ||
      cache == json.end() || !cache->is_object()) {
    return absl::InvalidArgumentError(
        "a Kernel Tuner cache needs tune_params_keys, tune_params and cache");
  }
  std::vector<Axis> axes;
  for (const Json& key : *keys) {
    const auto values = key.is_string() ? lists->find(key.get<std::string>()) : lists->end();
    if (values == lists->end() || !values->is_array()) {
      return absl::InvalidArgumentError(absl::StrCat("tune_params has no list for ", key.dump()));
    }
    axes.push_back(MakeAxis(key, std::vector<Json>(values->begin(), values->end())));
  }

  std::vector<search::Point> where;
  std::vector<RecordedPoint> points;
  std::multimap<double, search::Point> seeds;  // by position
  for (const auto& [key, entry] : cache->items()) {
    const std::string name = absl::StrCat("'", key, "'");
    if (!entry.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat("entry ", name, " is not an object"));
    }
    absl::StatusOr<search::Point> point = ReadPoint(axes, entry, name);
    if (!point.ok()) return point.status();
    RecordedPoint recorded;
    recorded.samples = SamplesAt(entry, "times");
    recorded.compile_seconds = NumberAt(entry, "compile_time") * kMilli;
    recorded.benchmark_seconds = NumberAt(entry, "benchmark_time") * kMilli;
    recorded.timestamp = TextAt(entry, "timestamp");
    recorded.cost = NumberAt(entry, "time") * kMilli;
    if (const std::string error = TextAt(entry, "time"); !error.empty()) Fail(error, &recorded);
    if (NumberAt(entry, "time") >= kOldFailure) Fail("RuntimeFailedConfig", &recorded);
    if (absl::Status status = CheckCost(recorded, name); !status.ok()) return status;
    if (const double place = NumberAt(entry, "seed"); place > 0) seeds.emplace(place, *point);
    where.push_back(*std::move(point));
    points.push_back(std::move(recorded));
  }
  absl::StatusOr<Recording> recording = Assemble(axes, std::move(where), std::move(points));
  if (!recording.ok()) return recording.status();
  for (const auto& [place, point] : seeds) {
    recording->seeds.push_back(*recording->space.RankOf(point));
  }
  recording->device = TextAt(json, "device_name");
  recording->kernel = TextAt(json, "kernel_name");
  if (const auto size = json.find("problem_size"); size != json.end()) {
    for (const Json& extent : size->is_array() ? *size : Json::array({*size})) {
      if (extent.is_number_integer()) recording->problem_size.push_back(extent);
    }
  }
  return recording;
}

}  // namespace

absl::StatusOr<Recording> ReadKernelTunerCache(std::string_view text) {
  const absl::StatusOr<Document> document = Parse(text);
  return document.ok() ? FromKernelTunerCache(document->json) : document.status();
}

std::string WriteKernelTunerCache(const Recording& recording) {
  const search::Space& space = recording.space;
  Written keys = Written::array(), lists = Written::object(), cache = Written::object();
  for (const search::Parameter& parameter : space.parameters()) {
    keys.push_back(parameter.name);
    for (size_t i = 0; i < parameter.values.size(); ++i) {
      lists[parameter.name].push_back(ValueJson(parameter, static_cast<int>(i)));
    }
  }
  for (int rank = 0; rank < space.size(); ++rank) {
    const RecordedPoint& point = recording.points[rank];
    Written entry = Written::object();
    std::vector<std::string> key;
    for (int p = 0; p < space.dimensions(); ++p) {
      const Written value = ValueJson(space.parameters()[p], space.Row(rank)[p]);
      key.push_back(KeyText(value));
      entry[space.parameters()[p].name] = value;
    }
    // The format has three words for failure.
    const bool known = point.error == "InvalidConfig" || point.error == "CompilationFailedConfig";
    entry["time"] = !point.failed() ? Written(Milliseconds(point.cost))
                    : known         ? Written(point.error)
                                    : Written("RuntimeFailedConfig");
    if (!point.samples.empty()) {
      for (const double sample : point.samples) entry["times"].push_back(Milliseconds(sample));
    }
    entry["compile_time"] = Milliseconds(point.compile_seconds);
    entry["verification_time"] = 0;
    entry["benchmark_time"] = Milliseconds(point.benchmark_seconds);
    entry["strategy_time"] = 0;
    entry["framework_time"] = 0;
    entry["timestamp"] = point.timestamp;
    const auto seed = std::find(recording.seeds.begin(), recording.seeds.end(), rank);
    if (seed != recording.seeds.end()) entry["seed"] = seed - recording.seeds.begin() + 1;
    cache[absl::StrJoin(key, ",")] = std::move(entry);
  }
  const Written json = {{"schema_version", "1.1.0"},
                        {"device_name", recording.device},
                        {"kernel_name", recording.kernel},
                        {"problem_size", recording.problem_size},
                        {"tune_params_keys", std::move(keys)},
                        {"tune_params", std::move(lists)},
                        {"objective", "time"},
                        {"cache", std::move(cache)}};
  return Text(json);
}

namespace {

// Seconds in a unit of time, by the files' name for it; an unknown name means milliseconds.
double SecondsIn(const std::string& unit) {
  if (unit.starts_with("mic") || unit == "us") return 1e-6;
  if (unit.starts_with("nano") || unit == "ns") return 1e-9;
  return unit.starts_with("sec") || unit == "s" ? 1.0 : kMilli;
}

// The distinct values of one parameter, in the order of the file.
struct Values {
  std::vector<Json> list;
  std::unordered_set<std::string> known;  // by identity
};

absl::StatusOr<Recording> FromT4Results(const Document& document) {
  const Json& json = document.json;
  const auto results = json.find("results");
  if (results == json.end() || !results->is_array() || results->empty()) {
    return absl::InvalidArgumentError("T4 results need a nonempty list `results`");
  }
  std::unordered_map<std::string, Values> seen;  // by the parameter's name
  for (const Json& result : *results) {
    if (!result.is_object() || !result.contains("configuration") ||
        !result["configuration"].is_object()) {
      return absl::InvalidArgumentError(
          absl::StrCat("result ", &result - &results->front(), " has no configuration"));
    }
    for (const auto& [name, value] : result["configuration"].items()) {
      Values& values = seen[name];
      if (values.known.insert(Identity(value)).second) values.list.push_back(value);
    }
  }
  std::vector<Axis> axes;
  for (const std::string& name : document.names) {
    const auto it = seen.find(name);
    if (it != seen.end()) axes.push_back(MakeAxis(name, std::move(it->second.list)));
  }

  std::vector<search::Point> where;
  std::vector<RecordedPoint> points;
  for (const Json& result : *results) {
    const std::string name = absl::StrCat(points.size());
    absl::StatusOr<search::Point> point = ReadPoint(axes, result["configuration"], name);
    if (!point.ok()) return point.status();
    RecordedPoint recorded;
    if (const auto times = result.find("times"); times != result.end() && times->is_object()) {
      recorded.samples = SamplesAt(*times, "runtimes");
      // The schema has `compilation_time`; files published by Kernel Tuner's authors have
      // `compilation`.
      recorded.compile_seconds =
          (NumberAt(*times, "compilation_time") + NumberAt(*times, "compilation")) * kMilli;
    }
    recorded.timestamp = TextAt(result, "timestamp");
    recorded.benchmark_seconds =
        std::accumulate(recorded.samples.begin(), recorded.samples.end(), 0.0);
    if (!recorded.samples.empty()) {
      recorded.cost = recorded.benchmark_seconds / static_cast<double>(recorded.samples.size());
    }
    if (const auto list = result.find("measurements"); list != result.end() && list->is_array()) {
      for (const Json& measurement : *list) {
        if (measurement.is_object() && TextAt(measurement, "name") == "time" &&
            NumberAt(measurement, "value") > 0) {
          recorded.cost = NumberAt(measurement, "value") * SecondsIn(TextAt(measurement, "unit"));
        }
      }
    }
    const std::string invalidity = TextAt(result, "invalidity");
    if (invalidity != "correct") Fail(invalidity.empty() ? "unknown" : invalidity, &recorded);
    if (absl::Status status = CheckCost(recorded, name); !status.ok()) return status;
    where.push_back(*std::move(point));
    points.push_back(std::move(recorded));
  }
  return Assemble(axes, std::move(where), std::move(points));
}

}  // namespace

absl::StatusOr<Recording> ReadT4Results(std::string_view text) {
  const absl::StatusOr<Document> document = Parse(text);
  return document.ok() ? FromT4Results(*document) : document.status();
}

std::string WriteT4Results(const Recording& recording) {
  const search::Space& space = recording.space;
  Written results = Written::array();
  for (int rank = 0; rank < space.size(); ++rank) {
    const RecordedPoint& point = recording.points[rank];
    Written configuration = Written::object(), runtimes = Written::array();
    for (int p = 0; p < space.dimensions(); ++p) {
      const search::Parameter& parameter = space.parameters()[p];
      configuration[parameter.name] = ValueJson(parameter, space.Row(rank)[p]);
    }
    for (const double sample : point.samples) runtimes.push_back(Milliseconds(sample));
    Written result = {{"timestamp", point.timestamp},
                      {"configuration", std::move(configuration)},
                      {"times",
                       {{"compilation_time", Milliseconds(point.compile_seconds)},
                        {"framework", 0},
                        {"search_algorithm", 0},
                        {"validation", 0},
                        {"runtimes", std::move(runtimes)}}},
                      {"invalidity", "correct"},
                      {"correctness", point.failed() ? 0 : 1},
                      {"measurements", Written::array()},
                      {"objectives", {"time"}}};
    if (point.failed()) {
      const std::string& error = point.error;
      const bool known = error == "timeout" || error == "compile" || error == "correctness" ||
                         error == "constraints";
      result["invalidity"] = known                                ? error
                             : error == "CompilationFailedConfig" ? "compile"
                             : error == "InvalidConfig"           ? "constraints"
                                                                  : "runtime";
    } else {
      result["measurements"].push_back(
          {{"name", "time"}, {"value", Milliseconds(point.cost)}, {"unit", "ms"}});
    }
    results.push_back(std::move(result));
  }
  const Written json = {{"schema_version", "1.0.0"}, {"results", std::move(results)}};
  return Text(json);
}

absl::StatusOr<Recording> ReadRecording(std::string_view text) {
  const absl::StatusOr<Document> document = Parse(text);
  if (!document.ok()) return document.status();
  return document->json.contains("results") ? FromT4Results(*document)
                                            : FromKernelTunerCache(document->json);
}

}  // namespace jitattn::lab
