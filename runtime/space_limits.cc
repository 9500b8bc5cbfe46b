// Smaller spaces: the named one, and those that people describe.

#include "runtime/space_limits.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "jit/format.h"

namespace jitattn::runtime {
namespace {

// Of attention, what a hundred evaluations cannot tell apart: a per cent or less each. The spaces
// of sigmoid-mul are small as they are.
constexpr std::string_view kMinor[] = {
    "lanes",     "pack",     "qk_unroll", "qk_embed", "qk_ahead",   "exp_vecs", "exp_degree",
    "pv_unroll", "pv_embed", "pv_ahead",  "prefetch", "task_tiles", "kv_split"};

}  // namespace

const FieldLimit* SpaceLimits::Find(std::string_view field) const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [&](const FieldLimit& limit) { return limit.field == field; });
  return it == fields.end() ? nullptr : &*it;
}

SpaceLimits SmallSpace(jit::Op op) {
  SpaceLimits limits;
  if (op != jit::Op::kAttention) return limits;
  for (const std::string_view field : kMinor) limits.fields.push_back({std::string(field), {}});
  limits.fields.push_back({"q_vecs", {1, 2, 4, 8}});
  return limits;
}

void KeepResultsInCaches(const jit::Problem& problem, const jit::Cpu& cpu, cache::Buffers buffers,
                         SpaceLimits* limits) {
  constexpr const char* kField = "non_temporal";
  if (jit::FindField(jit::OpOf(problem), kField) == nullptr) return;
  if (limits->Find(kField) != nullptr || buffers == cache::Buffers::kCold) return;
  if (jit::Bytes(problem) > static_cast<double>(cpu.l3_bytes)) return;
  limits->fields.push_back({kField, {}});
}

absl::StatusOr<FieldLimit> ParseFieldLimit(std::string_view text, std::span<const jit::Op> ops) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == text.npos || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        jit::Format("%s: FIELD=VALUE or FIELD=VALUE:VALUE… is needed", text));
  }
  FieldLimit limit{.field = std::string(text.substr(0, equals)), .values = {}};
  if (limit.field == "isa") return absl::InvalidArgumentError("isa is chosen by --isa");
  const jit::Field* field = nullptr;
  std::vector<std::string> names;
  for (const jit::Op op : ops) {
    if (field == nullptr) field = jit::FindField(op, limit.field);
    for (const jit::Field& known : jit::Fields(op)) {
      if (known.name != "isa") names.emplace_back(known.name);
    }
  }
  if (field == nullptr) {
    return absl::InvalidArgumentError(jit::Format("no field is called '%s'; there are %s",
                                                  limit.field, absl::StrJoin(names, ", ")));
  }
  const std::string values(text.substr(equals + 1));
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(values, ':'))) {
    int value = 0;
    const bool number = absl::SimpleAtoi(word, &value);
    if (!number || !std::binary_search(field->values.begin(), field->values.end(), value)) {
      return absl::InvalidArgumentError(jit::Format("%s=%s: its values are %s", limit.field, word,
                                                    absl::StrJoin(field->values, ", ")));
    }
    limit.values.push_back(value);
  }
  std::sort(limit.values.begin(), limit.values.end());
  limit.values.erase(std::unique(limit.values.begin(), limit.values.end()), limit.values.end());
  return limit;
}

}  // namespace jitattn::runtime
