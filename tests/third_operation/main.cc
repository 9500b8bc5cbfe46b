// The command jitattn with a third operation: its folder, and one line that registers it.

#include "cli/app.h"
#include "tests/third_operation/axpy.h"

int main(int argc, char** argv) {
  jitattn::ops::RegisterOperation(jitattn::third::kAxpy);
  return jitattn::cli::Main(argc, argv);
}
