// Protects a thread from cancellation and odd floating-point modes while it makes a plan.

#ifndef JITATTN_RUNTIME_UNDISTURBED_H_
#define JITATTN_RUNTIME_UNDISTURBED_H_

#include <pthread.h>

#include <cfenv>

namespace jitattn::runtime {

// While one lives, this thread is not cancelled. Cancellation unwinds the thread from within open()
// and similar functions, by something like an exception that must not be caught; noexcept functions
// then terminate the process. The cancellation stays pending until a cancellation point of the
// program itself.
class Uncancelled {
 public:
  Uncancelled() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~Uncancelled() { pthread_setcancelstate(before_, &before_); }
  Uncancelled(const Uncancelled&) = delete;
  Uncancelled& operator=(const Uncancelled&) = delete;

 private:
  int before_;
};

// While one lives, this thread is not cancelled and has the default floating-point environment,
// that of long double included. (Runs do not use long double, so Entry leaves its environment
// alone.) The caller's modes must not affect emitted constants, nor the choice of the fastest
// configuration.
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
