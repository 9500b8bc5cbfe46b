// Signal handlers for the command; the library never installs any.

#include "cli/interrupt.h"

namespace jitattn::cli {
namespace {

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // what a handler may touch

void HandleSignal(int) { g_stop.store(true, std::memory_order_relaxed); }

}  // namespace

Interrupt::Interrupt() {
  g_stop = false;
  struct sigaction action = {};
  action.sa_handler = HandleSignal;
  sigemptyset(&action.sa_mask);
  // Back to the default after the first signal, so that the second kills even a hung tuner. Calls
  // under way are restarted: a record that is being written is written to its end.
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  sigaction(SIGINT, &action, &old_int_);
  sigaction(SIGTERM, &action, &old_term_);
}

Interrupt::~Interrupt() {
  sigaction(SIGINT, &old_int_, nullptr);
  sigaction(SIGTERM, &old_term_, nullptr);
}

const std::atomic<bool>& Interrupt::stop() const { return g_stop; }

}  // namespace jitattn::cli
