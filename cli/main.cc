// The command jitattn.

#include "cli/app.h"

int main(int argc, char** argv) { return jitattn::cli::Main(argc, argv); }
