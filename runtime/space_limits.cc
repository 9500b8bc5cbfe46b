// Limits of a search space: the small space, and limits given as text.

#include "runtime/space_limits.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/format.h"

namespace jitattn::runtime {
namespace {

// All fields of that name.
std::vector<const ops::Field*> FieldsOfName(std::span<const ops::Operation* const> operations,
                                            std::string_view name) {
  std::vector<const ops::Field*> fields;
  for (const ops::Operation* operation : operations) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      const ops::Field* const field = ops::FindField(*algorithm, name);
      if (field != nullptr) fields.push_back(field);
    }
  }
  return fields;
}

std::string FieldNames(std::span<const ops::Operation* const> operations) {
  std::vector<std::string> names = {"algorithm"};
  for (const ops::Operation* operation : operations) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      for (const ops::Field& field : algorithm->fields) {
        const std::string name(field.name);
        if (field.role != ops::Field::Role::kIsa &&
            std::find(names.begin(), names.end(), name) == names.end()) {
          names.push_back(name);
        }
      }
    }
  }
  return absl::StrJoin(names, ", ");
}

absl::Status AddAlgorithms(const std::vector<std::string>& names,
                           std::span<const ops::Operation* const> operations, SpaceLimits* limits) {
  std::vector<std::string> known;
  for (const ops::Operation* operation : operations) {
    for (const ops::Algorithm* algorithm : operation->algorithms) {
      const std::string name(algorithm->name);
      if (std::find(known.begin(), known.end(), name) == known.end()) known.push_back(name);
    }
  }
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          Format("algorithm=%s: expected one of %s", name, absl::StrJoin(known, ", ")));
    }
  }
  limits->algorithms.insert(limits->algorithms.end(), names.begin(), names.end());
  return absl::OkStatus();
}

}  // namespace

const FieldLimit* SpaceLimits::Find(std::string_view field) const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [&](const FieldLimit& limit) { return limit.field == field; });
  return it == fields.end() ? nullptr : &*it;
}

bool SpaceLimits::Allows(std::string_view algorithm) const {
  return algorithms.empty() ||
         std::find(algorithms.begin(), algorithms.end(), algorithm) != algorithms.end();
}

SpaceLimits SmallSpace(const ops::Operation& operation) {
  SpaceLimits limits{.default_algorithm_only = true};
  for (const ops::Algorithm* algorithm : operation.algorithms) {
    for (const ops::Field& field : algorithm->fields) {
      if (limits.Find(field.name) != nullptr) continue;
      const std::span<const int> steps = field.small_steps;
      if (field.minor || !steps.empty()) {
        limits.fields.push_back({std::string(field.name), {steps.begin(), steps.end()}});
      }
    }
  }
  return limits;
}

void KeepResultsInCaches(const ops::Problem& problem, const Cpu& cpu, ops::Buffers buffers,
                         SpaceLimits* limits) {
  if (buffers == ops::Buffers::kCold) return;
  if (ops::Bytes(problem) > static_cast<double>(cpu.l3_bytes)) return;
  for (const ops::Algorithm* algorithm : problem.operation().algorithms) {
    for (const ops::Field& field : algorithm->fields) {
      if (field.bypasses_caches && limits->Find(field.name) == nullptr) {
        limits->fields.push_back({std::string(field.name), {}});
      }
    }
  }
}

absl::Status AddLimit(std::string_view text, std::span<const ops::Operation* const> operations,
                      SpaceLimits* limits) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == text.npos || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        Format("%s: expected FIELD=VALUE or FIELD=VALUE:VALUE…", text));
  }
  FieldLimit limit{.field = std::string(text.substr(0, equals)), .values = {}};
  const std::vector<std::string> words = absl::StrSplit(std::string(text.substr(equals + 1)), ':');
  if (limit.field == "algorithm") return AddAlgorithms(words, operations, limits);
  const std::vector<const ops::Field*> fields = FieldsOfName(operations, limit.field);
  if (fields.empty()) {
    return absl::InvalidArgumentError(
        Format("no field is called '%s'; expected one of %s", limit.field, FieldNames(operations)));
  }
  if (fields.front()->role == ops::Field::Role::kIsa) {
    return absl::InvalidArgumentError(Format("%s is set by --isa", limit.field));
  }
  std::set<int> ladder;
  for (const ops::Field* field : fields) ladder.insert(field->values.begin(), field->values.end());
  for (const std::string& word : words) {
    const auto value = ops::ParseValue(*fields.front(), word);
    if (!value.ok() || !ladder.contains(*value)) {
      const auto name = [&](std::string* out, int v) {
        out->append(ops::ValueText(*fields.front(), v));
      };
      return absl::InvalidArgumentError(Format("%s=%s: expected one of %s", limit.field, word,
                                               absl::StrJoin(ladder, ", ", name)));
    }
    limit.values.push_back(*value);
  }
  std::sort(limit.values.begin(), limit.values.end());
  limit.values.erase(std::unique(limit.values.begin(), limit.values.end()), limit.values.end());
  limits->fields.push_back(std::move(limit));
  return absl::OkStatus();
}

}  // namespace jitattn::runtime
