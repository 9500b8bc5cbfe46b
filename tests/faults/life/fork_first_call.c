/* fork() while another thread makes the first call of the process: calls in the child succeed. The
 * forks are spread over the duration of such a call. */

#include <pthread.h>
#include <time.h>

#include "life.h"

enum { kForks = 80, kMost = 256 };
static float x[kMost];

static double Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void* FirstCall(void* began) {
  static float y[kMost];
  *(volatile double*)began = Now();
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, kMost) == 0, "the parent's call");
  return NULL;
}

static int ChildOfTheFork(void* unused) {
  (void)unused;
  static float y[kMost];
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, kMost) == 0, "the child's call");
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, 64) == 0, "the child's second call");
  return kRight;
}

static int ForkAfter(double delay) {
  volatile double began = 0;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, FirstCall, (void*)&began) == 0, "no thread");
  while (began == 0) {
  }
  while (Now() < began + delay) {
  }
  const int status = InAChild(ChildOfTheFork, NULL, 10);
  pthread_join(thread, NULL);
  CHECK(status == kRight, "%.0f us after the call began: status %d", delay * 1e6, status);
  return kRight;
}

static int TimeOfAFirstCall(void* seconds) {
  static float y[kMost];
  const double start = Now();
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, kMost) == 0, "a call alone");
  *(double*)seconds = Now() - start;
  return kRight;
}

int main(int count, char** arguments) {
  FillSmall(x, kMost);
  if (AgainArgument(count, arguments) >= 0) {
    return ForkAfter(1e-6 * AgainArgument(count, arguments));
  }
  double* seconds = (double*)mmap(NULL, sizeof *seconds, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(seconds != MAP_FAILED, "no memory");
  CHECK(InAChild(TimeOfAFirstCall, seconds, 20) == kRight, "a call alone");
  if (*seconds > 0.1) *seconds = 0.1; /* the machine was busy with something else */
  for (int i = 0; i < kForks; ++i) {
    const int status = Again((int)(1e6 * *seconds * i / kForks), 40);
    CHECK(status == kRight, "fork %d of %d: status %d", i, kForks, status);
  }
  return kRight;
}
