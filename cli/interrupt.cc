// Signal handlers for the command; the library never installs any.

#include "cli/interrupt.h"

namespace jitattn::cli {
namespace {

std::atomic<bool> g_stop{false};
std::atomic<int> g_signal{0};
// What a handler may touch.
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void HandleSignal(int signal) {
  g_signal.store(signal, std::memory_order_relaxed);
  g_stop.store(true, std::memory_order_release);
}

}  // namespace

Interrupt::Interrupt() {
  g_stop = false;
  g_signal = 0;
  struct sigaction action = {};
  action.sa_handler = HandleSignal;
  sigemptyset(&action.sa_mask);
  // Back to the default after the first signal, so that the second kills even a hung tuner. Calls
  // under way are restarted: a record that is being written is written to its end.
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  for (Old& old : old_) {
    sigaction(old.signal, nullptr, &old.action);
    // Whoever started us in the background of a script, or by nohup, ignores it for us.
    old.taken = old.action.sa_handler != SIG_IGN;
    if (old.taken) sigaction(old.signal, &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (const Old& old : old_) {
    if (old.taken) sigaction(old.signal, &old.action, nullptr);
  }
}

const std::atomic<bool>& Interrupt::stop() const { return g_stop; }

int Interrupt::exit_code() { return 128 + g_signal; }

std::string_view Interrupt::reason() {
  return g_signal == SIGINT ? "stopped by Ctrl-C" : "stopped by a signal";
}

}  // namespace jitattn::cli
