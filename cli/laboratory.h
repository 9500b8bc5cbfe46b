// The laboratory: commands and flags that evaluate the library rather than use it. A second
// program, jitattn-lab, implements them. jitattn lists these commands and replaces itself with
// jitattn-lab when the user asks for one, so neither the first build nor an application contains
// their code.

#ifndef JITATTN_CLI_LABORATORY_H_
#define JITATTN_CLI_LABORATORY_H_

#include <span>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace jitattn::cli {

// A command of the laboratory and its line in `jitattn --help`.
struct LaboratoryCommand {
  const char* name;
  const char* help;
};
std::span<const LaboratoryCommand> LaboratoryCommands();

// Adds the subcommand `name`, with its help, to `app`. REQUIRES: a name of LaboratoryCommands().
CLI::App* AddLaboratoryCommand(CLI::App* app, std::string_view name);

// The laboratory's commands for the program jitattn: each calls HandOver(argv).
std::vector<AddCommand> HandedOver(char** argv);

// Replaces this process with the laboratory's program and the same arguments. That program has this
// one's name with "-lab" appended, and lies beside this one or in ../libexec/jitattn (relative to
// this one's folder). Returns only if neither starts: prints an error and returns the exit code.
int HandOver(char** argv);

// The presets of `jitattn bench --preset` and `jitattn tune --preset`.
std::vector<std::string_view> PresetNames();

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_LABORATORY_H_
