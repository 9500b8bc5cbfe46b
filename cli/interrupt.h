// Ctrl-C and SIGTERM while something is under way: the first asks to stop, the second ends the
// process.

#ifndef JITATTN_CLI_INTERRUPT_H_
#define JITATTN_CLI_INTERRUPT_H_

#include <signal.h>

#include <atomic>
#include <string_view>

namespace jitattn::cli {

// From construction to destruction SIGINT and SIGTERM set stop(), but for one that was ignored
// before, which stays ignored. One at a time in a process.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& stop() const;
  // Of the signal that set stop() last, also when the object is gone: 130 for Ctrl-C and 143 for
  // SIGTERM, 128 + the signal as shells count it; and the words for people.
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
