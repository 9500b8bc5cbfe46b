/* jitattn: attention and sigmoid-mul (SiLU) by kernels emitted and tuned for the CPU at hand.
 *
 * Plain C ABI. No call throws, aborts or changes the caller's floating-point environment, thread
 * count, affinity, signal handlers or locale. Every function is safe to call from any thread.
 *
 *   jitattn_attention_problem problem;
 *   jitattn_attention_problem_init(&problem, 16, 1024, 64);        // heads, length, head size
 *   jitattn_attention_args args;
 *   jitattn_attention_args_init(&args, &problem);                  // contiguous, 1/sqrt(d)
 *   args.q = q; args.k = k; args.v = v; args.out = out;
 *   if (jitattn_attention(&problem, &args) != JITATTN_OK) puts(jitattn_last_error());
 */
#ifndef JITATTN_JITATTN_H_
#define JITATTN_JITATTN_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define JITATTN_API
#else
#define JITATTN_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define JITATTN_VERSION_MAJOR 0
#define JITATTN_VERSION_MINOR 1
#define JITATTN_VERSION_PATCH 0

/* "0.1.0" of the library that is loaded. */
JITATTN_API const char* jitattn_version(void);

/* ---- Status ------------------------------------------------------------------------------- */

typedef int32_t jitattn_status;
enum {
  JITATTN_OK = 0,
  JITATTN_INVALID_ARGUMENT = 1, /* the message names the value and the rule */
  JITATTN_OUT_OF_MEMORY = 2,
  JITATTN_UNAVAILABLE = 3, /* the system refused something that was asked for */
  JITATTN_INTERNAL = 4
};

/* What the last call of this thread that did not return JITATTN_OK had to say; "" if none. Valid
 * until this thread's next failing call. */
JITATTN_API const char* jitattn_last_error(void);

/* ---- What is asked ------------------------------------------------------------------------ */

/* Types of the operands' elements. bfloat16 and IEEE 754 binary16 are summed in float, and rounded
 * to the nearest, ties to even; sigmoid-mul of bfloat16 by emitted code: ties away from zero. */
enum { JITATTN_F32 = 0, JITATTN_F64 = 1, JITATTN_BF16 = 2, JITATTN_F16 = 3 };
enum { JITATTN_MASK_NONE = 0, JITATTN_MASK_CAUSAL = 1 };

/* out[b][h][i][d] = sum_j softmax_j(scale * q[b][h][i].k[b][g][j]) * v[b][g][j][d]
 *   g = h / (heads / kv_heads); causal: query i sees keys j <= i + causal_offset.
 * batch, q_len and kv_len are the most that a run of the plan may ask for; the rest is exact. */
typedef struct jitattn_attention_problem {
  size_t struct_size;
  int32_t dtype, mask;
  int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, value_dim;
} jitattn_attention_problem;

/* f32, no mask, batch 1, kv_heads = heads, kv_len = q_len = length, value_dim = head_dim. */
JITATTN_API void jitattn_attention_problem_init(jitattn_attention_problem* problem, int64_t heads,
                                                int64_t length, int64_t head_dim);

/* out[r][c] = x[r][c] / (1 + exp(-x[r][c])); rows and cols are the most that a run may ask for. */
typedef struct jitattn_sigmoid_mul_problem {
  size_t struct_size;
  int32_t dtype;
  int64_t rows, cols;
} jitattn_sigmoid_mul_problem;

JITATTN_API void jitattn_sigmoid_mul_problem_init(jitattn_sigmoid_mul_problem* problem,
                                                  int64_t rows, int64_t cols);

/* ---- One run ------------------------------------------------------------------------------ */

/* Strides are in elements: {batch, head, row}; elements of a row adjoin. out overlaps no input.
 * Shapes: q [batch][heads][q_len][head_dim], k [batch][kv_heads][kv_len][head_dim],
 * v [batch][kv_heads][kv_len][value_dim], out [batch][heads][q_len][value_dim].
 * A query that sees no key gives a row of zeros. */
typedef struct jitattn_attention_args {
  size_t struct_size;
  const void* q;
  const void* k;
  const void* v;
  void* out;
  int64_t batch, q_len, kv_len; /* each 0 .. the problem's */
  int64_t q_strides[3], k_strides[3], v_strides[3], out_strides[3];
  double scale;
  int64_t causal_offset; /* kv_len - q_len aligns the mask bottom-right, 0 top-left */
  void* scratch;         /* NULL: the plan's own; else jitattn_plan_scratch_bytes() of it */
  size_t scratch_bytes;  /* of scratch, fewer than the plan needs are refused; 0: not looked at */
} jitattn_attention_args;

/* The problem's lengths, contiguous strides, scale 1/sqrt(head_dim), causal_offset bottom-right,
 * null pointers. The function fills the struct of the first version, up to scratch, whatever the
 * library's version; the macro of its name what this header knows. */
JITATTN_API void jitattn_attention_args_init(jitattn_attention_args* args,
                                             const jitattn_attention_problem* problem);
JITATTN_API void jitattn_attention_args_init_sized(jitattn_attention_args* args, size_t size,
                                                   const jitattn_attention_problem* problem);
#define jitattn_attention_args_init(args, problem) \
  jitattn_attention_args_init_sized((args), sizeof(jitattn_attention_args), (problem))

/* Rows may lie apart: strides between rows in elements. In place (out == x, equal strides) is
 * allowed, any other overlap is not. */
typedef struct jitattn_sigmoid_mul_args {
  size_t struct_size;
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;
} jitattn_sigmoid_mul_args;

JITATTN_API void jitattn_sigmoid_mul_args_init(jitattn_sigmoid_mul_args* args,
                                               const jitattn_sigmoid_mul_problem* problem);

/* ---- One-shot calls ----------------------------------------------------------------------- */

/* As a plan made with default options and run; the library keeps the plans, found again by problem
 * bucket. The first call for a bucket loads the cached record and emits the kernel. args->scratch
 * must be NULL: how much such a plan needs cannot be asked. */
JITATTN_API jitattn_status jitattn_attention(const jitattn_attention_problem* problem,
                                             const jitattn_attention_args* args);
JITATTN_API jitattn_status jitattn_sigmoid_mul(const jitattn_sigmoid_mul_problem* problem,
                                               const jitattn_sigmoid_mul_args* args);

/* ---- Plans -------------------------------------------------------------------------------- */

typedef struct jitattn_plan jitattn_plan;

enum { JITATTN_BUFFERS_HOT = 0, JITATTN_BUFFERS_COLD = 1 };

typedef struct jitattn_plan_options {
  size_t struct_size;
  int32_t threads;      /* at most; 0: one for each physical core this process may use. Never more
                         * than OMP_THREAD_LIMIT or 1024 */
  int32_t buffers;      /* which kind of record is wanted: caches hot (default) or cold */
  int32_t ignore_cache; /* nonzero: the default configuration, no file is read */
  int32_t tune;         /* nonzero: where no exact record is found, tune now and save the winner */
  double tune_seconds;  /* at most, for `tune`; 0: the tuner's default */
  const char* config;   /* "q_vecs=4 kv_block=128 ...": these fields, the rest as in the default
                         * configuration for the problem and this CPU; "algorithm=rows ..." says of
                         * which algorithm. NULL or "": the best known */
} jitattn_plan_options;

JITATTN_API void jitattn_plan_options_init(jitattn_plan_options* options);

/* options may be NULL. *plan is NULL on failure. */
JITATTN_API jitattn_status jitattn_attention_plan(const jitattn_attention_problem* problem,
                                                  const jitattn_plan_options* options,
                                                  jitattn_plan** plan);
JITATTN_API jitattn_status jitattn_sigmoid_mul_plan(const jitattn_sigmoid_mul_problem* problem,
                                                    const jitattn_plan_options* options,
                                                    jitattn_plan** plan);
/* NULL is allowed. REQUIRES: no run of it is under way. */
JITATTN_API void jitattn_plan_free(jitattn_plan* plan);

/* Takes no lock and allocates nothing; any number of threads may run one plan at once. */
JITATTN_API jitattn_status jitattn_attention_run(const jitattn_plan* plan,
                                                 const jitattn_attention_args* args);
JITATTN_API jitattn_status jitattn_sigmoid_mul_run(const jitattn_plan* plan,
                                                   const jitattn_sigmoid_mul_args* args);

/* Bytes (64-byte aligned) that a caller who brings args.scratch must bring. */
JITATTN_API size_t jitattn_plan_scratch_bytes(const jitattn_plan* plan);

enum { JITATTN_MATCH_EXACT = 0, JITATTN_MATCH_NEAREST = 1, JITATTN_MATCH_NONE = 2 };

/* Strings belong to the plan. */
typedef struct jitattn_plan_info {
  size_t struct_size;
  int32_t match;       /* of the cached record; NONE: default or given configuration */
  int32_t threads;     /* the most a run uses */
  int32_t portable;    /* nonzero: no emitted code, a slower path with the same results */
  const char* kernel;  /* "attn_f32_d64_causal_tiles_avx512_..." */
  const char* config;  /* "algorithm=tiles isa=avx512 q_vecs=4 ..." */
  const char* record;  /* path of the record, "" if none */
  const char* reason;  /* why this configuration: one line for people */
  double emit_seconds; /* emitting and loading the kernel; 0 where it was in memory already */
} jitattn_plan_info;

/* info->struct_size must be set. */
JITATTN_API jitattn_status jitattn_plan_get_info(const jitattn_plan* plan, jitattn_plan_info* info);

/* ---- Hooks: each can be set once, before any plan or one-shot call; later calls are refused -- */

/* alloc returns memory aligned as asked, or NULL. */
JITATTN_API jitattn_status jitattn_set_allocator(void* (*alloc)(size_t bytes, size_t alignment,
                                                                void* context),
                                                 void (*release)(void* memory, void* context),
                                                 void* context);

/* level: 1 error, 2 warning, 3 information. */
JITATTN_API jitattn_status jitattn_set_log(void (*log)(int32_t level, const char* message,
                                                       void* context),
                                           void* context);

/* The host's own pool in place of the library's threads: calls body(i, body_context) for 0 <= i <
 * count, on any threads, and returns when all have ended. */
JITATTN_API jitattn_status jitattn_set_parallel_for(
    void (*parallel_for)(int32_t count, void (*body)(int32_t index, void* body_context),
                         void* body_context, void* context),
    void* context);

#ifdef __cplusplus
}
#endif

#endif /* JITATTN_JITATTN_H_ */
