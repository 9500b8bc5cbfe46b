// A command of the program: its flags, and the function that runs after they are parsed.

#ifndef JITATTN_CLI_COMMAND_H_
#define JITATTN_CLI_COMMAND_H_

#include <functional>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace jitattn::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
// A command that a signal ended returns Interrupt::exit_code().

struct Command {
  CLI::App* app;             // app->parsed(): the user named this command
  std::function<int()> run;  // returns the exit code
};

// Adds one subcommand to `app`. Each command has one such function, in a file of its own.
using AddCommand = std::function<Command(CLI::App* app)>;

Command AddRun(CLI::App* app);
Command AddCache(CLI::App* app);
Command AddCpu(CLI::App* app);
Command AddShow(CLI::App* app);
// AddTune is in cli/tune.h. The laboratory's commands are in cli/laboratory.h (for jitattn) and in
// lab/commands.h (for jitattn-lab).

// Prints one line, "jitattn: …", on the error stream. Returns kUsage for InvalidArgument, which
// means that the request itself is wrong, else kFailed.
int Fail(const absl::Status& status);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_COMMAND_H_
