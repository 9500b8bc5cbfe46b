// Finds the floor of a row by the rules.

#include "lab/bench_floors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace jitattn::lab {
namespace {

std::optional<Metric> MetricFromName(std::string_view name) {
  for (const Metric metric :
       {Metric::kFraction, Metric::kSpeedup, Metric::kCycles, Metric::kCliff, Metric::kOverhead}) {
    if (name == Name(metric)) return metric;
  }
  return std::nullopt;
}

bool IsRange(const cli::Json& wanted) {
  return wanted.is_array() && wanted.size() == 2 &&
         std::all_of(wanted.begin(), wanted.end(),
                     [](const cli::Json& end) { return end.is_null() || end.is_number(); });
}

bool Holds(const cli::Json& wanted, const cli::Json& fact) {
  if (!wanted.is_array()) return wanted == fact;
  return fact.is_number() && (wanted[0].is_null() || fact >= wanted[0]) &&
         (wanted[1].is_null() || fact <= wanted[1]);
}

bool AllHold(const cli::Json& when, const cli::Json& facts) {
  for (const auto& [name, wanted] : when.items()) {
    if (!facts.contains(name) || !Holds(wanted, facts[name])) return false;
  }
  return true;
}

// Returns what is wrong with the rule; "" if it is valid.
std::string WrongWith(const cli::Json& rule) {
  if (!rule.is_object() || !rule.contains("when") || !rule["when"].is_object()) {
    return "has no conditions";
  }
  for (const auto& [name, wanted] : rule["when"].items()) {
    if (!wanted.is_string() && !wanted.is_number() && !IsRange(wanted)) {
      return absl::StrCat("has a condition on ", name, " that is neither a value nor a range");
    }
  }
  if (!rule.contains("of") || !rule["of"].is_string() ||
      !MetricFromName(rule["of"].get<std::string>())) {
    return "has a metric that is not one of fraction, speedup, cycles, cliff, overhead";
  }
  if (!rule.contains("aim") || !rule["aim"].is_number()) return "has no aim";
  if (!rule.contains("floor") || (!rule["floor"].is_number() && !rule["floor"].is_null())) {
    return "has a floor that is neither a number nor null";
  }
  return "";
}

}  // namespace

cli::Json FactsOf(const cache::Key& key) {
  const ops::Problem& problem = key.bucket;
  cli::Json facts = cli::ToJson(problem);
  facts["isa"] = Name(key.conditions.isa);
  facts["threads"] = key.conditions.threads;
  facts["buffers"] = ops::Name(key.conditions.buffers);
  facts["flops"] = ops::Flops(problem);
  facts["bytes"] = ops::Bytes(problem);
  if (problem.operation().facts != nullptr) {
    for (const auto& [name, value] : problem.operation().facts(problem)) {
      facts[std::string(name)] = value;
    }
  }
  return facts;
}

absl::StatusOr<Floors> Floors::Parse(std::string_view json, const cache::Fingerprint& host) {
  const cli::Json data = cli::Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!data.is_object() || !data.contains("kinds") || !data["kinds"].is_array()) {
    return absl::InvalidArgumentError("floors: expected a JSON object with a list `kinds`");
  }
  const std::string cpu = absl::StrCat(host.vendor, "-", host.family, "-", host.model);
  Floors floors;
  for (const cli::Json& kind : data["kinds"]) {
    if (!kind.is_object() || !kind.contains("kind") || !kind["kind"].is_string() ||
        !kind.contains("cpus") || !kind.contains("rules") || !kind["rules"].is_array()) {
      return absl::InvalidArgumentError("floors: a kind needs kind, cpus and rules");
    }
    const std::string name = kind["kind"];
    for (size_t i = 0; i < kind["rules"].size(); ++i) {
      const std::string wrong = WrongWith(kind["rules"][i]);
      if (!wrong.empty()) {
        return absl::InvalidArgumentError(
            absl::StrFormat("floors: rule %d of %s %s", i + 1, name, wrong));
      }
    }
    const cli::Json& cpus = kind["cpus"];
    if (std::find(cpus.begin(), cpus.end(), cli::Json(cpu)) != cpus.end()) {
      floors.kind_ = name;
      floors.rules_ = kind["rules"];
    }
  }
  return floors;
}

std::optional<Floor> Floors::Find(const cache::Key& key) const {
  const cli::Json facts = FactsOf(key);
  for (const cli::Json& rule : rules_) {
    if (!AllHold(rule["when"], facts)) continue;
    Floor floor{.metric = *MetricFromName(rule["of"].get<std::string>()), .aim = rule["aim"]};
    if (rule["floor"].is_number()) floor.floor = rule["floor"].get<double>();
    return floor;
  }
  return std::nullopt;
}

}  // namespace jitattn::lab
