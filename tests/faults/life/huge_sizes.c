/* Maxima up to the largest valid ones: a plan is refused, or its runs stay within the memory that
 * it allocated. A hook allocates every block in front of an unmapped page. */

#include "life.h"

enum { kKeys = 16, kDim = 8, kRows = 3 };
static int64_t allocated, refused, made;

/* The first page holds the size of the mapping. */
static void* Alloc(size_t bytes, size_t alignment, void* context) {
  (void)context;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (bytes % alignment != 0 || bytes > ((size_t)1 << 36)) return NULL;
  const size_t before = page + (page - bytes % page) % page, mapped = before + bytes + page;
  char* memory = (char*)mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == (char*)MAP_FAILED) return NULL;
  CHECK(mprotect(memory + before + bytes, page, PROT_NONE) == 0, "no guard");
  memcpy(memory, &mapped, sizeof mapped);
  allocated += (int64_t)bytes;
  return memory + before;
}

static void Release(void* block, void* context) {
  (void)context;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char* memory = (char*)((uintptr_t)block / page * page) - page;
  size_t mapped;
  memcpy(&mapped, memory, sizeof mapped);
  munmap(memory, mapped);
}

/* The bytes of 1.0f are two finite numbers of a 16-bit type. */
static double operand[kKeys * kDim * 4], out[kRows * kDim * 4];

static void Run(jitattn_plan* plan, const jitattn_attention_problem* problem, int64_t q_rows) {
  jitattn_attention_args args;
  jitattn_attention_args_init(&args, problem);
  args.q = args.k = args.v = operand, args.out = out;
  args.batch = 1;
  args.q_len = q_rows;
  args.kv_len = problem->kv_len < kKeys ? problem->kv_len : kKeys;
  const int64_t strides[3] = {0, 0, kDim}, out_strides[3] = {kRows * kDim, kDim, kDim};
  memcpy(args.q_strides, strides, sizeof strides);
  memcpy(args.k_strides, strides, sizeof strides);
  memcpy(args.v_strides, strides, sizeof strides);
  memcpy(args.out_strides, out_strides, sizeof strides);
  if (plan != NULL) {
    CHECK_OK(jitattn_attention_run(plan, &args));
  } else {
    const jitattn_status status = jitattn_attention(problem, &args);
    CHECK(status == JITATTN_OK || status == JITATTN_OUT_OF_MEMORY, "%d: %s", status,
          jitattn_last_error());
  }
}

static void Try(const jitattn_attention_problem* problem, const char* config) {
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.config = config;
  options.ignore_cache = 1;
  jitattn_plan* plan;
  allocated = 0;
  const jitattn_status status = jitattn_attention_plan(problem, &options, &plan);
  if (status == JITATTN_OK) {
    ++made;
    CHECK(jitattn_plan_scratch_bytes(plan) <= (size_t)allocated, "%zu bytes, allocated %lld",
          jitattn_plan_scratch_bytes(plan), (long long)allocated);
    Run(plan, problem, problem->q_len < kRows ? problem->q_len : kRows);
    jitattn_plan_free(plan);
    return;
  }
  ++refused;
  /* INVALID_ARGUMENT: 2^62 bytes or more, or a configuration for another CPU. */
  CHECK(status == JITATTN_OUT_OF_MEMORY || strstr(jitattn_last_error(), "2^62") != NULL ||
            config != NULL,
        "%d: %s", status, jitattn_last_error());
}

static jitattn_attention_problem Problem(int dtype) {
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, kRows, kDim);
  problem.dtype = dtype;
  return problem;
}

int main(void) {
  for (size_t i = 0; i < sizeof operand / sizeof *operand; ++i) operand[i] = 1;
  CHECK_OK(jitattn_set_allocator(Alloc, Release, NULL));
  const char* const configs[] = {
      NULL,
      "algorithm=rows isa=avx2 tile_rows=1 kv_block=32 qk_keys=1 pv_rows=1 pv_vecs=1 exp_vecs=1 "
      "kv_split=1 threads=1"};
  for (int dtype = JITATTN_F32; dtype <= JITATTN_F16; ++dtype) {
    for (int c = 0; c < 2; ++c) {
      for (int power = 0; power < 63; ++power) {
        for (int below = 0; below < 2; ++below) {
          const int64_t size = (INT64_C(1) << power) - below;
          if (size == 0 || (below != 0 && power < 40)) continue;
          jitattn_attention_problem problem = Problem(dtype);
          problem.kv_len = size;
          Try(&problem, configs[c]);
          problem = Problem(dtype);
          problem.q_len = size;
          Try(&problem, configs[c]);
          problem = Problem(dtype);
          problem.heads = size;
          problem.kv_heads = 1;
          problem.q_len = 0; /* the heads are large alone */
          Try(&problem, configs[c]);
          problem = Problem(dtype);
          problem.batch = size;
          problem.q_len = 1;
          Try(&problem, configs[c]);
          /* Two sizes are large. */
          problem = Problem(dtype);
          problem.batch = INT64_C(1) << power / 2;
          problem.kv_len = INT64_C(1) << (power + 1) / 2;
          problem.kv_len -= below;
          if (problem.kv_len > 0) Try(&problem, configs[c]);
        }
      }
    }
  }
  /* One-shot calls use the plan of the next larger bucket. */
  for (int power = 40; power <= 58; ++power) {
    jitattn_attention_problem problem = Problem(JITATTN_F16);
    problem.kv_len = (INT64_C(1) << power) - (power > 50);
    Run(NULL, &problem, kRows);
  }
  /* Operands of a tuning: 2^62 - 64 bytes each. */
  jitattn_attention_problem problem;
  jitattn_attention_problem_init(&problem, 1, (INT64_C(1) << 60) - 16, 1);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  options.tune = 1;
  options.tune_seconds = 1;
  jitattn_plan* plan;
  const jitattn_status status = jitattn_attention_plan(&problem, &options, &plan);
  CHECK(status == JITATTN_OK || status == JITATTN_OUT_OF_MEMORY, "%d: %s", status,
        jitattn_last_error());
  jitattn_plan_free(plan);
  printf("%lld plans made and run, %lld refused\n", (long long)made, (long long)refused);
  CHECK(made >= 200 && refused >= 200, "made %lld, refused %lld", (long long)made,
        (long long)refused);
  return kRight;
}
