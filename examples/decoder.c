/* A decoder layer's attention and MLP gate with a growing KV cache, for two sequences of different
 * lengths: a prefill, then single tokens. Positions (RoPE) are applied outside, before the cache is
 * appended. Every result is compared with the formula in double. */
#include <jitattn/jitattn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 2, HEADS = 8, KV_HEADS = 2, DIM = 64, CAPACITY = 256, STEPS = 4, HIDDEN = 512 };

/* The cache: [batch][kv head][position][column]. Queries: [batch][token][head][column]. */
static float k_cache[BATCH][KV_HEADS][CAPACITY][DIM], v_cache[BATCH][KV_HEADS][CAPACITY][DIM];
static float q[BATCH][CAPACITY][HEADS][DIM], out[BATCH][CAPACITY][HEADS][DIM];
static float gate_up[BATCH][2 * HIDDEN], hidden[BATCH][HIDDEN];
static int64_t lengths[BATCH] = {0, 0};

static float uniform(void) { return 4 * (float)rand() / (float)RAND_MAX - 2; }
static void fail(void) { fprintf(stderr, "%s\n", jitattn_last_error()), exit(1); }

/* Appends `count` keys and values of a sequence, and makes as many queries. */
static void append(int b, int64_t count) {
  for (int64_t t = 0; t < count; ++t) {
    for (int d = 0; d < DIM; ++d) {
      for (int h = 0; h < KV_HEADS; ++h) {
        k_cache[b][h][lengths[b] + t][d] = uniform();
        v_cache[b][h][lengths[b] + t][d] = uniform();
      }
      for (int h = 0; h < HEADS; ++h) q[b][t][h][d] = uniform();
    }
  }
  lengths[b] += count;
}

/* The largest difference of a sequence's `count` last rows to the formula. */
static double error(int b, int64_t count) {
  double worst = 0;
  for (int64_t t = 0; t < count; ++t) {
    for (int h = 0; h < HEADS; ++h) {
      const int g = h / (HEADS / KV_HEADS);
      double sum = 0, weighted[DIM] = {0};
      for (int64_t j = 0; j <= lengths[b] - count + t; ++j) {
        double score = 0;
        for (int d = 0; d < DIM; ++d) score += (double)q[b][t][h][d] * k_cache[b][g][j][d];
        const double weight = exp(score / sqrt(DIM));
        sum += weight;
        for (int d = 0; d < DIM; ++d) weighted[d] += weight * v_cache[b][g][j][d];
      }
      for (int d = 0; d < DIM; ++d) worst = fmax(worst, fabs(weighted[d] / sum - out[b][t][h][d]));
    }
  }
  return worst;
}

/* SwiGLU: silu(gate) * up, both halves of one matrix. */
static double gate_error(void) {
  jitattn_activation_problem problem;
  jitattn_activation_problem_init(&problem, BATCH, HIDDEN);
  problem.gate = JITATTN_GATE_TWO;
  jitattn_activation_args args;
  jitattn_activation_args_init(&args, &problem);
  args.x = &gate_up[0][0], args.up = &gate_up[0][HIDDEN], args.out = hidden;
  args.x_stride = args.up_stride = 2 * HIDDEN;
  if (jitattn_activation(&problem, &args) != JITATTN_OK) fail();
  double worst = 0;
  for (int b = 0; b < BATCH; ++b) {
    for (int i = 0; i < HIDDEN; ++i) {
      const double x = gate_up[b][i];
      worst = fmax(worst, fabs(x / (1 + exp(-x)) * gate_up[b][HIDDEN + i] - hidden[b][i]));
    }
  }
  return worst;
}

int main(void) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, HEADS, CAPACITY, DIM); /* upper bounds of all runs */
  problem.mask = JITATTN_MASK_CAUSAL;
  problem.batch = BATCH;
  problem.kv_heads = KV_HEADS;
  jitattn_plan* plan;
  if (jitattn_attention_plan(&problem, NULL, &plan) != JITATTN_OK) fail();

  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem); /* strides of the cache; scale 1/sqrt(64) */
  args.q = q, args.k = k_cache, args.v = v_cache, args.out = out;
  const int64_t query_strides[3] = {CAPACITY * HEADS * DIM, DIM, HEADS * DIM};
  for (int i = 0; i < 3; ++i) args.q_strides[i] = args.out_strides[i] = query_strides[i];

  double worst = 0;
  for (int step = 0; step <= STEPS; ++step) {
    const int64_t prompts[BATCH] = {100, 37}, tokens[BATCH] = {1, 1};
    const int64_t* counts = step == 0 ? prompts : tokens;
    for (int b = 0; b < BATCH; ++b) append(b, counts[b]);
    args.q_len = step == 0 ? 100 : 1;
    args.kv_len = lengths[0];
    args.causal_offset = args.kv_len - args.q_len; /* the last query sees all keys */
    args.q_lens = counts, args.kv_lens = lengths;
    if (jitattn_attention_run(plan, &args) != JITATTN_OK) fail();
    for (int b = 0; b < BATCH; ++b) worst = fmax(worst, error(b, counts[b]));
  }
  jitattn_plan_free(plan);

  for (int i = 0; i < BATCH * 2 * HIDDEN; ++i) gate_up[0][i] = uniform();
  const double gate = gate_error();
  printf("attention of %d steps: off by %.1e; gate: off by %.1e\n", STEPS + 1, worst, gate);
  return worst < 1e-5 && gate < 1e-5 ? 0 : 1;
}
