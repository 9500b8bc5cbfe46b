// The program jitattn-lab, which jitattn runs for the laboratory's commands and flags.

#include "lab/commands.h"

int main(int argc, char** argv) { return jitattn::lab::Main(argc, argv); }
