// From flags to problems.

#include "cli/problem_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"

namespace jitattn::cli {
namespace {

// The flags refuse only sizes that int64_t cannot hold. The problem's own rules have smaller
// limits.
constexpr int64_t kMaxSize = std::numeric_limits<int64_t>::max();

absl::Status WithRule(const absl::Status& status, std::optional<int64_t> dim) {
  if (!dim) return status;
  return absl::InvalidArgumentError(
      absl::StrFormat("--dim %d: %s", *dim, std::string(status.message())));
}

}  // namespace

Check WholeNumber(int64_t least, int64_t most) {
  return [least, most](const std::string& text) -> std::string {
    int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value)) {
      return absl::StrFormat("'%s' is not a whole number in range", text);
    }
    if (value < least) return absl::StrFormat("%d is too small; at least %d", value, least);
    if (value > most) return absl::StrFormat("%d is too large; at most %d", value, most);
    return "";
  };
}

Check PositiveNumber() {
  return [](const std::string& text) -> std::string {
    double value = 0;
    const bool number = absl::SimpleAtod(text, &value) && std::isfinite(value);
    return number && value > 0 ? "" : absl::StrFormat("'%s' is not a number above 0", text);
  };
}

Check FileName() {
  return [](const std::string& text) -> std::string {
    return text.empty() ? "the name of a file is empty" : "";
  };
}

Check OneOf(std::string what, std::vector<std::string_view> words) {
  return [what = std::move(what), words = std::move(words)](const std::string& text) {
    const bool known = std::find(words.begin(), words.end(), text) != words.end();
    return known ? "" : Unknown(what, text, words);
  };
}

std::vector<SizeFlag> SizeFlags() {
  std::vector<SizeFlag> flags;
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Dim& dim : operation->dims) {
      const bool known = std::any_of(flags.begin(), flags.end(),
                                     [&](const SizeFlag& flag) { return flag.name == dim.flag; });
      if (!known) flags.push_back({dim.flag, dim.help, dim.least});
    }
  }
  return flags;
}

void ProblemFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Problem";
  std::vector<std::string_view> names;
  for (const ops::Operation* operation : ops::Operations()) names.push_back(operation->name);
  const auto append = [](std::string* out, std::string_view name) { out->append(name); };
  command
      ->add_option("--op", op,
                   absl::StrCat(absl::StrJoin(names, " or ", append),
                                "; if not given, every operation that the sizes describe"))
      ->check(CLI::Validator(OneOf("operation", names), ""))
      ->type_name("OP")
      ->group(kGroup);
  command
      ->add_option("--dim", dims,
                   "N x N matrices: one head of size N, length N; each value is a problem")
      ->check(CLI::Validator(WholeNumber(1, kMaxSize), ""))
      ->type_name("N")
      ->group(kGroup)
      ->delimiter(',');
  for (const SizeFlag& flag : SizeFlags()) {
    const std::string name(flag.name);
    command
        ->add_option_function<int64_t>(
            name, [this, name](const int64_t& size) { sizes[name] = size; }, std::string(flag.help))
        ->check(CLI::Validator(WholeNumber(takes_empty ? flag.least : 1, kMaxSize), ""))
        ->type_name("N")
        ->group(kGroup);
  }
  command->add_option("--dtype", dtype, "f32, f64, bf16 or f16 (f32)")
      ->check(CLI::Validator(
          OneOf("type", {"f32", "f64", "bf16", "f16", "float32", "float64", "bfloat16", "float16"}),
          ""))
      ->type_name("TYPE")
      ->group(kGroup);
  std::set<std::string_view> options;
  for (const ops::Operation* operation : ops::Operations()) {
    for (const ops::Option& option : operation->options) {
      if (options.insert(option.flag).second) AddOption(command, option)->group(kGroup);
    }
  }
}

CLI::Option* ProblemFlags::AddOption(CLI::App* command, const ops::Option& option) {
  const std::string name(option.flag), help(option.help);
  if (const auto value = with_value.find(option.flag); value != with_value.end()) {
    // Without a value CLI11 gives the text "".
    return command
        ->add_option_function<std::string>(
            name,
            [this, name](const std::string& text) {
              chosen.insert(name);
              if (!text.empty()) values[name] = text;
            },
            absl::StrFormat("%s; %s", help, value->second))
        ->expected(0, 1)
        ->type_name("[X]");
  }
  if (!option.takes_word) {
    return command->add_flag_callback(
        name, [this, name] { chosen.insert(name); }, help);
  }
  const std::span<const std::string_view> all = option.words;
  return command
      ->add_option_function<std::string>(
          name,
          [this, name, all](const std::string& word) {
            words[name] = static_cast<int>(std::find(all.begin(), all.end(), word) - all.begin());
          },
          help)
      ->check(CLI::Validator(OneOf(std::string(option.name), {all.begin(), all.end()}), ""))
      ->type_name("WORD");
}

std::optional<int> ProblemFlags::option(const ops::Option& option) const {
  if (chosen.contains(option.flag)) return 1;
  const auto found = words.find(option.flag);
  return found == words.end() ? std::nullopt : std::optional(found->second);
}

DType ProblemFlags::dtype_or_default() const {
  return dtype.empty() ? DType::kF32 : *DTypeFromName(dtype);
}

std::optional<int64_t> ProblemFlags::size(std::string_view flag) const {
  const auto found = sizes.find(flag);
  return found == sizes.end() ? std::nullopt : std::optional(found->second);
}

std::string_view ProblemFlags::SizeOrOption() const {
  if (!sizes.empty()) return sizes.begin()->first;
  if (!words.empty()) return words.begin()->first;
  return chosen.empty() ? std::string_view() : *chosen.begin();
}

std::string_view ProblemFlags::FlagOf(const ops::Operation& operation) const {
  for (const ops::Dim& dim : operation.dims) {
    if (sizes.contains(dim.flag)) return dim.flag;
  }
  for (const ops::Option& candidate : operation.options) {
    if (option(candidate)) return candidate.flag;
  }
  return "";
}

std::string_view ProblemFlags::FlagNotOf(const ops::Operation& operation) const {
  for (const auto& [flag, size] : sizes) {
    const auto& all = operation.dims;
    const bool has =
        std::any_of(all.begin(), all.end(), [&](const ops::Dim& dim) { return dim.flag == flag; });
    if (!has) return flag;
  }
  const auto has_option = [&](std::string_view flag) {
    const auto& all = operation.options;
    return std::any_of(all.begin(), all.end(),
                       [&](const ops::Option& option) { return option.flag == flag; });
  };
  for (const auto& [flag, word] : words) {
    if (!has_option(flag)) return flag;
  }
  for (const std::string& flag : chosen) {
    if (!has_option(flag)) return flag;
  }
  return "";
}

std::string_view ProblemFlags::AnyFlag() const {
  if (!dims.empty()) return "--dim";
  if (!op.empty()) return "--op";
  if (!dtype.empty()) return "--dtype";
  return SizeOrOption();
}

absl::StatusOr<ops::Problem> ProblemFlags::ProblemOf(const ops::Operation& operation,
                                                     std::optional<int64_t> dim) const {
  ops::Problem stated = operation.blank();
  stated.set_dtype(dtype_or_default());
  std::vector<char> given;
  for (const ops::Dim& size : operation.dims) {
    const auto found = sizes.find(size.flag);
    given.push_back(found != sizes.end());
    if (found != sizes.end()) size.set(stated, found->second);
  }
  for (const ops::Option& each : operation.options) {
    if (const auto value = option(each)) each.set(stated, *value);
  }
  const auto problem = operation.from_flags(stated, given, dim);
  if (!problem.ok()) return problem;
  if (absl::Status status = ops::Validate(*problem); !status.ok()) return WithRule(status, dim);
  return problem;
}

absl::StatusOr<std::vector<ops::Problem>> ProblemFlags::Problems() const {
  if (dims.empty() && op.empty() && SizeOrOption().empty()) {
    return absl::InvalidArgumentError(
        "no problem is given; expected --dim N, or --seq and --head-dim, or --rows and --cols");
  }
  std::vector<const ops::Operation*> meant;
  for (const ops::Operation* operation : ops::Operations()) {
    // Without --op, --dim means every operation; other flags mean the operations that have them.
    const bool is_meant =
        op.empty() ? !dims.empty() || !FlagOf(*operation).empty() : op == operation->name;
    if (!is_meant) continue;
    if (const std::string_view flag = FlagNotOf(*operation); !op.empty() && !flag.empty()) {
      return absl::InvalidArgumentError(absl::StrFormat("%s has no effect on --op %s", flag, op));
    }
    meant.push_back(operation);
  }
  std::vector<std::optional<int64_t>> all(dims.begin(), dims.end());
  if (all.empty()) all.push_back(std::nullopt);
  std::vector<ops::Problem> problems;
  for (const std::optional<int64_t> dim : all) {
    for (const ops::Operation* operation : meant) {
      const auto problem = ProblemOf(*operation, dim);
      if (!problem.ok()) return problem.status();
      const bool known = std::find(problems.begin(), problems.end(), *problem) != problems.end();
      if (!known) problems.push_back(*problem);
    }
  }
  return problems;
}

absl::StatusOr<ops::Problem> ProblemFlags::OneProblem() const {
  absl::StatusOr<std::vector<ops::Problem>> problems = Problems();
  if (!problems.ok()) return problems.status();
  if (problems->size() == 1) return problems->front();
  return absl::InvalidArgumentError(absl::StrFormat(
      "one problem is needed, but the flags describe %d; --op chooses one", problems->size()));
}

void MachineFlags::AddTo(CLI::App* command) {
  constexpr const char* kGroup = "Machine";
  command->add_option("--threads", threads, "largest number of threads (one per physical core)")
      ->check(CLI::Validator(WholeNumber(1, kMostThreadsAsked), ""))
      ->type_name("N")
      ->group(kGroup);
  command->add_option("--isa", isa, "highest instruction set to use: none, avx2 or avx512")
      ->check(CLI::Validator(OneOf("instruction set", {"none", "avx2", "avx512"}), ""))
      ->type_name("ISA")
      ->group(kGroup);
  command
      ->add_option("--buffers", buffers,
                   "hot: operands in the caches; cold: operands in memory (hot)")
      ->check(CLI::Validator(OneOf("kind of buffers", {"hot", "cold"}), ""))
      ->type_name("KIND")
      ->group(kGroup);
}

absl::StatusOr<Machine> MachineFlags::Resolve(ops::Layout layout) const {
  const Cpu& host = HostCpu();
  const Isa cap = isa.empty() ? host.isa : *IsaFromName(isa);
  if (cap > host.isa) {
    const bool capped = cap <= host.detected_isa;
    return absl::InvalidArgumentError(absl::StrFormat(
        "--isa %s: this %s %s", isa,
        capped ? "process is capped by JITATTN_MAX_ISA to" : "machine has no more than",
        Name(host.isa)));
  }
  Machine machine = {.cpu = Capped(host, cap), .conditions = {}};
  machine.conditions =
      ops::Resolve({.threads = threads.value_or(0),
                    .buffers = ops::BuffersFromName(buffers).value_or(ops::Buffers::kHot),
                    .layout = layout},
                   machine.cpu);
  return machine;
}

}  // namespace jitattn::cli
