// The command line as a whole: picks the command, prints its errors, chooses the exit code.

#ifndef JITATTN_CLI_APP_H_
#define JITATTN_CLI_APP_H_

namespace jitattn::cli {

// Returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
int Main(int argc, char** argv);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_APP_H_
