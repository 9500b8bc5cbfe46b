// The floating-point environment of kernels, and the restoring of the caller's.

#ifndef JITATTN_PARALLEL_FP_ENVIRONMENT_H_
#define JITATTN_PARALLEL_FP_ENVIRONMENT_H_

#if defined(__x86_64__)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace jitattn::inline base {

// During its lifetime this thread computes under the default environment: round to nearest, no
// flushing of denormals, no traps. The destructor restores the previous modes and sticky flags. One
// object exists where a call enters the library (runtime/entry.h), and one where a thread begins a
// body (parallel/parallel.cc). All code below relies on them.
class DefaultFpEnvironment {
 public:
  DefaultFpEnvironment(const DefaultFpEnvironment&) = delete;
  DefaultFpEnvironment& operator=(const DefaultFpEnvironment&) = delete;

#if defined(__x86_64__)
  // Writing MXCSR costs some ten times as much as reading it. Most callers have the default modes
  // and the inexact flag set already; then nothing is written.
  DefaultFpEnvironment() { Enter(); }
  ~DefaultFpEnvironment() { Leave(); }

  // The same in between, for a while in which the thread is somebody else's.
  void Enter() {
    saved_ = _mm_getcsr();
    if ((saved_ & ~kFlags) != kDefault) _mm_setcsr(kDefault);
  }
  void Leave() {
    if (_mm_getcsr() != saved_) _mm_setcsr(saved_);
  }

 private:
  static constexpr unsigned kFlags = 0x3f;      // bits 0–5: sticky exception flags
  static constexpr unsigned kDefault = 0x1f80;  // every exception masked, nothing else set
  unsigned saved_;
#else
  DefaultFpEnvironment() { Enter(); }
  ~DefaultFpEnvironment() { Leave(); }

  // The same in between, for a while in which the thread is somebody else's.
  void Enter() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  void Leave() { std::fesetenv(&saved_); }

 private:
  std::fenv_t saved_;
#endif
};

}  // namespace jitattn::inline base

#endif  // JITATTN_PARALLEL_FP_ENVIRONMENT_H_
