// How a problem is solved: functions that work on the algorithms' tables of fields.

#include "ops/config.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ops/operation.h"
#include "parallel/thread_pool.h"

namespace jitattn::ops {
namespace {

bool BelongsTo(const Algorithm& algorithm, const Operation& operation) {
  const auto& all = operation.algorithms;
  return std::find(all.begin(), all.end(), &algorithm) != all.end();
}

}  // namespace

const Field* FindField(const Algorithm& algorithm, std::string_view name) {
  for (const Field& field : algorithm.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string ValueText(const Field& field, int value) {
  if (value >= 0 && static_cast<size_t>(value) < field.labels.size()) {
    return std::string(field.labels[value]);
  }
  return absl::StrCat(value);
}

absl::StatusOr<int> ParseValue(const Field& field, std::string_view text) {
  for (size_t i = 0; i < field.labels.size(); ++i) {
    if (text == field.labels[i]) return static_cast<int>(i);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    std::string expected = "a number";
    for (std::string_view label : field.labels) {
      absl::StrAppend(&expected, ", ", std::string(label));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(field.name), "=", std::string(text), ": expected ", expected));
  }
  return value;
}

absl::Status CheckLadder(const Field& field, int value) {
  if (field.role == Field::Role::kThreads) {
    if (value >= 1 && value <= kMaxThreads) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(field.name), " ", value, " is not between 1 and ", kMaxThreads));
  }
  if (std::find(field.values.begin(), field.values.end(), value) != field.values.end()) {
    return absl::OkStatus();
  }
  const auto text = [&](std::string* out, int v) { out->append(ValueText(field, v)); };
  return absl::InvalidArgumentError(absl::StrCat(std::string(field.name), " ",
                                                 ValueText(field, value), ": expected one of ",
                                                 absl::StrJoin(field.values, ", ", text)));
}

absl::Status Validate(const Config& config, const Problem& problem, const Cpu& cpu) {
  const Algorithm& algorithm = config.algorithm();
  if (!BelongsTo(algorithm, problem.operation())) {
    return absl::InvalidArgumentError(absl::StrCat("a configuration of the algorithm ",
                                                   std::string(algorithm.name), " does not fit ",
                                                   std::string(problem.operation().name)));
  }
  for (const Field& field : algorithm.fields) {
    if (absl::Status s = CheckLadder(field, field.get(config)); !s.ok()) return s;
  }
  const Isa isa = config.isa();
  if (isa > cpu.isa) {
    const bool capped = isa <= cpu.detected_isa;
    return absl::InvalidArgumentError(absl::StrCat(
        "isa ", std::string(Name(isa)), capped ? " is capped: " : " is not available: ",
        "this process may use ", std::string(Name(cpu.isa))));
  }
  if (NeedsF16c(problem) && isa != Isa::kPortable && !cpu.f16c) {
    return absl::InvalidArgumentError(
        absl::StrCat("isa ", std::string(Name(isa)), " needs F16C for f16, which this CPU lacks"));
  }
  return algorithm.validate == nullptr ? absl::OkStatus()
                                       : algorithm.validate(config, problem, cpu);
}

Config Canonical(const Config& config, const Problem& problem) {
  const Algorithm& algorithm = config.algorithm();
  if (!BelongsTo(algorithm, problem.operation())) return config;  // Validate refuses it
  return algorithm.canonical == nullptr ? config : algorithm.canonical(config, problem);
}

std::string KernelName(const Problem& problem, const Config& config) {
  const Algorithm& algorithm = config.algorithm();
  std::string name =
      absl::StrCat(problem.operation().code_name(problem), "_", std::string(algorithm.name));
  if (config.isa() == Isa::kPortable) return name;  // compiled code does not depend on the fields
  for (const Field& field : algorithm.fields) {
    if (!field.shapes_code()) continue;
    absl::StrAppend(&name, std::string(field.tag), ValueText(field, field.get(config)));
  }
  return name;
}

std::string ToString(const Config& config) {
  std::string text = absl::StrCat("algorithm=", std::string(config.algorithm().name));
  for (const Field& field : config.algorithm().fields) {
    absl::StrAppend(&text, " ", std::string(field.name), "=", ValueText(field, field.get(config)));
  }
  return text;
}

}  // namespace jitattn::ops
