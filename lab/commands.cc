// The command line of the laboratory.

#include "lab/commands.h"

#include "cli/app.h"
#include "cli/tune.h"
#include "lab/tune.h"

namespace jitattn::lab {

int Main(int argc, char** argv) {
  const cli::AddCommand commands[] = {
      [](CLI::App* app) { return cli::AddTune(app, RunLaboratoryTune); },
      cli::AddRun,
      cli::AddCache,
      cli::AddCpu,
      cli::AddShow,
      AddBench,
      AddRoofline,
      AddReplay,
      AddAudit,
      AddCompare,
      AddPlot,
      AddReport};
  return cli::RunCommandLine(argc, argv, commands);
}

}  // namespace jitattn::lab
