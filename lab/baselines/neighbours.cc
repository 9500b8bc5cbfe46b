// Busy processes, for measuring calls on a loaded machine.

#include "lab/baselines/neighbours.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace jitattn::lab {

Neighbours::~Neighbours() {
  for (const pid_t pid : pids_) kill(pid, SIGKILL);
  for (const pid_t pid : pids_) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

absl::Status Neighbours::Start(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot start a busy process: ", std::strerror(errno)));
    }
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(0);  // the parent died before prctl
      for (;;) asm volatile("");
    }
    pids_.push_back(pid);
  }
  return absl::OkStatus();
}

}  // namespace jitattn::lab
