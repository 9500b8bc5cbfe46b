/* main() returns while other threads run plans and one-shot calls, some of them the first. */

#include <pthread.h>
#include <stdatomic.h>

#include "life.h"

enum { kThreads = 4, kRounds = 8, kMost = 1 << 15 };
static float x[kMost];
static atomic_int under_way;

static void* Forever(void* number) {
  float* y = (float*)malloc(kMost * sizeof *y);
  const int mine = (int)(intptr_t)number;
  for (int i = 0;; ++i) {
    jitattn_sigmoid_mul_problem problem;
    jitattn_sigmoid_mul_problem_init(&problem, 1, 64 << (i % 9));
    jitattn_sigmoid_mul_args args;
    jitattn_sigmoid_mul_args_init(&args, &problem);
    args.x = x, args.out = y;
    jitattn_sigmoid_mul(&problem, &args);
    jitattn_attention_problem attention;
    jitattn_attention_problem_init(&attention, 1 + i % 5, 64, 16);
    jitattn_attention_args run;
    jitattn_attention_args_init(&run, &attention);
    run.q = run.k = run.v = x, run.out = y;
    jitattn_plan* plan;
    if (jitattn_attention_plan(&attention, NULL, &plan) == JITATTN_OK) {
      jitattn_attention_run(plan, &run);
      jitattn_plan_free(plan);
    }
    if (mine == 0 && i == 0) atomic_store(&under_way, 1);
  }
  return NULL;
}

/* The threads keep running while exit() calls its handlers. */
static int LeaveThemRunning(int round) {
  for (intptr_t t = 0; t < kThreads; ++t) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, Forever, (void*)t) == 0, "no thread");
  }
  if (round > 0) {
    while (!atomic_load(&under_way)) usleep(100);
    usleep((useconds_t)(round * 500));
  }
  return kRight;
}

int main(int count, char** arguments) {
  FillSmall(x, kMost);
  if (AgainArgument(count, arguments) >= 0) {
    return LeaveThemRunning(AgainArgument(count, arguments));
  }
  for (int round = 0; round < kRounds; ++round) {
    const int status = Again(round, 20);
    CHECK(status == kRight, "round %d: status %d", round, status);
  }
  return kRight;
}
