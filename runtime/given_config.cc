// Parses a configuration that a user writes.

#include "runtime/given_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jitattn::runtime {
namespace {

constexpr std::string_view kAlgorithm = "algorithm";  // in addition to the names of fields

// A word "FIELD=VALUE".
struct Setting {
  std::string_view word, field, value;
};

std::vector<Setting> SettingsOf(std::string_view text) {
  std::vector<Setting> settings;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;  // several spaces in a row
    const size_t equals = word.find('=');
    settings.push_back({word, word.substr(0, equals),
                        equals == word.npos ? std::string_view() : word.substr(equals + 1)});
  }
  return settings;
}

bool HasAll(const ops::Algorithm& algorithm, const std::vector<Setting>& settings) {
  return std::all_of(settings.begin(), settings.end(), [&](const Setting& setting) {
    return setting.field == kAlgorithm ? setting.value == algorithm.name
                                       : ops::FindField(algorithm, setting.field) != nullptr;
  });
}

// True if `setting` sets the ISA. Every algorithm has a field for it.
bool SetsIsa(const ops::Operation& operation, const Setting& setting) {
  const auto sets = [&](const ops::Algorithm* algorithm) {
    const ops::Field* const field = ops::FindField(*algorithm, setting.field);
    return field != nullptr && field->role == ops::Field::Role::kIsa;
  };
  return std::any_of(operation.algorithms.begin(), operation.algorithms.end(), sets);
}

absl::Status UnknownField(const Setting& setting, const ops::Operation& operation) {
  std::string known;
  for (const ops::Algorithm* algorithm : operation.algorithms) {
    absl::StrAppend(&known, known.empty() ? "" : "; ", std::string(algorithm->name), ": ");
    std::vector<std::string> names;
    for (const ops::Field& field : algorithm->fields) names.emplace_back(field.name);
    absl::StrAppend(&known, absl::StrJoin(names, ", "));
  }
  return absl::InvalidArgumentError(absl::StrCat(std::string(setting.word),
                                                 ": expected FIELD=VALUE with the fields of one "
                                                 "algorithm of ",
                                                 std::string(operation.name), ". ", known));
}

absl::Status UnknownAlgorithm(const Setting& setting, const ops::Operation& operation) {
  const auto name = [](std::string* out, const ops::Algorithm* a) { out->append(a->name); };
  return absl::InvalidArgumentError(absl::StrCat(std::string(setting.word), ": expected one of ",
                                                 absl::StrJoin(operation.algorithms, ", ", name)));
}

// Checks that each field is given once and that the operation has the algorithm and the fields.
absl::Status CheckSettings(const std::vector<Setting>& settings, const ops::Operation& operation) {
  for (size_t i = 0; i < settings.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (settings[j].field != settings[i].field) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(std::string(settings[i].field), " is given twice"));
    }
    if (settings[i].field == kAlgorithm &&
        ops::FindAlgorithm(operation, settings[i].value) == nullptr) {
      return UnknownAlgorithm(settings[i], operation);
    }
  }
  // A field that no algorithm has is reported before one that only the chosen algorithm lacks.
  for (const Setting& setting : settings) {
    const auto has = [&](const ops::Algorithm* a) { return HasAll(*a, {setting}); };
    const bool known = std::any_of(operation.algorithms.begin(), operation.algorithms.end(), has);
    if (!known || setting.word.find('=') == setting.word.npos) {
      return UnknownField(setting, operation);
    }
  }
  return absl::OkStatus();
}

// The algorithm that the settings name; else `usual` if it has all fields; else the first that
// does.
const ops::Algorithm& AlgorithmMeant(const std::vector<Setting>& settings,
                                     const ops::Operation& operation, const ops::Algorithm& usual) {
  for (const Setting& setting : settings) {
    if (setting.field == kAlgorithm) return *ops::FindAlgorithm(operation, setting.value);
  }
  if (HasAll(usual, settings)) return usual;
  for (const ops::Algorithm* algorithm : operation.algorithms) {
    if (HasAll(*algorithm, settings)) return *algorithm;
  }
  return usual;
}

Cpu CpuMeant(const std::vector<Setting>& settings, const ops::Operation& operation,
             const Cpu& cpu) {
  for (const Setting& setting : settings) {
    const auto isa = IsaFromName(setting.value);
    if (isa && SetsIsa(operation, setting)) return Capped(cpu, *isa);
  }
  return cpu;
}

}  // namespace

absl::StatusOr<ops::Config> GivenConfig(std::string_view text, const ops::Problem& problem,
                                        const Cpu& cpu, int threads, bool fixed_bits) {
  const ops::Operation& operation = problem.operation();
  const std::vector<Setting> settings = SettingsOf(text);
  if (absl::Status s = CheckSettings(settings, operation); !s.ok()) return s;
  const Cpu base = CpuMeant(settings, operation, cpu);
  ops::Config config = fixed_bits ? ops::FixedBitsConfig(problem, base, threads)
                                  : ops::DefaultConfig(problem, base, threads);
  const ops::Algorithm& meant = AlgorithmMeant(settings, operation, config.algorithm());
  // Where no code is emitted, the fields of an emitted algorithm are checked but have no effect.
  if (config.isa() != Isa::kPortable && &meant != &config.algorithm()) {
    const auto reduce = fixed_bits ? operation.of_fixed_bits : nullptr;
    config = ops::Canonical(
        meant.heuristic(reduce != nullptr ? reduce(problem) : problem, base, threads), problem);
  }
  const bool is_meant = &meant == &config.algorithm();
  for (const Setting& setting : settings) {
    if (setting.field == kAlgorithm) continue;
    const ops::Field* const field = ops::FindField(meant, setting.field);
    if (field == nullptr) return UnknownField(setting, operation);
    const auto value = ops::ParseValue(*field, setting.value);
    if (!value.ok()) return value.status();
    // Plan::Create validates a configuration of the chosen algorithm completely.
    if (absl::Status s = ops::CheckLadder(*field, *value); !is_meant && !s.ok()) return s;
    const ops::Field* const here = ops::FindField(config.algorithm(), setting.field);
    const bool has_effect = is_meant || field->role != ops::Field::Role::kIsa;
    if (here != nullptr && has_effect) here->set(config, *value);
  }
  return config;
}

bool NamesFieldsOf(const ops::Operation& operation, std::string_view text) {
  const std::vector<Setting> settings = SettingsOf(text);
  const auto& all = operation.algorithms;
  return std::any_of(all.begin(), all.end(),
                     [&](const ops::Algorithm* algorithm) { return HasAll(*algorithm, settings); });
}

}  // namespace jitattn::runtime
