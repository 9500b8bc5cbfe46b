// A configuration that somebody writes down.

#include "runtime/given_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace jitattn::runtime {
namespace {

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
    return setting.field == "algorithm" ? setting.value == algorithm.name
                                        : ops::FindField(algorithm, setting.field) != nullptr;
  });
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

}  // namespace

absl::StatusOr<ops::Config> GivenConfig(std::string_view text, const ops::Problem& problem,
                                        const Cpu& cpu, int threads) {
  const ops::Operation& operation = problem.operation();
  const std::vector<Setting> settings = SettingsOf(text);
  const ops::Algorithm* wanted = nullptr;
  Cpu base = cpu;
  for (size_t i = 0; i < settings.size(); ++i) {
    const auto& [word, field, value] = settings[i];
    for (size_t j = 0; j < i; ++j) {
      if (settings[j].field == field) {
        return absl::InvalidArgumentError(absl::StrCat(std::string(field), " is given twice"));
      }
    }
    if (field == "algorithm") {
      wanted = ops::FindAlgorithm(operation, value);
      if (wanted == nullptr) {
        const auto name = [](std::string* out, const ops::Algorithm* a) { out->append(a->name); };
        return absl::InvalidArgumentError(
            absl::StrCat(std::string(word), ": expected one of ",
                         absl::StrJoin(operation.algorithms, ", ", name)));
      }
    }
    if (const auto isa = field == "isa" ? IsaFromName(value) : std::nullopt) {
      base = Capped(cpu, *isa);
    }
  }
  // What no algorithm has is named before what the one that is meant has not.
  for (const Setting& setting : settings) {
    const auto has = [&](const ops::Algorithm* a) { return HasAll(*a, {setting}); };
    const bool known = std::any_of(operation.algorithms.begin(), operation.algorithms.end(), has);
    if (!known || setting.word.find('=') == setting.word.npos) {
      return UnknownField(setting, operation);
    }
  }
  ops::Config config = ops::DefaultConfig(problem, base, threads);
  if (wanted == nullptr && !HasAll(config.algorithm(), settings)) {
    const auto& all = operation.algorithms;
    const auto found = std::find_if(all.begin(), all.end(), [&](const ops::Algorithm* algorithm) {
      return HasAll(*algorithm, settings);
    });
    if (found != all.end()) wanted = *found;
  }
  const ops::Algorithm& meant = wanted != nullptr ? *wanted : config.algorithm();
  // Where no code is emitted, what is said of an emitted algorithm is checked, and has no effect.
  if (config.isa() != Isa::kPortable && &meant != &config.algorithm()) {
    config = ops::Canonical(meant.heuristic(problem, base, threads), problem);
  }
  for (const Setting& setting : settings) {
    if (setting.field == "algorithm") continue;
    const ops::Field* const field = ops::FindField(meant, setting.field);
    if (field == nullptr) return UnknownField(setting, operation);
    const auto value = ops::ParseValue(*field, setting.value);
    if (!value.ok()) return value.status();
    // Of the configuration that is meant, Plan::Create looks at everything.
    if (absl::Status s = ops::CheckLadder(*field, *value);
        &meant != &config.algorithm() && !s.ok()) {
      return s;
    }
    const ops::Field* const here = ops::FindField(config.algorithm(), setting.field);
    const bool has_effect = &meant == &config.algorithm() || setting.field != "isa";
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
