/* A host's pool runs other work while it waits: on the thread of a running one-shot call it makes
 * one-shot calls of more problems than a thread keeps plans for. */

#include <fenv.h>
#include <malloc.h>

#include "life.h"

enum { kNumbers = 1 << 20, kOthers = 300 };
static float x[kNumbers], y[kNumbers], other[kNumbers];
static int depth, nested;

static void ParallelFor(int32_t count, void (*body)(int32_t, void*), void* body_context,
                        void* context) {
  (void)context;
  CHECK(fegetround() == FE_UPWARD, "the host's code does not run under the host's rounding mode");
  ++depth;
  if (depth == 1) {
    /* Both operations. Every number of heads needs a plan of its own. */
    for (int i = 1; i <= kOthers; ++i) {
      jitattn_attention_problem problem;
      jitattn_attention_problem_init(&problem, i, 2, 4);
      jitattn_attention_args args;
      jitattn_attention_args_init(&args, &problem);
      args.q = args.k = args.v = x, args.out = other;
      CHECK_OK(jitattn_attention(&problem, &args));
      ++nested;
    }
    for (long n = 64; n <= 1 << 16; n *= 2) {
      CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, other, n) == 0, "length %ld", n);
    }
  }
  for (int32_t i = 0; i < count; ++i) body(i, body_context);
  --depth;
}

int main(void) {
  mallopt(M_PERTURB, 0xa5); /* freed memory is overwritten */
  FillSmall(x, kNumbers);
  CHECK_OK(jitattn_set_parallel_for(ParallelFor, NULL));
  CHECK(fesetround(FE_UPWARD) == 0, "no such mode");
  CHECK(SiluIsWrong(jitattn_sigmoid_mul, x, y, kNumbers) == 0, "wrong");
  if (nested == 0) return kCannotBeTried; /* with one core, the pool gets no work */

  static float q[8 * 512 * 64], out[8 * 512 * 64];
  FillSmall(q, 8 * 512 * 64);
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 8, 512, 64);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = args.k = args.v = q, args.out = out;
  CHECK_OK(jitattn_attention(&problem, &args));
  /* Every output is a mean of values, so it lies within their range. */
  for (int i = 0; i < 8 * 512 * 64; ++i) CHECK(fabsf(out[i]) <= 2.76f, "%d: %g", i, out[i]);
  CHECK(nested >= 2 * kOthers, "%d nested calls", nested);
  CHECK(fegetround() == FE_UPWARD, "another rounding mode than before");
  return kRight;
}
