// What is the same for the configurations of every operation, all of it driven by their tables.

#include "jit/config.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "jit/attention_config.h"
#include "jit/sigmoid_mul_config.h"

namespace jitattn::jit {
namespace {

// More than any machine has; it keeps a damaged number from starting a million threads.
constexpr int kMaxThreads = 1024;

Isa IsaOf(const Config& config) {
  return std::visit([](const auto& c) { return c.isa; }, config);
}

int ThreadsOf(const Config& config) {
  return std::visit([](const auto& c) { return c.threads; }, config);
}

// "avx2" where the field has words for its values, else the number.
std::string ValueText(const Field& field, int value) {
  if (value >= 0 && static_cast<size_t>(value) < field.labels.size()) {
    return std::string(field.labels[value]);
  }
  return absl::StrCat(value);
}

// The inverse of ValueText; a label's number is as good as the label.
absl::StatusOr<int> ParseValue(const Field& field, std::string_view text) {
  for (size_t i = 0; i < field.labels.size(); ++i) {
    if (text == field.labels[i]) return static_cast<int>(i);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    std::string expected = "a number";
    for (std::string_view label : field.labels)
      absl::StrAppend(&expected, ", ", std::string(label));
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(field.name), "=", std::string(text), ": expected ", expected));
  }
  return value;
}

// Threads may be any number; every other field has a value of its ladder.
absl::Status ValidateLadder(const Field& field, int value) {
  if (field.name == "threads") return absl::OkStatus();
  if (std::find(field.values.begin(), field.values.end(), value) != field.values.end()) {
    return absl::OkStatus();
  }
  std::string ladder;
  for (int v : field.values) absl::StrAppend(&ladder, ladder.empty() ? "" : ", ", v);
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(field.name), " ", value, " is none of ", ladder));
}

}  // namespace

Op OpOf(const Config& config) {
  return std::holds_alternative<AttentionConfig>(config) ? Op::kAttention : Op::kSigmoidMul;
}

std::span<const Field> Fields(Op op) {
  return op == Op::kAttention ? AttentionFields() : SigmoidMulFields();
}

const Field* FindField(Op op, std::string_view name) {
  for (const Field& field : Fields(op)) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

absl::Status Validate(const Config& config, const Spec& spec, const Cpu& cpu) {
  const Op op = OpOf(config);
  if (op != OpOf(spec)) {
    return absl::InvalidArgumentError(absl::StrCat("a configuration of ", std::string(Name(op)),
                                                   " does not fit ",
                                                   std::string(Name(OpOf(spec)))));
  }
  for (const Field& field : Fields(op)) {
    if (absl::Status s = ValidateLadder(field, field.get(config)); !s.ok()) return s;
  }
  const int threads = ThreadsOf(config);
  if (threads < 1 || threads > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads ", threads, " is not between 1 and ", kMaxThreads));
  }
  const Isa isa = IsaOf(config);
  if (isa > cpu.isa) {
    const bool capped = isa <= cpu.detected_isa;
    return absl::InvalidArgumentError(absl::StrCat(
        "isa ", std::string(Name(isa)), capped ? " is capped: " : " is not available: ",
        "this process may use ", std::string(Name(cpu.isa))));
  }
  const DType dtype = std::visit([](const auto& s) { return s.dtype; }, spec);
  if (dtype == DType::kF16 && isa != Isa::kPortable && !cpu.f16c) {
    return absl::InvalidArgumentError(
        absl::StrCat("isa ", std::string(Name(isa)), " needs F16C for f16, which this CPU lacks"));
  }
  if (op == Op::kSigmoidMul) {
    return ValidateSigmoidMul(std::get<SigmoidMulConfig>(config), std::get<SigmoidMulSpec>(spec));
  }
  return ValidateAttention(std::get<AttentionConfig>(config), std::get<AttentionSpec>(spec), cpu);
}

Config Canonical(Config config, const Spec& spec) {
  if (OpOf(config) != OpOf(spec)) return config;  // Validate says so
  if (const auto* s = std::get_if<SigmoidMulConfig>(&config)) {
    return CanonicalSigmoidMul(*s);
  }
  return CanonicalAttention(std::get<AttentionConfig>(config), std::get<AttentionSpec>(spec));
}

std::string KernelName(const Spec& spec, const Config& config) {
  std::string name = Name(spec);
  if (IsaOf(config) == Isa::kPortable) return name + "_portable";  // nothing else shapes it
  for (const Field& field : Fields(OpOf(config))) {
    if (!field.shapes_code()) continue;
    absl::StrAppend(&name, std::string(field.tag), ValueText(field, field.get(config)));
  }
  return name;
}

std::string ToString(const Config& config) {
  std::string text;
  for (const Field& field : Fields(OpOf(config))) {
    absl::StrAppend(&text, text.empty() ? "" : " ", std::string(field.name), "=",
                    ValueText(field, field.get(config)));
  }
  return text;
}

absl::StatusOr<Config> ConfigFromString(Op op, std::string_view text) {
  Config config;
  if (op == Op::kSigmoidMul) config = SigmoidMulConfig{};
  const std::span<const Field> fields = Fields(op);
  std::vector<bool> seen(fields.size());
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty()) continue;  // several spaces in a row
    const size_t equals = word.find('=');
    const Field* field = FindField(op, word.substr(0, equals));
    if (equals == word.npos || field == nullptr) {
      std::string known;
      for (const Field& f : fields)
        absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(f.name));
      return absl::InvalidArgumentError(absl::StrCat(std::string(word),
                                                     ": expected FIELD=VALUE with a field of ",
                                                     std::string(Name(op)), ": ", known));
    }
    const size_t index = static_cast<size_t>(field - fields.data());
    if (seen[index]) {
      return absl::InvalidArgumentError(absl::StrCat(std::string(field->name), " is given twice"));
    }
    seen[index] = true;
    const auto value = ParseValue(*field, word.substr(equals + 1));
    if (!value.ok()) return value.status();
    field->set(config, *value);
  }
  return config;
}

}  // namespace jitattn::jit
