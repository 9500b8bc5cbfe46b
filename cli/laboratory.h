// The laboratory: commands and flags that judge the library rather than use it. A second program,
// jitattn-lab, carries them out; jitattn lists them and becomes that program when one is asked for.
// So neither the first build nor an application has any of their code.

#ifndef JITATTN_CLI_LABORATORY_H_
#define JITATTN_CLI_LABORATORY_H_

#include <span>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace jitattn::cli {

// A command of the laboratory, as `jitattn --help` lists it.
struct LaboratoryCommand {
  const char* name;
  const char* help;
};
std::span<const LaboratoryCommand> LaboratoryCommands();

// Adds the subcommand `name`, with its help, to `app`. REQUIRES: a name of LaboratoryCommands().
CLI::App* AddLaboratoryCommand(CLI::App* app, std::string_view name);

// The laboratory's commands as jitattn has them: each ends in HandOver(argv).
std::vector<AddCommand> HandedOver(char** argv);

// Replaces this process by the laboratory's program, with the same arguments: the program that lies
// beside this one, or in ../libexec/jitattn, and is called like this one with "-lab" behind.
// Returns, with the exit code, only where there is none.
int HandOver(char** argv);

// Presets of `jitattn bench`, which `jitattn tune` takes too.
std::vector<std::string_view> PresetNames();

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_LABORATORY_H_
