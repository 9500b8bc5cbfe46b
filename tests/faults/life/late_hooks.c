/* Hooks are taken once, and refused after the first plan or one-shot call. */

#include "life.h"

static void* Alloc(size_t bytes, size_t alignment, void* context) {
  ++*(int*)context;
  return aligned_alloc(alignment, bytes);
}
static void Release(void* memory, void* context) { (void)context, free(memory); }
static void Log(int32_t level, const char* message, void* context) {
  (void)level, (void)message, (void)context;
}
static void ParallelFor(int32_t count, void (*body)(int32_t, void*), void* body_context,
                        void* context) {
  ++*(int*)context;
  for (int32_t i = 0; i < count; ++i) body(i, body_context);
}

static int uses;
static float x[1 << 16], y[1 << 16];

static void CheckAllRefused(const char* why) {
  const jitattn_status statuses[] = {jitattn_set_allocator(Alloc, Release, &uses),
                                     jitattn_set_log(Log, NULL),
                                     jitattn_set_parallel_for(ParallelFor, &uses)};
  for (int i = 0; i < 3; ++i) {
    CHECK(statuses[i] == JITATTN_INVALID_ARGUMENT, "hook %d: %d", i, statuses[i]);
  }
  CHECK(strstr(jitattn_last_error(), why) != NULL, "%s", jitattn_last_error());
}

static int AfterAPlan(void* unused) {
  (void)unused;
  jitattn_sigmoid_mul_problem problem; /* allocates no scratch */
  jitattn_sigmoid_mul_problem_init(&problem, 1, 64);
  CHECK(strcmp(jitattn_version(), "") != 0,
        "no version"); /* this call does not end the time for hooks */
  jitattn_plan* plan;
  CHECK_OK(jitattn_sigmoid_mul_plan(&problem, NULL, &plan));
  CheckAllRefused("too late");
  jitattn_plan_free(plan);
  CHECK(uses == 0, "a refused hook was called");
  return kRight;
}

static int AfterAOneShotCall(void* unused) {
  (void)unused;
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, 64) == 0, "wrong");
  CheckAllRefused("too late");
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, 1 << 16) == 0, "wrong");
  CHECK(uses == 0, "a refused hook was called");
  return kRight;
}

static int InTime(void* unused) {
  (void)unused;
  CHECK(jitattn_set_log(NULL, NULL) == JITATTN_INVALID_ARGUMENT, "null was taken");
  CHECK_OK(jitattn_set_parallel_for(ParallelFor, &uses));
  CHECK_OK(jitattn_set_log(Log, NULL));
  CHECK_OK(jitattn_set_allocator(Alloc, Release, &uses));
  CheckAllRefused("set already");
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, 64, 64);
  jitattn_plan* plan;
  CHECK_OK(jitattn_attention_plan(&problem, NULL, &plan));
  CHECK(uses > 0 || jitattn_plan_scratch_bytes(plan) == 0, "the allocator was not called");
  jitattn_plan_free(plan);
  return kRight;
}

int main(void) {
  FillSmall(x, 1 << 16);
  CHECK(InAChild(AfterAPlan, NULL, 20) == kRight, "after a plan");
  CHECK(InAChild(AfterAOneShotCall, NULL, 20) == kRight, "after a one-shot call");
  CHECK(InAChild(InTime, NULL, 20) == kRight, "in time");
  return kRight;
}
