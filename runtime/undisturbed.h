// What a thread is kept from while it makes a plan.

#ifndef JITATTN_RUNTIME_UNDISTURBED_H_
#define JITATTN_RUNTIME_UNDISTURBED_H_

#include <pthread.h>

#include <cfenv>

namespace jitattn::runtime {

// While one lives, this thread is not cancelled. A cancelled thread is unwound from within open()
// and its kin, by something like an exception that must not be caught; functions that let nothing
// through end the process then. The cancellation stays pending, for the next point of the program's
// own.
class Uncancelled {
 public:
  Uncancelled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~Uncancelled() { pthread_setcancelstate(before_, &before_); }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  int before_;
};

// While one lives, this thread is not cancelled, and long double too has its default environment:
// runs have no long double, so that Entry leaves that one alone. The modes of a caller must not
// decide about constants that are emitted, nor about which configuration is the fastest.
class Undisturbed {
 public:
  Undisturbed() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~Undisturbed() { std::fesetenv(&before_); }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  const Uncancelled uncancelled_;
  std::fenv_t before_;
};

}  // namespace jitattn::runtime

#endif  // JITATTN_RUNTIME_UNDISTURBED_H_
