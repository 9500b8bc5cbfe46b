// Numbers, lists and files that flags of `jitattn run` give.

#include "cli/run_values.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace jitattn::cli {
namespace {

std::string_view TypeName(ValueFlag::Kind kind) {
  switch (kind) {
    case ValueFlag::Kind::kNumber:
      return "X";
    case ValueFlag::Kind::kWhole:
      return "N";
    case ValueFlag::Kind::kList:
      return "N,...|FILE";
    case ValueFlag::Kind::kFile:
    case ValueFlag::Kind::kResult:
      break;
  }
  return "FILE";
}

const std::string* TextOf(std::string_view flag, const ValueTexts& texts) {
  const auto found = texts.find(flag);
  return found == texts.end() ? nullptr : &found->second;
}

absl::Status Wrong(std::string_view flag, std::string_view text, std::string_view rule) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: '%s' is wrong; expected %s", flag, text, rule));
}

absl::StatusOr<std::vector<int64_t>> ParseList(std::string_view flag, const std::string& text) {
  std::vector<int64_t> numbers;
  for (const auto& part : absl::StrSplit(text, ',')) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(part, &number)) {
      return Wrong(flag, text, "whole numbers, as in 7,9, or the name of an .npy file");
    }
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<int64_t> NumbersIn(const NpyArray& array) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < array.count(); ++i) {
    numbers.push_back(array.element == NpyElement::kInt64
                          ? static_cast<const int64_t*>(array.data.data())[i]
                          : static_cast<const int32_t*>(array.data.data())[i]);
  }
  return numbers;
}

}  // namespace

std::span<const ValuesOfOperation* const> AllRunValues() {
  static constexpr const ValuesOfOperation* kAll[] = {&kAttentionValues, &kSigmoidMulValues};
  return kAll;
}

void AddValueFlags(CLI::App* command, ValueTexts* texts) {
  for (const ValuesOfOperation* values : AllRunValues()) {
    for (const ValueFlag& value : values->flags) {
      if (value.is_option) continue;
      const std::string name(value.flag);
      command
          ->add_option_function<std::string>(
              name, [texts, name](const std::string& text) { (*texts)[name] = text; },
              std::string(value.help))
          ->type_name(std::string(TypeName(value.kind)))
          ->group("Values");
    }
  }
}

std::string_view GivenFlag(const ValuesOfOperation& values, const ValueTexts& texts) {
  const auto given = std::ranges::find_if(
      values.flags, [&](const ValueFlag& value) { return texts.contains(value.flag); });
  return given == values.flags.end() ? std::string_view() : given->flag;
}

absl::StatusOr<std::optional<double>> NumberOf(std::string_view flag, const ValueTexts& texts,
                                               double least, double most, std::string_view rule) {
  const std::string* text = TextOf(flag, texts);
  if (text == nullptr) return std::nullopt;
  double number = 0;
  // NaN is within no bounds.
  if (!absl::SimpleAtod(*text, &number) || !(number >= least && number <= most)) {
    return Wrong(flag, *text, rule);
  }
  return number;
}

absl::StatusOr<std::optional<int64_t>> WholeOf(std::string_view flag, const ValueTexts& texts) {
  const std::string* text = TextOf(flag, texts);
  if (text == nullptr) return std::nullopt;
  int64_t number = 0;
  if (!absl::SimpleAtoi(*text, &number)) return Wrong(flag, *text, "a whole number");
  return number;
}

absl::StatusOr<std::optional<std::vector<int64_t>>> ListOf(std::string_view flag,
                                                           const ValueTexts& texts) {
  const std::string* text = TextOf(flag, texts);
  if (text == nullptr) return std::nullopt;
  if (text->find_first_not_of("0123456789+-, ") == text->npos) {
    auto numbers = ParseList(flag, *text);
    if (!numbers.ok()) return numbers.status();
    return *std::move(numbers);
  }
  const auto array = FileOf(flag, texts, NpyKind::kIntegers);
  if (!array.ok()) return array.status();
  if ((*array)->shape.size() > 1) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: %s: its shape is %s; expected one axis",
                                                      flag, *text, ShapeText((*array)->shape)));
  }
  return NumbersIn(**array);
}

absl::StatusOr<std::optional<NpyArray>> FileOf(std::string_view flag, const ValueTexts& texts,
                                               NpyKind kind) {
  const std::string* path = TextOf(flag, texts);
  if (path == nullptr) return std::nullopt;
  auto array = ReadNpy(*path, kind);
  if (!array.ok()) return WithFlag(flag, array.status());
  return *std::move(array);
}

absl::Status WithFlag(std::string_view flag, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", flag, std::string(status.message())));
}

}  // namespace jitattn::cli
