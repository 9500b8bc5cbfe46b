// The commands that only jitattn-lab has.

#ifndef JITATTN_LAB_COMMANDS_H_
#define JITATTN_LAB_COMMANDS_H_

#include "cli/command.h"

namespace jitattn::lab {

cli::Command AddBench(CLI::App* app);
cli::Command AddRoofline(CLI::App* app);
cli::Command AddReplay(CLI::App* app);
cli::Command AddAudit(CLI::App* app);
cli::Command AddCompare(CLI::App* app);
cli::Command AddPlot(CLI::App* app);
cli::Command AddReport(CLI::App* app);

// Runs jitattn-lab, which has the commands above and all of jitattn's. Returns the exit code.
int Main(int argc, char** argv);

}  // namespace jitattn::lab

#endif  // JITATTN_LAB_COMMANDS_H_
