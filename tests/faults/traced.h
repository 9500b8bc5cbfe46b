// A child process whose system calls are counted, and of which one is made to fail: by ptrace, as
// strace does, so that calls from inside the C library count too.

#ifndef JITATTN_TESTS_FAULTS_TRACED_H_
#define JITATTN_TESTS_FAULTS_TRACED_H_

#include <sys/types.h>

#include <string>
#include <string_view>

namespace jitattn::faults {

enum class Failure {
  kNone,
  kRefused,      // with the error that is likeliest for the call: ENOSPC, EIO, ENOMEM, …
  kInterrupted,  // EINTR, of calls that know that error
};

struct Traced {
  int status = -1;     // as of waitpid; −1: this system lets us trace nothing
  int calls = 0;       // that could have been made to fail between the markers
  std::string failed;  // name of the one that was
};

// In the child, before exec. False where nothing can be traced.
bool BeTraced();

// In the parent, after fork: follows the child and its threads to its end. Call `index`, from 0, of
// those between the markers fails.
Traced Trace(pid_t child, Failure failure, int index);

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_TRACED_H_
