/* One-shot calls from destructors of thread-specific data, before and after the library's own,
 * while other threads run the same problems. */

#include <pthread.h>

#include "life.h"

enum { kMost = 1 << 12, kThreads = 40 };
static float x[kMost];
static pthread_key_t early, late;

static void CallAll(float* y) {
  for (int round = 0; round < 2; ++round) {
    for (long n = 64; n <= kMost; n *= 2) {
      CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, n) == 0, "length %ld", n);
    }
  }
  /* Errors still have a message. */
  CHECK(jitattn_sigmoid_mul(NULL, NULL) == JITATTN_INVALID_ARGUMENT, "null was taken");
  CHECK(strcmp(jitattn_last_error(), "problem is a null pointer") == 0, "%s", jitattn_last_error());
}

static void AtTheEnd(void* y) {
  CallAll((float*)y);
  free(y);
}

static void* Thread(void* unused) {
  float* y = (float*)malloc(2 * kMost * sizeof *y);
  pthread_setspecific(early, malloc(kMost * sizeof *y));
  CallAll(y);
  pthread_setspecific(late, malloc(kMost * sizeof *y));
  free(y);
  return unused;
}

/* This constructor runs before or after the library's, as the loader chooses; the keys cover both
 * orders. */
__attribute__((constructor)) static void MakeKeys(void) {
  CHECK(pthread_key_create(&early, AtTheEnd) == 0, "no key");
}

int main(void) {
  FillSmall(x, kMost);
  CHECK(pthread_key_create(&late, AtTheEnd) == 0, "no key");
  for (int i = 0; i < kThreads; i += 4) {
    pthread_t threads[4];
    for (int t = 0; t < 4; ++t) {
      CHECK(pthread_create(&threads[t], NULL, Thread, NULL) == 0, "no thread");
    }
    for (int t = 0; t < 4; ++t) pthread_join(threads[t], NULL);
  }
  static float y[kMost];
  CallAll(y);
  return kRight;
}
