/* A pending cancellation does not end a thread within a call of the library: the thread lives until
 * a cancellation point of its own. */

#include <pthread.h>

#include "life.h"

enum { kMost = 1 << 12 };
static float x[kMost];

enum Call { kPlan, kPlanAndRun, kOneShot, kTune, kRefused, kCalls };
static int reached[kCalls];

static void* Thread(void* data) {
  const int call = (int)(intptr_t)data;
  float* y = (float*)malloc(kMost * sizeof *y);
  pthread_cancel(pthread_self());
  jitattn_sigmoid_mul_problem silu;
  jitattn_sigmoid_mul_problem_init(&silu, 1, kMost);
  jitattn_sigmoid_mul_args args;
  jitattn_sigmoid_mul_args_init(&args, &silu);
  args.x = x;
  args.out = y;
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  jitattn_plan* plan = NULL;
  switch (call) {
    case kPlanAndRun:
    case kPlan:
      CHECK_OK(jitattn_sigmoid_mul_plan(&silu, &options, &plan));
      if (call == kPlanAndRun) CHECK_OK(jitattn_sigmoid_mul_run(plan, &args));
      break;
    case kOneShot:
      for (long n = 64; n <= kMost; n *= 2) {
        CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, n) == 0, "length %ld", n);
      }
      break;
    case kTune:
      options.threads = 1;
      options.tune = 1;
      options.tune_seconds = 0.2;
      CHECK_OK(jitattn_sigmoid_mul_plan(&silu, &options, &plan));
      break;
    default:
      options.config = "colour=3";
      CHECK(jitattn_sigmoid_mul_plan(&silu, &options, &plan) == JITATTN_INVALID_ARGUMENT, "taken");
  }
  jitattn_plan_free(plan);
  free(y);
  reached[call] = 1;
  for (;;) sleep(1); /* a cancellation point */
}

/* Each case runs in a fresh process, since only the first call opens files. */
static int Try(int call) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, Thread, (void*)(intptr_t)call) == 0, "no thread");
  void* result = NULL;
  pthread_join(thread, &result);
  CHECK(reached[call], "the call did not return");
  CHECK(result == PTHREAD_CANCELED, "the thread was not cancelled");
  return kRight;
}

int main(int count, char** arguments) {
  FillSmall(x, kMost);
  if (AgainArgument(count, arguments) >= 0) return Try(AgainArgument(count, arguments));
  char folder[] = "life_cancel_XXXXXX"; /* for the records of a tuning */
  CHECK(mkdtemp(folder) != NULL, "no folder");
  char path[4096];
  CHECK(realpath(folder, path) != NULL, "no path");
  setenv("JITATTN_CACHE_DIR", path, 1);
  for (int call = 0; call < kCalls; ++call) {
    const int status = Again(call, 30);
    CHECK(status == kRight, "call %d: status %d", call, status);
  }
  char command[4200];
  snprintf(command, sizeof command, "rm -rf '%s'", path);
  return system(command) == 0 ? kRight : kWrong;
}
