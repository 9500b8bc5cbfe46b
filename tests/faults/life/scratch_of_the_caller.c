/* args.scratch is refused in a one-shot call, since the caller cannot ask its plan for a size. In a
 * run, scratch_bytes must suffice for the plan if it is not 0. */

#include "life.h"

enum { kHeads = 4, kLength = 300, kDim = 64, kNumbers = kHeads * kLength * kDim };
static float x[kNumbers], out[kNumbers], again[kNumbers];

int main(void) {
  FillSmall(x, kNumbers);
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, kHeads, kLength, kDim);
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = args.k = args.v = x, args.out = out;
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.threads = 2;
  jitattn_plan* plan;
  CHECK_OK(jitattn_attention_plan(&problem, &options, &plan));
  CHECK_OK(jitattn_attention_run(plan, &args));

  const size_t bytes = jitattn_plan_scratch_bytes(plan);
  CHECK(bytes > 0 && bytes % 64 == 0, "%zu bytes", bytes);
  args.scratch = BeforeAPageOfNobody(bytes);
  args.out = again;
  CHECK(args.scratch != NULL, "no memory");
  const size_t enough[] = {0, bytes, bytes + 1, SIZE_MAX};
  for (int i = 0; i < 4; ++i) {
    args.scratch_bytes = enough[i];
    memset(again, 0xff, sizeof again);
    CHECK_OK(jitattn_attention_run(plan, &args));
    CHECK(memcmp(out, again, sizeof out) == 0, "%zu bytes: other results", enough[i]);
    CHECK(jitattn_attention(&problem, &args) == JITATTN_INVALID_ARGUMENT,
          "a one-shot call took it");
    CHECK(strstr(jitattn_last_error(), "scratch") != NULL, "%s", jitattn_last_error());
  }
  const size_t few[] = {1, 64, bytes - 1};
  for (int i = 0; i < 3; ++i) {
    args.scratch_bytes = few[i];
    CHECK(jitattn_attention_run(plan, &args) == JITATTN_INVALID_ARGUMENT, "%zu bytes: taken",
          few[i]);
    char expected[64];
    snprintf(expected, sizeof expected, "scratch_bytes %zu: this plan needs %zu", few[i], bytes);
    CHECK(strcmp(jitattn_last_error(), expected) == 0, "%s", jitattn_last_error());
  }
  args.scratch = NULL; /* a size without memory has no effect */
  CHECK_OK(jitattn_attention_run(plan, &args));
  CHECK_OK(jitattn_attention(&problem, &args));
  jitattn_plan_free(plan);
  return kRight;
}
