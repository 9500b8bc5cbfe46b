/* Structs with the sizes of earlier headers, each in front of an unmapped page: nothing behind a
 * struct is read or written. And larger structs, as of later headers. */

#include <stddef.h>

#include "life.h"

/* The first version of every struct, as programs were compiled against it (LP64). */
enum {
  kProblem = 72,
  kSigmoidMulProblem = 32,
  kArgs = 184,
  kArgsBeforeOptions = 192, /* the second version */
  kArgsBeforeCaches = 336,  /* the third */
  kSigmoidMulArgs = 56,
  kOptions = 40,
  kInfo = 64
};

enum { kNumbers = 2 * 30 * 16 };
static float x[kNumbers], out[kNumbers], again[kNumbers];

/* Aligned, as a caller's structs are. */
static void* Struct(size_t bytes) {
  char* memory = BeforeAPageOfNobody((bytes + 7) / 8 * 8);
  CHECK(memory != NULL, "no memory");
  memset(memory, 0x77, bytes); /* as uninitialised memory on a stack */
  return memory;
}

/* A copy of `size` bytes whose struct_size is `size`. */
static void* Copy(const void* from, size_t known, size_t size) {
  char* copy = (char*)Struct(size);
  memset(copy, 0, size);
  memcpy(copy, from, size < known ? size : known);
  memcpy(copy, &size, sizeof size);
  return copy;
}

int main(void) {
  if (sizeof(void*) != 8) return kCannotBeTried;
  FillSmall(x, kNumbers);

  /* The initialisers that such a program calls: functions, by their names. */
  jitattn_attention_problem* problem = (jitattn_attention_problem*)Struct(kProblem);
  (jitattn_attention_problem_init)(problem, 2, 30, 16);
  CHECK(problem->struct_size == kProblem, "%zu", problem->struct_size);
  jitattn_attention_args* args = (jitattn_attention_args*)Struct(kArgs);
  (jitattn_attention_args_init)(args, problem);
  CHECK(args->struct_size == kArgs, "%zu", args->struct_size);
  jitattn_sigmoid_mul_problem* silu = (jitattn_sigmoid_mul_problem*)Struct(kSigmoidMulProblem);
  (jitattn_sigmoid_mul_problem_init)(silu, 1, kNumbers);
  CHECK(silu->struct_size == kSigmoidMulProblem, "%zu", silu->struct_size);
  jitattn_sigmoid_mul_args* silu_args = (jitattn_sigmoid_mul_args*)Struct(kSigmoidMulArgs);
  (jitattn_sigmoid_mul_args_init)(silu_args, silu);
  CHECK(silu_args->struct_size == kSigmoidMulArgs, "%zu", silu_args->struct_size);
  jitattn_plan_options* options = (jitattn_plan_options*)Struct(kOptions);
  (jitattn_plan_options_init)(options);
  CHECK(options->struct_size == kOptions, "%zu", options->struct_size);
  jitattn_plan_info* info = (jitattn_plan_info*)Struct(kInfo);
  info->struct_size = kInfo;

  args->q = args->k = args->v = x, args->out = out;
  silu_args->x = x, silu_args->out = again;
  jitattn_plan* plan;
  CHECK_OK(jitattn_attention_plan(problem, options, &plan));
  CHECK_OK(jitattn_attention_run(plan, args));
  CHECK_OK(jitattn_attention(problem, args));
  CHECK_OK(jitattn_plan_get_info(plan, info));
  CHECK(info->struct_size == kInfo && strncmp(info->kernel, "attn_f32_d16", 12) == 0, "info");
  jitattn_plan* silu_plan;
  CHECK_OK(jitattn_sigmoid_mul_plan(silu, options, &silu_plan));
  CHECK_OK(jitattn_sigmoid_mul_run(silu_plan, silu_args));
  CHECK_OK(jitattn_sigmoid_mul(silu, silu_args));
  jitattn_plan_free(silu_plan);

  /* This header's initialiser fills this header's struct, and the result is the same. */
  jitattn_attention_args full;
  memset(&full, 0x77, sizeof full);
  jitattn_attention_args_init(&full, problem);
  CHECK(full.struct_size == sizeof full && full.scratch == NULL && full.scratch_bytes == 0, "init");
  full.q = full.k = full.v = x, full.out = again;
  CHECK_OK(jitattn_attention_run(plan, &full));
  CHECK(memcmp(out, again, sizeof out) == 0, "other results");
  jitattn_attention_args_init(&full, NULL);
  jitattn_attention_args_init(NULL, problem);

  /* A newer header's struct: the additional bytes must be zero. */
  for (size_t more = 8; more <= 64; more += 8) {
    const size_t size = sizeof full + more;
    full.q = full.k = full.v = x, full.out = again;
    jitattn_attention_args* newer = (jitattn_attention_args*)Struct(size);
    jitattn_attention_args_init_sized(newer, size, problem);
    newer->q = newer->k = newer->v = x, newer->out = again;
    CHECK_OK(jitattn_attention_run(plan, newer));
    ((char*)newer)[size - 1] = 1;
    CHECK(jitattn_attention_run(plan, newer) == JITATTN_INVALID_ARGUMENT, "%zu: taken", size);
    jitattn_plan_options* newer_options =
        (jitattn_plan_options*)Copy(options, kOptions, sizeof *options + more);
    jitattn_plan* same;
    CHECK_OK(jitattn_attention_plan(
        (jitattn_attention_problem*)Copy(problem, kProblem, sizeof *problem + more), newer_options,
        &same));
    jitattn_plan_info* newer_info = (jitattn_plan_info*)Copy(info, kInfo, sizeof *info + more);
    memset((char*)newer_info + sizeof *info, 0x77, more);
    CHECK_OK(jitattn_plan_get_info(same, newer_info));
    for (size_t i = 0; i < more; ++i) CHECK(((char*)newer_info)[sizeof *info + i] == 0, "%zu", i);
    jitattn_plan_free(same);
  }

  /* Sizes of no version are refused. */
  for (size_t size = 0; size < sizeof full; ++size) {
    jitattn_attention_args* wrong = (jitattn_attention_args*)Struct(size < 8 ? 8 : size);
    memset(wrong, 0, size < 8 ? 8 : size);
    memcpy(wrong, args, size < kArgs ? (size < 8 ? 8 : size) : kArgs);
    memcpy(wrong, &size, sizeof size);
    const jitattn_status status = jitattn_attention_run(plan, wrong);
    const int known = size == kArgs || size == kArgsBeforeOptions || size == kArgsBeforeCaches;
    CHECK(status == (known ? JITATTN_OK : JITATTN_INVALID_ARGUMENT), "%zu: %d", size, status);
  }
  jitattn_plan_free(plan);
  return kRight;
}
