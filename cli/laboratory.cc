// The laboratory's commands in the program jitattn, and the exec of jitattn-lab.

#include "cli/laboratory.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_format.h"

namespace jitattn::cli {
namespace {

constexpr LaboratoryCommand kCommands[] = {
    {"bench", "Measure problems against the limits of this machine"},
    {"roofline", "Show which limit of this machine bounds each problem"},
    {"replay", "Compare search strategies on recorded spaces (docs/search.md)"},
    {"audit", "Compare the tuner and the defaults with the best of whole spaces (docs/tuning.md)"},
    {"compare", "Measure problems against other libraries and loops (docs/compare.md)"},
    {"plot", "Draw the output of other commands as SVG and PNG (docs/plots.md)"},
    {"report", "Write one HTML page with all pictures and their numbers (docs/plots.md)"},
};

constexpr std::string_view kPresets[] = {"square", "transformer", "decode", "sigmoid-mul",
                                         "cliffs", "small",       "models", "all"};

// Paths of the laboratory's program, in the order of preference. Empty if this program's own path
// is unknown: a relative path would name a program in the current folder.
std::vector<std::filesystem::path> Places() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!self.is_absolute()) return {};
  const std::string name = self.filename().string() + "-lab";
  return {self.parent_path() / name, self.parent_path().parent_path() / "libexec/jitattn" / name};
}

}  // namespace

std::span<const LaboratoryCommand> LaboratoryCommands() { return kCommands; }

CLI::App* AddLaboratoryCommand(CLI::App* app, std::string_view name) {
  const auto* command = std::ranges::find(kCommands, name, &LaboratoryCommand::name);
  return app->add_subcommand(command->name, command->help);
}

std::vector<AddCommand> HandedOver(char** argv) {
  std::vector<AddCommand> commands;
  for (const LaboratoryCommand& command : kCommands) {
    commands.emplace_back([name = command.name, argv](CLI::App* app) -> Command {
      CLI::App* handed_over = AddLaboratoryCommand(app, name);
      handed_over->set_help_flag();  // the laboratory answers --help
      handed_over->prefix_command();
      return {handed_over, [argv] { return HandOver(argv); }};
    });
  }
  return commands;
}

int HandOver(char** argv) {
  const std::vector<std::filesystem::path> places = Places();
  if (places.empty()) {
    return Fail(absl::NotFoundError(
        "a second program carries this out, and /proc/self/exe does not tell where it is"));
  }
  for (const std::filesystem::path& place : places) {
    execv(place.c_str(), argv);
    if (errno == ENOENT) continue;
    return Fail(absl::FailedPreconditionError(absl::StrFormat(
        "%s, which carries this out, does not start: %s", place.string(), std::strerror(errno))));
  }
  return Fail(absl::NotFoundError(absl::StrFormat(
      "the second program, which carries this out, does not exist: %s (in a source tree, ./dev "
      "builds it on first use; ./dev install installs it; the Python package has no such program)",
      places.front().string())));
}

std::vector<std::string_view> PresetNames() { return {std::begin(kPresets), std::end(kPresets)}; }

}  // namespace jitattn::cli
