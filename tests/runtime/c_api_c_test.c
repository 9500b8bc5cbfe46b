/* jitattn.h as a C compiler sees it, and a plan made and run from C. */

#include <math.h>
#include <stdlib.h>

#include "jitattn/jitattn.h"

#define CHECK(condition) \
  if (!(condition)) return __LINE__

int JitattnUsedFromC(void);

int JitattnUsedFromC(void) {
  enum { kLength = 8, kDim = 4 };
  float q[kLength * kDim], k[kLength * kDim], v[kLength * kDim], out[kLength * kDim];
  jitattn_attention_problem problem;
  jitattn_attention_args args;
  jitattn_plan_options options;
  jitattn_plan* plan = NULL;
  int i;
  for (i = 0; i < kLength * kDim; ++i) {
    q[i] = (float)(i % 3);
    k[i] = (float)(i % 5);
    v[i] = 2.5f; /* so every weighted mean is 2.5 */
  }

  jitattn_attention_problem_init(&problem, 1, kLength, kDim);
  CHECK(problem.struct_size == sizeof problem && problem.kv_heads == 1 && problem.batch == 1);
  problem.mask = JITATTN_MASK_CAUSAL;
  jitattn_attention_args_init(&args, &problem);
  CHECK(args.struct_size == sizeof args && args.q_strides[2] == kDim && args.causal_offset == 0);
  CHECK(fabs(args.scale - 0.5) < 1e-15);
  args.q = q;
  args.k = k;
  args.v = v;
  args.out = out;

  jitattn_plan_options_init(&options);
  options.ignore_cache = 1;
  CHECK(jitattn_attention_plan(&problem, &options, &plan) == JITATTN_OK);
  CHECK(jitattn_attention_run(plan, &args) == JITATTN_OK);
  for (i = 0; i < kLength * kDim; ++i) CHECK(fabsf(out[i] - 2.5f) < 1e-5f);
  jitattn_plan_free(plan);

  /* Initialisers and frees take null pointers; runs refuse them. */
  jitattn_attention_problem_init(NULL, 1, 1, 1);
  jitattn_attention_args_init(NULL, NULL);
  jitattn_plan_free(NULL);
  CHECK(jitattn_attention(NULL, NULL) == JITATTN_INVALID_ARGUMENT);
  return 0;
}
