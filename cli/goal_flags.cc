// Objectives and constraints on the command line.

#include "cli/goal_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "cli/problem_flags.h"
#include "runtime/objectives.h"

namespace jitattn::cli {

std::optional<double> ParseBytes(const std::string& text) {
  static constexpr std::string_view kSuffixes = "KMG";
  std::string digits = text;
  double unit = 1;
  if (!digits.empty()) {
    const size_t suffix = kSuffixes.find(digits.back());
    if (suffix != kSuffixes.npos) {
      unit = std::ldexp(1.0, 10 * static_cast<int>(suffix + 1));
      digits.pop_back();
    }
  }
  const bool number = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '.';
  });
  double value = 0;
  if (!number || !absl::SimpleAtod(digits, &value)) return std::nullopt;
  return value * unit;
}

void GoalFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Goals";
  command
      ->add_option(
          "--objective", objectives,
          "time, optionally with memory, error or both: the report then lists the candidates "
          "that no other one beats (time)")
      ->check(CLI::Validator(OneOf("objective", {"time", "memory", "error"}), ""))
      ->type_name("NAME,...")
      ->delimiter(',')
      ->group(kGroup);
  command
      ->add_option("--max-error", max_error,
                   "largest absolute error that the winner may have, against higher precision")
      ->check(CLI::Validator(PositiveNumber(), ""))
      ->type_name("E")
      ->group(kGroup);
  const auto bytes = [](const std::string& text) {
    return ParseBytes(text)
               ? std::string()
               : absl::StrFormat("'%s' is not a size; expected bytes, or a number with K, M or G",
                                 text);
  };
  command
      ->add_option("--max-memory", max_memory,
                   "largest scratch that the winner's plan may allocate, for all its threads")
      ->check(CLI::Validator(bytes, ""))
      ->type_name("BYTES[K|M|G]")
      ->group(kGroup);
}

absl::Status GoalFlags::Fill(runtime::TuneOptions* options) const {
  using runtime::Objective;
  options->objectives.clear();
  for (const std::string& name : objectives) {
    const Objective objective = *runtime::ObjectiveFromName(name);
    const auto known = std::find(options->objectives.begin(), options->objectives.end(), objective);
    if (known != options->objectives.end()) {
      return absl::InvalidArgumentError(absl::StrFormat("--objective: %s is named twice", name));
    }
    // Time comes first, in whatever order the flags name the objectives.
    options->objectives.insert(
        objective == Objective::kTime ? options->objectives.begin() : options->objectives.end(),
        objective);
  }
  if (options->objectives.front() != Objective::kTime) {
    return absl::InvalidArgumentError(
        "--objective: time must be among the objectives, since it decides the winner; limit memory "
        "and error by --max-memory and --max-error");
  }
  options->constraints.max_error = max_error.value_or(options->constraints.max_error);
  if (!max_memory.empty()) options->constraints.max_scratch_bytes = *ParseBytes(max_memory);
  return absl::OkStatus();
}

}  // namespace jitattn::cli
