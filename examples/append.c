/* Decoding with grouped heads, as ONNX Runtime's GroupQueryAttention does with do_rotary: a call
 * rotates the new queries and keys, appends keys and values to the cache in bf16, and attends. Two
 * sequences have different lengths. Every result is compared with the formula in double. */
#include <jitattn/jitattn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 2, HEADS = 8, KV_HEADS = 2, DIM = 64, ROTARY = 48, CAPACITY = 96, PROMPT = 40 };
enum { PACKED = (HEADS + 2 * KV_HEADS) * DIM }; /* q, k and v of a token side by side */

static float packed[BATCH][CAPACITY][PACKED]; /* all tokens: a call sees the new ones */
static float cos_cache[CAPACITY][ROTARY / 2], sin_cache[CAPACITY][ROTARY / 2];
static int64_t positions[BATCH][CAPACITY]; /* of the packed tokens */
static uint16_t k_cache[BATCH][KV_HEADS][CAPACITY][DIM], v_cache[BATCH][KV_HEADS][CAPACITY][DIM];
static uint16_t q[BATCH][PROMPT][HEADS][DIM], out[BATCH][PROMPT][HEADS][DIM];

static void fail(void) { fprintf(stderr, "%s\n", jitattn_last_error()), exit(1); }

static double of_bf16(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

/* Element d of a token's head; rotated, if it is of a query or key. Pairs are d and d + 24. */
static double element(int b, int64_t token, int head, int d, int rotated) {
  const float* x = &packed[b][token][head * DIM];
  const int half = ROTARY / 2;
  if (!rotated || d >= ROTARY) return x[d];
  const double c = cos_cache[token][d % half], s = sin_cache[token][d % half];
  return d < half ? x[d] * c - x[d + half] * s : x[d] * c + x[d - half] * s;
}

/* The largest difference of a token's outputs to the formula. */
static double error(int b, int64_t token, int64_t row) {
  double worst = 0;
  for (int h = 0; h < HEADS; ++h) {
    const int k_head = HEADS + h / (HEADS / KV_HEADS), v_head = k_head + KV_HEADS;
    double sum = 0, weighted[DIM] = {0};
    for (int64_t j = 0; j <= token; ++j) {
      double score = 0;
      for (int d = 0; d < DIM; ++d) {
        score += element(b, token, h, d, 1) * element(b, j, k_head, d, 1);
      }
      const double weight = exp(score / sqrt(DIM));
      sum += weight;
      for (int d = 0; d < DIM; ++d) weighted[d] += weight * element(b, j, v_head, d, 0);
    }
    for (int d = 0; d < DIM; ++d) {
      worst = fmax(worst, fabs(weighted[d] / sum - of_bf16(out[b][row][h][d])));
    }
  }
  return worst;
}

/* Describes the rows of the packed tokens for one operand, `heads_before` heads behind its first.
 */
static jitattn_append_args append_of(int32_t operand, const jitattn_attention_problem* problem,
                                     int heads_before, void* to) {
  jitattn_append_args args;
  jitattn_append_args_init(&args, operand, problem); /* strides of the cache, bf16 */
  args.from_type = JITATTN_F32;
  args.from = &packed[0][0][heads_before * DIM];
  args.from_strides[0] = CAPACITY * PACKED, args.from_strides[1] = DIM;
  args.from_strides[2] = PACKED;
  args.to = to;
  args.cos_table = cos_cache[0], args.sin_table = sin_cache[0];
  args.rotary_dim = ROTARY, args.rotary_len = CAPACITY;
  args.positions = positions[0];
  if (operand != JITATTN_APPEND_V) args.rope = JITATTN_ROPE_HALVES;
  return args;
}

static void fill(void) {
  for (int b = 0; b < BATCH; ++b) {
    for (int t = 0; t < CAPACITY; ++t) {
      positions[b][t] = t;
      for (int i = 0; i < PACKED; ++i) packed[b][t][i] = 2 * (float)rand() / (float)RAND_MAX - 1;
    }
  }
  for (int p = 0; p < CAPACITY; ++p) {
    for (int e = 0; e < ROTARY / 2; ++e) {
      const double angle = p * pow(10000, -2.0 * e / ROTARY);
      cos_cache[p][e] = (float)cos(angle), sin_cache[p][e] = (float)sin(angle);
    }
  }
}

int main(void) {
  fill();
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, HEADS, PROMPT, DIM);
  problem.dtype = JITATTN_BF16;
  problem.mask = JITATTN_MASK_CAUSAL;
  problem.batch = BATCH;
  problem.kv_heads = KV_HEADS;
  problem.kv_len = CAPACITY;

  jitattn_append_args appends[3] = {
      append_of(JITATTN_APPEND_Q, &problem, 0, q),
      append_of(JITATTN_APPEND_K, &problem, HEADS, k_cache),
      append_of(JITATTN_APPEND_V, &problem, HEADS + KV_HEADS, v_cache)};
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, &problem);
  args.q = q, args.k = k_cache, args.v = v_cache, args.out = out;
  const int64_t token_strides[3] = {PROMPT * HEADS * DIM, DIM, HEADS * DIM};
  for (int i = 0; i < 3; ++i) {
    args.q_strides[i] = args.out_strides[i] = appends[0].to_strides[i] = token_strides[i];
  }
  args.appends = appends, args.append_count = 3;

  double worst = 0;
  int64_t lengths[BATCH] = {0, 0}, begins[BATCH], offsets[BATCH + 1];
  for (int step = 0; step < 5; ++step) {
    const int64_t prompts[BATCH] = {PROMPT, 17}, tokens[BATCH] = {1, 1};
    const int64_t* counts = step == 0 ? prompts : tokens;
    for (int b = 0; b < BATCH; ++b) {
      begins[b] = lengths[b];
      offsets[b] = b * CAPACITY + begins[b]; /* the new tokens, in one long row of tokens */
      lengths[b] += counts[b];
    }
    offsets[BATCH] = BATCH * CAPACITY;
    for (int i = 0; i < 3; ++i) appends[i].from_offsets = offsets, appends[i].from_lens = counts;
    appends[1].to_begins = appends[2].to_begins = begins; /* queries go to row 0 */
    args.q_len = step == 0 ? PROMPT : 1;
    args.kv_len = lengths[0];
    args.causal_offset = args.kv_len - args.q_len; /* the last query sees all keys */
    args.q_lens = counts, args.kv_lens = lengths;
    if (jitattn_attention(&problem, &args) != JITATTN_OK) fail();
    for (int b = 0; b < BATCH; ++b) {
      for (int64_t i = 0; i < counts[b]; ++i) worst = fmax(worst, error(b, begins[b] + i, i));
    }
  }
  printf("5 steps on a cache of bf16: off by %.1e\n", worst);
  return worst < 6e-3 ? 0 : 1;
}
