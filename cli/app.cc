// Subcommands, --version, errors of the command line.

#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/clean.h"
#include "cli/command.h"
#include "cli/laboratory.h"
#include "cli/text.h"
#include "cli/tune.h"
#include "jitattn/jitattn.h"
#include "search/strategies/strategies.h"

namespace jitattn::cli {
namespace {

int PrintError(std::string_view message, int exit_code) {
  // One line without control characters, since parts may come from a library or a file.
  const std::string line = Clean(absl::StrReplaceAll(std::string(message), {{"\n", "; "}}));
  std::fprintf(stderr, "jitattn: %s\n", line.c_str());
  return exit_code;
}

const CLI::App* Innermost(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

// "unknown flag '--head'; did you mean --heads?" for a word that no command accepted.
std::string UnknownWord(const CLI::App& command, const std::string& word) {
  const bool flag = word.starts_with('-');
  std::vector<std::string> names;
  for (const CLI::App* sub : command.get_subcommands(nullptr)) names.push_back(sub->get_name());
  const char* kind = flag ? "unknown flag" : names.empty() ? "unexpected word" : "unknown command";
  if (flag) names.clear();
  for (const CLI::Option* option : command.get_options()) {
    if (flag) names.push_back(option->get_name());
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view name = std::string_view(word).substr(0, word.find('='));
  const std::string_view meant = Closest(name, candidates);
  std::string text = absl::StrFormat("%s '%s'", kind, name);
  if (!meant.empty()) text += absl::StrFormat("; did you mean %s?", meant);
  return text;
}

std::string PathOf(const CLI::App* command) {
  std::string path = command->get_name();
  for (const CLI::App* up = command->get_parent(); up != nullptr; up = up->get_parent()) {
    path = up->get_name() + " " + path;
  }
  return path;
}

int ParseFailure(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* command = Innermost(&root);
  std::string text = error.what();
  const int code = error.get_exit_code();
  const bool no_command = code == static_cast<int>(CLI::ExitCodes::RequiredError) &&
                          !command->get_subcommands(nullptr).empty();
  if (no_command) text = "a command is missing";
  const std::vector<std::string> left = root.remaining(true);
  if (!left.empty() && (no_command || code == static_cast<int>(CLI::ExitCodes::ExtrasError))) {
    text = UnknownWord(*command, left.front());
  }
  return PrintError(absl::StrFormat("%s (see %s --help)", text, PathOf(command)), kUsage);
}

}  // namespace

int Fail(const absl::Status& status) {
  return PrintError(std::string(status.message()),
                    absl::IsInvalidArgument(status) ? kUsage : kFailed);
}

namespace {

int Run(int argc, char** argv, std::span<const AddCommand> add_commands) {
  CLI::App app("Attention and sigmoid-mul (SiLU) kernels, emitted and tuned for this CPU.",
               "jitattn");
  app.set_version_flag("--version", std::string("jitattn ") + jitattn_version());
  app.set_help_flag("-h,--help", "Print this and exit");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  std::vector<Command> commands;
  for (const AddCommand& add : add_commands) commands.push_back(add(&app));
  // Set after the commands were added, since they would inherit the footer.
  app.footer("jitattn COMMAND --help lists the flags of a command.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help and --version
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    return ParseFailure(app, error);
  }
  const auto asked = std::find_if(commands.begin(), commands.end(),
                                  [](const Command& command) { return command.app->parsed(); });
  const int exit_code = asked->run();
  // If stdout is redirected to a full disk, the error shows here at the latest.
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return PrintError(absl::StrFormat("cannot write the output: %s", std::strerror(errno)),
                      kFailed);
  }
  return exit_code;
}

}  // namespace

int RunCommandLine(int argc, char** argv, std::span<const AddCommand> commands) {
  search::AddAllStrategies();
  // A write beyond the limit of file sizes then fails with EFBIG, like a write to a full disk,
  // instead of ending the process.
  std::signal(SIGXFSZ, SIG_IGN);
  // No content of a file may end the command in std::terminate: each error is one line.
  try {
    return Run(argc, argv, commands);
  } catch (const std::bad_alloc&) {
    return PrintError("out of memory", kFailed);
  } catch (const std::exception& error) {
    return PrintError(error.what(), kFailed);
  }
}

int Main(int argc, char** argv) {
  const auto tune_in_laboratory = [argv](const TuneFlags&) { return HandOver(argv); };
  std::vector<AddCommand> commands = {
      [&](CLI::App* app) { return AddTune(app, tune_in_laboratory); }, AddRun, AddCache, AddCpu,
      AddShow};
  for (AddCommand& command : HandedOver(argv)) commands.push_back(std::move(command));
  return RunCommandLine(argc, argv, commands);
}

}  // namespace jitattn::cli
