// What a command brings to the command line: its flags, and what it does once they are read.

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
// After a signal: Interrupt::exit_code().

struct Command {
  CLI::App* app;             // parsed() tells whether it was asked for
  std::function<int()> run;  // returns the exit code
};

// Adds one subcommand to `app`. Each command has one such function, in a file of its own.
using AddCommand = std::function<Command(CLI::App* app)>;

Command AddRun(CLI::App* app);
Command AddCache(CLI::App* app);
Command AddCpu(CLI::App* app);
Command AddShow(CLI::App* app);
// AddTune: cli/tune.h. The laboratory's: cli/laboratory.h here, lab/commands.h there.

// Prints one line, "jitattn: …", on the error stream and returns the exit code: kUsage for
// InvalidArgument, where the request itself is wrong, else kFailed.
int Fail(const absl::Status& status);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_COMMAND_H_
