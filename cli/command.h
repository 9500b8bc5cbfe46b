// What a command brings to the command line: its flags, and what it does once they are read.

#ifndef JITATTN_CLI_COMMAND_H_
#define JITATTN_CLI_COMMAND_H_

#include <functional>
#include <string_view>

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

// Each adds one subcommand to `app`, in a file of its own.
Command AddTune(CLI::App* app);
Command AddRun(CLI::App* app);
Command AddCache(CLI::App* app);
Command AddCpu(CLI::App* app);
Command AddShow(CLI::App* app);
Command AddBench(CLI::App* app);
Command AddRoofline(CLI::App* app);
Command AddReplay(CLI::App* app);
Command AddAudit(CLI::App* app);
Command AddCompare(CLI::App* app);
Command AddPlot(CLI::App* app);
Command AddReport(CLI::App* app);

// Prints one line, "jitattn: …", on the error stream and returns the exit code: kUsage for
// InvalidArgument, where the request itself is wrong, else kFailed.
int Fail(const absl::Status& status);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_COMMAND_H_
