// The command line: subcommands, --version, errors.

#ifndef JITATTN_CLI_APP_H_
#define JITATTN_CLI_APP_H_

#include <span>

#include "cli/command.h"

namespace jitattn::cli {

// The command jitattn. The laboratory's commands are handed over to jitattn-lab.
int Main(int argc, char** argv);

// A program with these commands, listed in their order. Returns the exit code.
int RunCommandLine(int argc, char** argv, std::span<const AddCommand> commands);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_APP_H_
