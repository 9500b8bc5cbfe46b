// Lists of sizes → problems.

#include "lab/bench_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "cli/laboratory.h"
#include "cli/plan_flags.h"

namespace jitattn::lab {
namespace {

// More problems are taken for a mistake: measuring them would take a day.
constexpr size_t kMaxProblems = 10000;

// Replaces a flag that takes one value by a flag that takes a list, with the same help text.
template <typename T>
CLI::Option* AsList(CLI::App* command, const char* name, std::vector<T>* values) {
  CLI::Option* single = command->get_option(name);
  const std::string help = single->get_description(), group = single->get_group(),
                    type = single->get_type_name();
  command->remove_option(single);
  return command->add_option(name, *values, help)->delimiter(',')->type_name(type)->group(group);
}

// Replaces each element of `all` by one copy for each of `values`, set by `set`. No effect if
// `values` is empty, which means that the flag was not given.
template <typename T, typename Set>
void Multiply(const std::vector<T>& values, std::vector<cli::ProblemFlags>* all, Set set) {
  if (values.empty()) return;
  std::vector<cli::ProblemFlags> product;
  for (const cli::ProblemFlags& flags : *all) {
    for (const T& value : values) set(product.emplace_back(flags), value);
  }
  *all = std::move(product);
}

}  // namespace

void BenchFlags::AddTo(CLI::App* command) {
  problem.AddTo(command);
  for (const cli::SizeFlag& flag : cli::SizeFlags()) {
    const std::string name(flag.name);
    AsList(command, name.c_str(), &sizes[name])
        ->check(CLI::Validator(cli::WholeNumber(1, INT64_MAX), ""));
  }
  AsList(command, "--dtype", &dtypes)
      ->check(CLI::Validator(
          [](const std::string& name) {
            return DTypeFromName(name) ? "" : absl::StrCat("unknown type '", name, "'");
          },
          ""));
  command
      ->add_option(
          "--preset", preset,
          "a list of problems: " +
              [] {
                std::string names;
                for (const std::string_view name : cli::PresetNames()) {
                  absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(name));
                }
                return names;
              }())
      ->check(CLI::Validator(cli::OneOf("preset", cli::PresetNames()), ""))
      ->type_name("NAME")
      ->group("Problem");
  command
      ->add_option("--layout", layout,
                   "heads: one after the other; columns: side by side in the columns")
      ->check(CLI::Validator(cli::OneOf("layout", {"heads", "columns"}), ""))
      ->type_name("LAYOUT")
      ->capture_default_str()
      ->group("Problem");
  machine.AddTo(command);
  AsList(command, "--threads", &threads)
      ->check(CLI::Validator(cli::WholeNumber(1, cli::kMostThreadsAsked), ""));
  command
      ->add_option("--config", configs,
                   "tuned: the cache's configuration (the default); default: without a cache; or "
                   "FIELD=VALUE pairs in quotes; several are measured in turn")
      ->type_name("CONFIG")
      ->group("Machine");
  command
      ->add_flag("--fixed-bits", fixed_bits,
                 "the default configuration of plans with fixed bits; with --config, in turn with "
                 "those configurations")
      ->group("Machine");
  constexpr const char* kGroup = "Measuring";
  command->add_option("--repeat", turns.rounds, "interleaved samples of each row, at most")
      ->check(CLI::Validator(cli::WholeNumber(1, 1000000), ""))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--time", turns.seconds, "seconds for each problem")
      ->check(CLI::Validator(cli::PositiveNumber(), ""))
      ->type_name("S")
      ->capture_default_str()
      ->group(kGroup);
  command->add_option("--seed", seed, "seed of the operands")
      ->check(CLI::Validator(cli::WholeNumber(0, INT64_MAX), ""))
      ->type_name("N")
      ->capture_default_str()
      ->group(kGroup);
}

std::vector<std::string> BenchFlags::Configs() const {
  std::vector<std::string> all = configs;
  if (fixed_bits) all.emplace_back(cli::kFixedBits);
  if (all.empty()) all.emplace_back("tuned");
  return all;
}

ops::Layout BenchFlags::Layout() const {
  return layout == Name(ops::Layout::kColumns) ? ops::Layout::kColumns : ops::Layout::kHeads;
}

std::string BenchFlags::GivenProblemFlag() const {
  std::string given = std::string(problem.SizeOrOption());
  for (const auto& [name, values] : sizes) {
    if (!values.empty()) given = name;
  }
  if (!problem.dims.empty()) given = "--dim";
  if (!problem.op.empty()) given = "--op";
  if (!dtypes.empty()) given = "--dtype";
  return given;
}

bool BenchFlags::AsksForProblems() const { return !preset.empty() || !GivenProblemFlag().empty(); }

absl::StatusOr<BenchPreset> BenchFlags::PresetCases(const cli::Machine& here) const {
  std::string given = GivenProblemFlag();
  if (Layout() != ops::Layout::kHeads) given = "--layout";
  if (!given.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(given, " has no effect on --preset ", preset, ", which has its own problems"));
  }
  BenchPreset cases = MakePreset(preset, here.cpu, here.conditions.threads);
  if (!threads.empty()) {
    // The preset's lines hold for its own numbers of threads only.
    cases.lines.clear();
    for (BenchCase& one : cases.cases) one.threads = threads, one.line = -1;
  }
  return cases;
}

absl::StatusOr<BenchPreset> BenchFlags::Cases() const {
  const absl::StatusOr<cli::Machine> here = machine.Resolve();
  if (!here.ok()) return here.status();
  if (!preset.empty()) return PresetCases(*here);

  std::vector<cli::ProblemFlags> all = {problem};
  for (const auto& [name, values] : sizes) {
    Multiply(values, &all, [&name = name](cli::ProblemFlags& flags, int64_t value) {
      flags.sizes[name] = value;
    });
    if (all.size() > kMaxProblems) {
      return absl::InvalidArgumentError(
          absl::StrCat("the lists of sizes make more than ", kMaxProblems, " problems"));
    }
  }
  Multiply(dtypes, &all,
           [](cli::ProblemFlags& flags, const std::string& name) { flags.dtype = name; });
  BenchPreset result;
  for (const cli::ProblemFlags& flags : all) {
    const auto problems = flags.Problems();
    if (!problems.ok()) return problems.status();
    for (const ops::Problem& one : *problems) {
      // The sigmoid-mul problem of --dim repeats with every size of attention.
      const bool known = std::any_of(result.cases.begin(), result.cases.end(),
                                     [&](const BenchCase& old) { return old.problem == one; });
      const std::vector<int> counts =
          threads.empty() ? std::vector<int>{here->conditions.threads} : threads;
      if (!known) result.cases.push_back({.problem = one, .isa = here->cpu.isa, .threads = counts});
    }
  }
  return result;
}

}  // namespace jitattn::lab
