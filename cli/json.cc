// Problems, configurations and records as JSON.

#include "cli/json.h"

#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "jitattn/jitattn.h"
#include "ops/operation.h"

namespace jitattn::cli {

Json JsonHead(std::string_view command) {
  return {{"jitattn", jitattn_version()}, {"command", command}};
}

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json OrNull(std::string_view text) { return text.empty() ? Json(nullptr) : Json(text); }

Json ToJson(const ops::Problem& problem) {
  const ops::Operation& operation = problem.operation();
  Json json = {{"op", operation.name},
               {"describe", ops::Describe(problem)},
               {"dtype", Name(problem.dtype())}};
  for (const ops::Option& option : operation.options) {
    const int value = option.get(problem);
    if (value != 0 || !option.is_extra) json[std::string(option.name)] = option.words[value];
  }
  for (const ops::Dim& dim : operation.dims) {
    const int64_t size = dim.get(problem);
    if (size != 0 || !dim.is_extra) json[std::string(dim.name)] = size;
  }
  return json;
}

Json ToJson(const ops::Config& config) {
  Json json = {{"algorithm", config.algorithm().name}};
  for (const ops::Field& field : config.algorithm().fields) {
    const int value = field.get(config);
    const bool labelled = value >= 0 && value < static_cast<int>(field.labels.size());
    json[std::string(field.name)] = labelled ? Json(field.labels[value]) : Json(value);
  }
  return json;
}

Json ToJson(const cache::Record& record) {
  const cache::Record::Result& result = record.result;
  return {{"key", record.key.ToString()},
          {"problem", ToJson(record.problem)},
          {"threads", record.key.conditions.threads},
          {"isa", Name(record.key.conditions.isa)},
          {"buffers", ops::Name(record.key.conditions.buffers)},
          {"kernel", record.kernel},
          {"code_hash", absl::StrFormat("%016x", record.code_hash)},
          {"config", ToJson(record.config)},
          {"default_config", ToJson(result.default_config)},
          {"seconds_median", Number(result.median_s)},
          {"seconds_mad", Number(result.mad_s)},
          {"seconds_min", Number(result.min_s)},
          {"samples", result.samples},
          {"default_seconds_median", Number(result.default_median_s)},
          {"gain", Number(result.gain)},
          {"gain_low", Number(result.gain_low)},
          {"gain_high", Number(result.gain_high)},
          {"max_error", Number(result.max_error)},
          {"strategy", result.strategy},
          {"seed", result.seed},
          {"evaluations", result.evaluations},
          {"space_size", result.space_size},
          {"tuning_seconds", Number(result.tuning_s)},
          {"complete", result.complete},
          {"layout", Name(record.key.conditions.layout)},
          {"machine_flags", result.machine_flags},
          {"jitattn_version", record.jitattn_version},
          {"xbyak_version", record.xbyak_version},
          {"date", record.date}};
}

Json ToJson(const runtime::Statistics& seconds) {
  return {{"samples", seconds.samples}, {"mean", Number(seconds.mean)},
          {"std", Number(seconds.std)}, {"cv", Number(seconds.cv)},
          {"min", Number(seconds.min)}, {"p50", Number(seconds.median)},
          {"p95", Number(seconds.p95)}, {"p99", Number(seconds.p99)},
          {"max", Number(seconds.max)}, {"mad", Number(seconds.mad)}};
}

std::string JsonText(const Json& json) {
  // Paths may hold any bytes: invalid UTF-8 is written as U+FFFD, where dump() would throw by
  // default.
  const std::string dumped = json.dump(2, ' ', false, Json::error_handler_t::replace);
  // JSON does not escape DEL and the C1 controls, but terminals obey them. Both occur in strings
  // only, where an escape has the same meaning.
  std::string text;
  for (size_t i = 0; i < dumped.size(); ++i) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(dumped[at]); };
    if (byte(i) == 0x7f) {
      text += "\\u007f";
    } else if (byte(i) == 0xc2 && byte(i + 1) < 0xa0) {
      text += absl::StrFormat("\\u%04x", byte(++i));
    } else {
      text += dumped[i];
    }
  }
  return text;
}

void PrintJson(const Json& json) { std::printf("%s\n", JsonText(json).c_str()); }

}  // namespace jitattn::cli
