/* Causal attention from C: a plan, one run, and one element compared with the formula. */
#include <jitattn/jitattn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADS = 8, LENGTH = 256, DIM = 64, SIZE = HEADS * LENGTH * DIM };
static float q[SIZE], k[SIZE], v[SIZE], out[SIZE];

static float uniform(void) { return 4 * (float)rand() / (float)RAND_MAX - 2; }

/* out[0][row][0] by the formula: softmax over the keys up to `row`; the mask hides the others. */
static double by_hand(int row) {
  double sum = 0, weighted = 0;
  for (int j = 0; j <= row; ++j) {
    double score = 0;
    for (int d = 0; d < DIM; ++d) score += (double)q[row * DIM + d] * k[j * DIM + d];
    const double weight = exp(score / sqrt(DIM));
    sum += weight;
    weighted += weight * v[j * DIM];
  }
  return weighted / sum;
}

int main(void) {
  for (int i = 0; i < SIZE; ++i) q[i] = uniform(), k[i] = uniform(), v[i] = uniform();

  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, HEADS, LENGTH, DIM);
  problem.mask = JITATTN_MASK_CAUSAL;
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q, args.k = k, args.v = v, args.out = out;

  jitattn_plan* plan;
  jitattn_plan_info info = {.struct_size = sizeof info};
  if (jitattn_attention_plan(&problem, NULL, &plan) != JITATTN_OK ||
      jitattn_plan_get_info(plan, &info) != JITATTN_OK ||
      jitattn_attention_run(plan, &args) != JITATTN_OK) {
    fprintf(stderr, "%s\n", jitattn_last_error());
    return 1;
  }
  printf("%s on %d threads\n(%s)\n", info.kernel, info.threads, info.reason);
  printf("row 100: %.6f, by hand %.6f\n", out[100 * DIM], by_hand(100));
  jitattn_plan_free(plan);
  return 0;
}
