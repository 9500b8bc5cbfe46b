// A child process whose system calls are counted, and of which one is made to fail.

#include "traced.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "marker.h"

namespace jitattn::faults {

#if defined(__x86_64__)
namespace {

struct Call {
  long number;
  const char* name;
  int error;  // as Failure::kRefused
  bool interruptible;
};

// The calls that may fail on a real system. Left out are futex and rt_sigprocmask, which never fail
// and without which the C library rightly gives up; exit; and clocks.
constexpr Call kCalls[] = {
    {SYS_open, "open", EACCES, true},
    {SYS_openat, "openat", EMFILE, true},
    {SYS_read, "read", EIO, true},
    {SYS_pread64, "pread", EIO, true},
    {SYS_write, "write", ENOSPC, true},
    {SYS_close, "close", EIO, false},
    {SYS_fsync, "fsync", EIO, true},
    {SYS_fdatasync, "fdatasync", EIO, true},
    {SYS_fstat, "fstat", EIO, false},
    {SYS_stat, "stat", EACCES, false},
    {SYS_lstat, "lstat", EACCES, false},
    {SYS_newfstatat, "fstatat", EIO, false},
    {SYS_statx, "statx", EIO, false},
    {SYS_lseek, "lseek", ESPIPE, false},
    {SYS_fcntl, "fcntl", EMFILE, false},
    {SYS_getdents64, "getdents", EIO, false},
    {SYS_access, "access", EACCES, false},
    {SYS_readlink, "readlink", EIO, false},
    {SYS_getcwd, "getcwd", ENOENT, false},
    {SYS_rename, "rename", EIO, false},
    {SYS_renameat, "renameat", EIO, false},
    {SYS_renameat2, "renameat2", EIO, false},
    {SYS_mkdir, "mkdir", ENOSPC, false},
    {SYS_mkdirat, "mkdirat", ENOSPC, false},
    {SYS_unlink, "unlink", EIO, false},
    {SYS_unlinkat, "unlinkat", EIO, false},
    {SYS_fchmod, "fchmod", EPERM, false},
    {SYS_fchownat, "fchownat", EPERM, false},
    {SYS_uname, "uname", EFAULT, false},
    {SYS_sched_getaffinity, "sched_getaffinity", EINVAL, false},
    {SYS_sysinfo, "sysinfo", EFAULT, false},
    {SYS_getrandom, "getrandom", ENOSYS, false},
    {SYS_perf_event_open, "perf_event_open", EACCES, false},
    {SYS_brk, "brk", ENOMEM, false},
    {SYS_mmap, "mmap", ENOMEM, false},
    {SYS_mprotect, "mprotect", EACCES, false},
    {SYS_mremap, "mremap", ENOMEM, false},
    {SYS_munmap, "munmap", ENOMEM, false},
    {SYS_madvise, "madvise", ENOMEM, false},
    {SYS_clone, "clone", EAGAIN, false},
#if defined(SYS_clone3)
    {SYS_clone3, "clone3", EAGAIN, false},
#endif
};

const Call* Find(long number) {
  for (const Call& call : kCalls) {
    if (call.number == number) return &call;
  }
  return nullptr;
}

long Peek(pid_t thread, size_t offset) { return ptrace(PTRACE_PEEKUSER, thread, offset, nullptr); }
void Poke(pid_t thread, size_t offset, long value) {
  ptrace(PTRACE_POKEUSER, thread, offset, value);
}

class Tracer {
 public:
  Tracer(pid_t child, Failure failure, int index)
      : child_(child), failure_(failure), index_(index) {}

  Traced Follow() {
    int status = 0;
    if (waitpid(child_, &status, 0) != child_ || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, child_, nullptr,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) != 0) {
      kill(child_, SIGKILL);
      waitpid(child_, &status, 0);
      return traced_;
    }
    Continue(child_, 0);
    for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        if (thread == child_) {
          traced_.status = status;
          break;
        }
        continue;
      }
      const int signal = WSTOPSIG(status);
      if (signal == (SIGTRAP | 0x80)) {
        AtCall(thread);
        Continue(thread, 0);
      } else if (status >> 16 != 0 || (signal == SIGSTOP && !threads_.contains(thread))) {
        threads_[thread];  // an event, or a thread's first stop: no signal of the program
        Continue(thread, 0);
      } else if (signal == SIGTRAP) {
        Continue(thread, 0);  // exec
      } else {
        Continue(thread, signal);
      }
    }
    return traced_;
  }

 private:
  struct Thread {
    bool inside = false;  // of a system call
    int error = 0;        // to be returned by it
    bool refused_break = false;
    long wanted_break = 0;
  };

  void Continue(pid_t thread, long signal) { ptrace(PTRACE_SYSCALL, thread, nullptr, signal); }

  void AtCall(pid_t id) {
    Thread& thread = threads_[id];
    thread.inside = !thread.inside;
    if (thread.inside) {
      Enter(id, thread);
    } else if (thread.error != 0) {
      Poke(id, offsetof(user_regs_struct, rax), -thread.error);
      thread.error = 0;
    } else if (thread.refused_break) {
      Poke(id, offsetof(user_regs_struct, rdi), thread.wanted_break);  // as the call would leave it
      thread.refused_break = false;
    }
  }

  void Enter(pid_t id, Thread& thread) {
    const long number = Peek(id, offsetof(user_regs_struct, orig_rax));
    if (number == SYS_prctl) {
      const long option = Peek(id, offsetof(user_regs_struct, rdi));
      if (option == kMarkBegin) armed_ = true;
      if (option == kMarkEnd) armed_ = false;
    }
    const Call* call = armed_ ? Find(number) : nullptr;
    if (call == nullptr || (failure_ == Failure::kInterrupted && !call->interruptible)) return;
    if (traced_.calls++ != index_ || failure_ == Failure::kNone) return;
    traced_.failed = call->name;
    if (number == SYS_brk) {
      // brk(0) returns the current break and changes nothing, which is how brk reports failure.
      thread.refused_break = true;
      thread.wanted_break = Peek(id, offsetof(user_regs_struct, rdi));
      Poke(id, offsetof(user_regs_struct, rdi), 0);
      return;
    }
    Poke(id, offsetof(user_regs_struct, orig_rax), -1);  // no call: nothing happens
    thread.error = failure_ == Failure::kInterrupted ? EINTR : call->error;
  }

  const pid_t child_;
  const Failure failure_;
  const int index_;
  bool armed_ = false;
  std::map<pid_t, Thread> threads_;
  Traced traced_;
};

}  // namespace

bool BeTraced() { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 && raise(SIGSTOP) == 0; }

Traced Trace(pid_t child, Failure failure, int index) {
  return Tracer(child, failure, index).Follow();
}

#else  // other registers

bool BeTraced() { return false; }

Traced Trace(pid_t child, Failure, int) {
  int status = 0;
  waitpid(child, &status, 0);
  return {};
}

#endif

}  // namespace jitattn::faults
