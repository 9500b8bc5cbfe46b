// A child process whose system calls are counted, and one of which is made to fail. ptrace does it,
// as in strace, so that calls from inside the C library count, too.

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
  int status = -1;     // as in waitpid; −1: this system does not allow tracing
  int calls = 0;       // number of calls between the markers that can be made to fail
  std::string failed;  // name of the call that was made to fail
};

// Called in the child before exec. False if tracing is not possible.
bool BeTraced();

// Called in the parent after fork: follows the child and its threads until it ends. Call `index`
// (from 0) between the markers fails.
Traced Trace(pid_t child, Failure failure, int index);

}  // namespace jitattn::faults

#endif  // JITATTN_TESTS_FAULTS_TRACED_H_
