/* One-shot calls from functions that exit() runs, registered before the first call and after it. */

#include <pthread.h>

#include "life.h"

enum { kMost = 1 << 14 };
static float x[kMost], y[kMost];

static void CallAll(void) {
  for (int round = 0; round < 2; ++round) {
    for (long n = 64; n <= kMost; n *= 2) {
      CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, n) == 0, "length %ld", n);
    }
  }
}

static void* InAThread(void* unused) {
  CallAll();
  return unused;
}

/* A thread that begins while the process ends. */
static void CallAllInAThread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, InAThread, NULL) == 0) pthread_join(thread, NULL);
}

int main(void) {
  FillSmall(x, kMost);
  atexit(CallAll);
  atexit(CallAllInAThread);
  CallAll();
  atexit(CallAll);
  return kRight;
}
