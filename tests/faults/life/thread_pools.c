/* Threads with pools of their own beside one without: each pool gets its own thread's work only,
 * as long as it is set, and under the host's rounding mode. */

#include <fenv.h>
#include <pthread.h>

#include "life.h"

enum { kNumbers = 1 << 20 };

struct Pool {
  int bodies;
  pthread_t owner;
  int calls_again;
};

static void ParallelFor(int32_t count, void (*body)(int32_t, void*), void* body_context,
                        void* context) {
  struct Pool* pool = (struct Pool*)context;
  CHECK(pthread_equal(pool->owner, pthread_self()), "the pool of another thread was called");
  CHECK(fegetround() == FE_UPWARD, "the host's code does not run under the host's rounding mode");
  if (pool->calls_again) {
    /* The pool is taken away while it runs: the work that it has must be done all the same. */
    jitattn_set_thread_parallel_for(NULL, NULL);
    static float x[64], y[64];
    CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, 64) == 0, "a nested call is wrong");
    jitattn_set_thread_parallel_for(ParallelFor, pool);
  }
  for (int32_t i = count - 1; i >= 0; --i) body(i, body_context);
  pool->bodies += count;
}

static float input[kNumbers];

static int Bodies(struct Pool* pool, float* y) {
  const int before = pool->bodies;
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, input, y, kNumbers) == 0, "wrong");
  return pool->bodies - before;
}

/* With a pool, without it, and with it again. */
static void* Caller(void* data) {
  struct Pool pool = {0, pthread_self(), data != NULL};
  float* y = (float*)malloc(kNumbers * sizeof(float));
  CHECK(y != NULL, "no memory");
  CHECK(fesetround(FE_UPWARD) == 0, "no such mode");
  CHECK(Bodies(&pool, y) == 0, "a pool that was not set was called");
  long tries = 0;
  for (int i = 0; i < 20; ++i) {
    jitattn_set_thread_parallel_for(ParallelFor, &pool);
    const int with = Bodies(&pool, y);
    CHECK(with != 1, "one body for a pool");
    tries += with;
    jitattn_set_thread_parallel_for(NULL, NULL);
    CHECK(Bodies(&pool, y) == 0, "a pool that was taken away was called");
  }
  CHECK(fegetround() == FE_UPWARD, "another rounding mode than before");
  free(y);
  return (void*)tries;
}

static void* CallerWithout(void* data) {
  (void)data;
  float* y = (float*)malloc(kNumbers * sizeof(float));
  CHECK(y != NULL, "no memory");
  for (int i = 0; i < 20; ++i) {
    CHECK(SiluIsWrong(jitattn_sigmoid_mul, input, y, kNumbers) == 0, "wrong");
  }
  free(y);
  return NULL;
}

int main(void) {
  FillSmall(input, kNumbers);
  pthread_t threads[3];
  void* bodies[3];
  CHECK(pthread_create(&threads[0], NULL, Caller, NULL) == 0, "no thread");
  CHECK(pthread_create(&threads[1], NULL, Caller, input) == 0, "no thread");
  CHECK(pthread_create(&threads[2], NULL, CallerWithout, NULL) == 0, "no thread");
  for (int i = 0; i < 3; ++i) CHECK(pthread_join(threads[i], &bodies[i]) == 0, "no join");
  /* With one core there is nothing for a pool to do. */
  if (bodies[0] == NULL && bodies[1] == NULL) return kCannotBeTried;
  CHECK(bodies[0] == bodies[1], "%ld and %ld bodies", (long)bodies[0], (long)bodies[1]);
  return kRight;
}
