// Ctrl-C and SIGTERM while a command works: the first signal asks the command to stop, the second
// one ends the process.

#ifndef JITATTN_CLI_INTERRUPT_H_
#define JITATTN_CLI_INTERRUPT_H_

#include <signal.h>

#include <atomic>
#include <string_view>

namespace jitattn::cli {

// From construction to destruction, SIGINT and SIGTERM set stop(). A signal that was ignored before
// stays ignored. REQUIRES: no other Interrupt lives in the process.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& stop() const;
  // The exit code for the last signal: 128 + its number, as shells do it, so 130 for Ctrl-C and 143
  // for SIGTERM. reason() names that signal for people. Both stay valid after destruction.
  static int exit_code();
  static std::string_view reason();

 private:
  struct Old {
    int signal;
    struct sigaction action = {};
    bool taken = false;
  };
  Old old_[2] = {{SIGINT}, {SIGTERM}};
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_INTERRUPT_H_
