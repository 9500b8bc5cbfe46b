// The command jitattn with a third operation: its folder, and one line that registers it.

#include <cstdio>
#include <string>

#include "cli/app.h"
#include "tests/third_operation/axpy.h"

int main(int argc, char** argv) {
  if (const absl::Status s = jitattn::ops::RegisterOperation(jitattn::third::kAxpy); !s.ok()) {
    std::fprintf(stderr, "%s\n", std::string(s.message()).c_str());
    return 1;
  }
  return jitattn::cli::Main(argc, argv);
}
