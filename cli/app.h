// The command line: subcommands, --version, errors.

#ifndef JITATTN_CLI_APP_H_
#define JITATTN_CLI_APP_H_

#include <span>

#include "cli/command.h"

namespace jitattn::cli {

// The program jitattn. Returns the exit code. The laboratory's commands are handed over to
// jitattn-lab (cli/laboratory.h).
int Main(int argc, char** argv);

// Parses the arguments, runs the command that they name, and returns its exit code. --help lists
// `commands` in their order.
int RunCommandLine(int argc, char** argv, std::span<const AddCommand> commands);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_APP_H_
