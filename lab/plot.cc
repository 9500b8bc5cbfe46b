// jitattn plot and jitattn report: run plots.py, which is built into the command, by a Python that
// has Matplotlib.

#include <spawn.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/env.h"
#include "cli/laboratory.h"
#include "cli/problem_flags.h"
#include "jitattn/jitattn.h"
#include "lab/commands.h"
#include "lab/python_scripts.h"

extern char** environ;

namespace jitattn::lab {
namespace {

struct PlotFlags {
  std::vector<std::string> files, kinds;
  std::string output = ".", title = "jitattn report";
  bool list = false, json = false;
};

// Exit codes of a `python` that cannot draw: plots.py's code if Matplotlib is missing or too old,
// and the code of a shim without a Python behind it.
constexpr int kNoMatplotlib = 69, kNoProgram = 127;

// Runs plots.py and returns its exit code; nothing if `python` cannot run it.
std::optional<int> RunPlots(const std::string& python, const std::vector<std::string>& arguments) {
  // UTF-8 in every locale, since the script is passed as an argument and is UTF-8.
  std::vector<std::string> command = {python, "-X", "utf8", "-c", kPlots};
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return std::nullopt;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return cli::kFailed;
  const int code = WEXITSTATUS(status);
  return code == kNoMatplotlib || code == kNoProgram ? std::nullopt : std::optional(code);
}

int Run(std::string_view command, const PlotFlags& flags) {
  std::vector<std::string> arguments = {absl::StrCat("--version=", jitattn_version()),
                                        absl::StrCat("--kind=", absl::StrJoin(flags.kinds, ",")),
                                        absl::StrCat("--output=", flags.output),
                                        absl::StrCat("--title=", flags.title)};
  if (flags.list) arguments.emplace_back("--list");
  if (flags.json) arguments.emplace_back("--json");
  arguments.insert(arguments.end(), {std::string(command), "--"});
  arguments.insert(arguments.end(), flags.files.begin(), flags.files.end());
  // The first Python on PATH may hide the system's Python, which has Debian's Matplotlib.
  std::vector<std::string> pythons = {"python3", "/usr/bin/python3"};
  if (const char* chosen = Env("JITATTN_PYTHON")) pythons = {chosen};
  for (const std::string& python : pythons) {
    if (const std::optional<int> code = RunPlots(python, arguments)) return *code;
  }
  return cli::Fail(absl::FailedPreconditionError(
      absl::StrFormat("pictures need Matplotlib 3.6 or newer, and %s lacks it: run apt-get install "
                      "python3-matplotlib, or set JITATTN_PYTHON to a Python that has it",
                      absl::StrJoin(pythons, " or "))));
}

void AddCommon(CLI::App* app, PlotFlags* flags) {
  app->add_option("FILE", flags->files,
                  "JSON of tune, compare, replay, bench or roofline, or a recorded space")
      ->required()
      ->type_name("");
  app->add_option("--kind", flags->kinds,
                  "only these kinds of picture (docs/plots.md; --list names them)")
      ->delimiter(',')
      ->type_name("KIND,...");
  app->add_flag("--json", flags->json, "the list of pictures as JSON (docs/json.md)");
}

}  // namespace

cli::Command AddPlot(CLI::App* app) {
  auto flags = std::make_shared<PlotFlags>();
  CLI::App* plot = cli::AddLaboratoryCommand(app, "plot");
  AddCommon(plot, flags.get());
  plot->add_option(
          "-o,--output", flags->output,
          "FILE.svg or FILE.png for one picture, else a folder for all, in both formats (.)")
      ->type_name("OUT");
  plot->add_flag("--list", flags->list,
                 "list the pictures that the files give, without drawing them");
  return {plot, [flags] { return Run("plot", *flags); }};
}

cli::Command AddReport(CLI::App* app) {
  auto flags = std::make_shared<PlotFlags>();
  CLI::App* report = cli::AddLaboratoryCommand(app, "report");
  AddCommon(report, flags.get());
  report->add_option("-o,--output", flags->output, "the page")
      ->required()
      ->check(CLI::Validator(cli::FileName(), ""))
      ->type_name("FILE.html");
  report->add_option("--title", flags->title, "title of the page (jitattn report)")
      ->type_name("TEXT");
  return {report, [flags] { return Run("report", *flags); }};
}

}  // namespace jitattn::lab
