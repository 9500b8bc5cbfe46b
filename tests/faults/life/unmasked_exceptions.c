/* A program that traps every floating-point exception, inexact results too, can use the library. */

#include <fenv.h>

#include "life.h"

enum { kHeads = 3, kLength = 70, kDim = 40, kNumbers = kHeads * kLength * kDim };
static float x[3][kNumbers], out[kNumbers];

int main(void) {
#ifdef FE_ALL_EXCEPT
  FillSmall(x[0], 3 * kNumbers);
  x[0][0] = 1e-42f; /* a denormal */
  x[1][1] = 3e38f;
  feclearexcept(FE_ALL_EXCEPT);
  if (feenableexcept(FE_ALL_EXCEPT) == -1 || fegetexcept() != FE_ALL_EXCEPT) return kCannotBeTried;
  for (int threads = 1; threads <= 2; ++threads) {
    for (int causal = 0; causal < 2; ++causal) {
      jitattn_attention_problem problem;
      jitattn_attention_problem_init(&problem, kHeads, kLength, kDim);
      problem.mask = causal;
      jitattn_attention_args args;
      jitattn_attention_args_init(&args, &problem);
      args.q = x[0], args.k = x[1], args.v = x[2], args.out = out;
      jitattn_plan_options options;
      jitattn_plan_options_init(&options);
      options.threads = threads;
      jitattn_plan* plan;
      CHECK_OK(jitattn_attention_plan(&problem, &options, &plan));
      for (args.q_len = 0; args.q_len <= kLength; args.q_len += 7) {
        CHECK_OK(jitattn_attention_run(plan, &args));
        CHECK_OK(jitattn_attention(&problem, &args));
      }
      args.q_len = kLength + 1;
      CHECK(jitattn_attention_run(plan, &args) == JITATTN_INVALID_ARGUMENT, "taken");
      options.tune_seconds = -0.1;
      jitattn_plan* none;
      CHECK(jitattn_attention_plan(&problem, &options, &none) == JITATTN_INVALID_ARGUMENT, "taken");
      jitattn_plan_info info = {sizeof info};
      CHECK_OK(jitattn_plan_get_info(plan, &info));
      jitattn_plan_free(plan);
    }
  }
  for (int64_t n = 1; n <= kNumbers; n = 2 * n + 1) {
    jitattn_sigmoid_mul_problem problem;
    jitattn_sigmoid_mul_problem_init(&problem, 1, n);
    jitattn_sigmoid_mul_args args;
    jitattn_sigmoid_mul_args_init(&args, &problem);
    args.x = x[0], args.out = out;
    CHECK_OK(jitattn_sigmoid_mul(&problem, &args));
  }
  CHECK(fegetexcept() == FE_ALL_EXCEPT, "other traps than before");
  fedisableexcept(FE_ALL_EXCEPT);
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x[2], out, kNumbers) == 0, "wrong");
  return kRight;
#else
  return kCannotBeTried;
#endif
}
