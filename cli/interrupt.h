// Ctrl-C while something is under way: the first asks to stop, the second ends the process.

#ifndef JITATTN_CLI_INTERRUPT_H_
#define JITATTN_CLI_INTERRUPT_H_

#include <signal.h>

#include <atomic>

namespace jitattn::cli {

// From construction to destruction SIGINT and SIGTERM set stop(). One at a time in a process.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& stop() const;

 private:
  struct sigaction old_int_, old_term_;
};

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_INTERRUPT_H_
