// The laboratory's program beside it.

#include "lab/commands.h"
#include "tests/third_operation/axpy.h"

int main(int argc, char** argv) {
  jitattn::ops::RegisterOperation(jitattn::third::kAxpy);
  return jitattn::lab::Main(argc, argv);
}
