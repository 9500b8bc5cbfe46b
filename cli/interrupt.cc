// Signal handlers for the command; the library never installs any.

#include "cli/interrupt.h"

namespace jitattn::cli {
namespace {

std::atomic<bool> g_stop{false};
std::atomic<int> g_signal{0};
// A signal handler may use lock-free atomics only.
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
  // SA_RESETHAND: the second signal ends the process, even if the tuner hangs. SA_RESTART: system
  // calls continue, so a record that is being written is completed.
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  for (Old& old : old_) {
    sigaction(old.signal, nullptr, &old.action);
    // nohup and scripts that start us in the background set the signal to be ignored.
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
