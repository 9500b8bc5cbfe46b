/* jitattn computes attention and activations (SiLU, GELU, SwiGLU, ...) with kernels that it emits
 * and tunes for the CPU of this machine.
 *
 * This is a plain C ABI. No call throws or aborts. No call changes the caller's floating-point
 * environment, thread count, affinity, signal handlers or locale. Every function may be called from
 * any thread.
 *
 * The first member of every struct, struct_size, tells the library which members the caller knows.
 * The *_init functions set it.
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

/* Returns the version of the loaded library, as in "0.1.0". */
JITATTN_API const char* jitattn_version(void);

/* ---- Status ------------------------------------------------------------------------------- */

typedef int32_t jitattn_status;
enum {
  JITATTN_OK = 0,
  JITATTN_INVALID_ARGUMENT = 1, /* the message states the value and the violated rule */
  JITATTN_OUT_OF_MEMORY = 2,
  JITATTN_UNAVAILABLE = 3, /* the operating system refused a requested resource */
  JITATTN_INTERNAL = 4
};

/* Returns the message of this thread's last call that did not return JITATTN_OK, or "" if no call
 * failed. The string is valid until this thread's next failing call. */
JITATTN_API const char* jitattn_last_error(void);

/* ---- Problems ----------------------------------------------------------------------------- */

/* Types of the operands' elements. Sums of bfloat16 and IEEE 754 binary16 are computed in float.
 * Results are rounded to nearest, ties to even; emitted sigmoid-mul code for bfloat16 rounds ties
 * away from zero. */
enum { JITATTN_F32 = 0, JITATTN_F64 = 1, JITATTN_BF16 = 2, JITATTN_F16 = 3 };
enum { JITATTN_MASK_NONE = 0, JITATTN_MASK_CAUSAL = 1, JITATTN_MASK_WINDOW = 2 };

/* Options of attention. The sum of some goes into jitattn_attention_problem.options; the members of
 * jitattn_attention_args that belong to each are read only with it. */
enum {
  JITATTN_SOFTCAP = 1, /* args.softcap: scores become softcap * tanh(score / softcap) (Gemma 2) */
  JITATTN_ALIBI = 2,   /* args.alibi_slopes: the head's slope * |key - query| is subtracted from a
                        * score, query i being at position i + causal_offset (Press et al. 2022) */
  JITATTN_SINKS = 4,   /* args.sinks: one more logit for each head takes part in the sum of weights,
                        * with a value of 0 (Xiao et al. 2023; GPT-OSS) */
  JITATTN_LSE = 8      /* args.lse: the log-sum-exp of the scores of every row is written */
};

/* What args.bias adds to the scores, and its elements. A bias of -infinity, or a byte of 0, hides
 * the key from the query like a mask: whatever the key holds has no effect. The lowest finite
 * number hides nothing. */
enum {
  JITATTN_BIAS_NONE = 0,
  JITATTN_BIAS_F32 = 1, /* floats */
  JITATTN_BIAS_OWN = 2, /* numbers of the operands' type */
  JITATTN_BIAS_BOOL = 3 /* bytes: 0 hides the key, any other value adds nothing */
};

/* out[b][h][i][d] = sum_j softmax_j(score) * v[b][g][j][d],  g = h / (heads / kv_heads)
 *   score = scale * q[b][h][i].k[b][g][j], then the softcap, ALiBi, the bias, the mask
 *   causal: query i sees keys j <= i + causal_offset
 *   window: query i sees keys i + causal_offset - window_left <= j
 *                                     <= i + causal_offset + window_right
 *   chunk:  query i sees only keys j with floor(j / chunk) = floor((i + causal_offset) / chunk)
 * batch, q_len and kv_len are upper bounds for the runs of a plan; the other members are exact. */
typedef struct jitattn_attention_problem {
  size_t struct_size;
  int32_t dtype, mask;
  int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, value_dim;
  int64_t window_left, window_right; /* JITATTN_MASK_WINDOW only: each >= 0, or -1: no limit */
  int64_t chunk;                     /* JITATTN_MASK_CAUSAL only (Llama 4); 0: no chunks */
  int32_t options;                   /* JITATTN_SOFTCAP + ... */
  int32_t bias;                      /* JITATTN_BIAS_NONE, ... */
} jitattn_attention_problem;

/* Fills *problem: f32, no mask, batch 1, kv_heads = heads, kv_len = q_len = length,
 * value_dim = head_dim, no options. The function fills the members of version 1 (up to value_dim),
 * in every version of the library. The macro of the same name fills all members in this header. */
JITATTN_API void jitattn_attention_problem_init(jitattn_attention_problem* problem, int64_t heads,
                                                int64_t length, int64_t head_dim);
JITATTN_API void jitattn_attention_problem_init_sized(jitattn_attention_problem* problem,
                                                      size_t size, int64_t heads, int64_t length,
                                                      int64_t head_dim);
#define jitattn_attention_problem_init(problem, heads, length, head_dim)                      \
  jitattn_attention_problem_init_sized((problem), sizeof(jitattn_attention_problem), (heads), \
                                       (length), (head_dim))

/* out[r][c] = x[r][c] / (1 + exp(-x[r][c])); rows and cols are upper bounds for a plan's runs. */
typedef struct jitattn_sigmoid_mul_problem {
  size_t struct_size;
  int32_t dtype;
  int64_t rows, cols;
} jitattn_sigmoid_mul_problem;

/* Fills *problem: f32, rows by cols. */
JITATTN_API void jitattn_sigmoid_mul_problem_init(jitattn_sigmoid_mul_problem* problem,
                                                  int64_t rows, int64_t cols);

/* Activations f. "Sigmoid-mul" is the SiLU of one input; the others are of the same operation. */
enum {
  JITATTN_SILU = 0,       /* x * sigmoid(x) */
  JITATTN_QUICK_GELU = 1, /* x * sigmoid(alpha * x) */
  JITATTN_GELU = 2,       /* x * (1 + erf(x / sqrt(2))) / 2 */
  JITATTN_GELU_TANH = 3,  /* x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2 */
  JITATTN_RELU2 = 4,      /* max(x, 0)^2 */
  JITATTN_HARD_SWISH = 5  /* x * min(max(x + 3, 0), 6) / 6 */
};

/* Where a gated activation finds the gate g and its factor u.
 *   NONE   there is no factor: the input is x
 *   TWO    g is x, u is up. Halves of one matrix are two inputs with the row stride of the matrix.
 *   PAIRS  rows of x hold 2 * cols elements: g is the even ones, u the odd ones */
enum { JITATTN_GATE_NONE = 0, JITATTN_GATE_TWO = 1, JITATTN_GATE_PAIRS = 2 };

/* out[r][c] = f(x[r][c])                                             gate NONE
 * out[r][c] = f(g[r][c]) * u[r][c]                                   gate TWO or PAIRS
 * out[r][c] = f(min(g[r][c], limit)) * (clamp(u[r][c], -limit, limit) + up_offset)
 *                                                                    and clamped is not 0
 *
 * dtype is the type of x and up, out_dtype the type of out; both are f64, or neither is. Everything
 * is computed in float (f64: double), and a result is rounded once to out_dtype. cols is the number
 * of columns of out. rows and cols are upper bounds for a plan's runs. `clamped` needs a gate.
 * reserved must be 0.
 * NaN gives NaN, +inf gives +inf, -inf gives 0, but NaN for SiLU, as its formula does.
 * docs/numerics.md states the errors.
 * Sources: Ramachandran et al. 2017 (SiLU); Hendrycks and Gimpel 2016 (GELU, its tanh and sigmoid
 * forms); So et al. 2021 (squared ReLU); Howard et al. 2019 (hard-swish); Shazeer 2020 (gates). The
 * clamped form is that of the GPT-OSS models. */
typedef struct jitattn_activation_problem {
  size_t struct_size;
  int32_t dtype, out_dtype;
  int32_t function, gate;
  int32_t clamped, reserved;
  int64_t rows, cols;
} jitattn_activation_problem;

/* Fills *problem: SiLU of f32 without a gate, rows by cols. */
JITATTN_API void jitattn_activation_problem_init(jitattn_activation_problem* problem, int64_t rows,
                                                 int64_t cols);

/* ---- One run ------------------------------------------------------------------------------ */

/* Strides are {batch, head, row} in elements; the elements of a row are contiguous.
 * REQUIRES: out overlaps no input.
 * Shapes: q [batch][heads][q_len][head_dim], k [batch][kv_heads][kv_len][head_dim],
 * v [batch][kv_heads][kv_len][value_dim], out [batch][heads][q_len][value_dim].
 * The output row of a query that sees no key is zero. */
typedef struct jitattn_attention_args {
  size_t struct_size;
  const void* q;
  const void* k;
  const void* v;
  void* out;
  int64_t batch, q_len, kv_len; /* each from 0 to the problem's value */
  int64_t q_strides[3], k_strides[3], v_strides[3], out_strides[3];
  double scale;
  int64_t causal_offset;     /* kv_len - q_len: mask aligned bottom-right; 0: top-left */
  void* scratch;             /* NULL: the plan's own; else 64-byte aligned memory of at
                              * least jitattn_plan_scratch_bytes() bytes */
  size_t scratch_bytes;      /* size of scratch; an error if the plan needs more. 0: not checked */
  double softcap;            /* > 0 */
  const float* alibi_slopes; /* [heads] */
  const float* sinks;        /* [heads], in the units of the scores; -infinity: no sink */
  void* lse;                 /* [batch][heads][q_len]: natural logarithm of the sum of e^score over
                              * the keys that the row sees, and the sink; -infinity if there are
                              * none. Float, of JITATTN_F64 double. Overlaps no other operand */
  int64_t lse_strides[3];    /* batch, head, row, in elements */
  const void* bias; /* [batch][heads][q_len][kv_len], rows and keys counted in each sequence */
  int64_t bias_strides[3]; /* batch, head, row, in elements; 0: the same for all. The keys of a row
                            * are contiguous. Keys that the bias hides from every query cost
                            * nothing, and runs of hidden keys are not read */

  /* The sequences of the batch, one entry for each; NULL: all of them have q_len queries and kv_len
   * keys. Nothing outside of a sequence is read or written, and keys that nobody sees may hold
   * anything. */
  const int64_t* q_lens;         /* 0 to q_len */
  const int64_t* kv_lens;        /* 0 to kv_len */
  const int64_t* kv_begins;      /* the first key that is no padding (left padding); NULL: 0 */
  const int64_t* q_offsets;      /* [batch + 1] ragged: rows q_offsets[b] to q_offsets[b + 1] of q,
                                  * out and lse are sequence b; the batch stride is not used */
  const int64_t* kv_offsets;     /* [batch + 1] the same for k and v */
  const int64_t* causal_offsets; /* in place of causal_offset; NULL: each mask is as far from the
                                  * bottom-right corner of its sequence as causal_offset is from
                                  * that of q_len x kv_len */
  const int64_t* prefix_lens;    /* causal only: every query also sees the keys before this one */
} jitattn_attention_args;

/* Fills *args: the problem's lengths, contiguous strides, scale 1/sqrt(head_dim), causal_offset for
 * a bottom-right mask, softcap 0, null pointers. The function fills the members of version 1 (up to
 * scratch), in every version of the library. The macro of the same name fills all members in this
 * header. */
JITATTN_API void jitattn_attention_args_init(jitattn_attention_args* args,
                                             const jitattn_attention_problem* problem);
JITATTN_API void jitattn_attention_args_init_sized(jitattn_attention_args* args, size_t size,
                                                   const jitattn_attention_problem* problem);
#define jitattn_attention_args_init(args, problem) \
  jitattn_attention_args_init_sized((args), sizeof(jitattn_attention_args), (problem))

/* Strides are between rows, in elements; the elements of a row are contiguous. The operation may
 * run in place (out == x, equal strides). REQUIRES: out and x overlap in no other way. */
typedef struct jitattn_sigmoid_mul_args {
  size_t struct_size;
  const void* x;
  void* out;
  int64_t rows, cols;
  int64_t x_stride, out_stride;
} jitattn_sigmoid_mul_args;

/* Fills *args: the problem's rows and cols, contiguous strides, null pointers. */
JITATTN_API void jitattn_sigmoid_mul_args_init(jitattn_sigmoid_mul_args* args,
                                               const jitattn_sigmoid_mul_problem* problem);

/* Shapes: x [rows][cols] (PAIRS: [rows][2 * cols]), up [rows][cols] (read for TWO only), out
 * [rows][cols]. Strides are between rows, in elements, and may be negative, those of the inputs
 * also 0; the elements of a row are contiguous. out may be x, or up, if types and strides are equal
 * and the gate is not PAIRS. REQUIRES: out overlaps the inputs in no other way. */
typedef struct jitattn_activation_args {
  size_t struct_size;
  const void* x;
  const void* up;
  void* out;
  int64_t rows, cols; /* each from 0 to the problem's value */
  int64_t x_stride, up_stride, out_stride;
  double alpha;            /* of quick GELU: 2^-16 to 2^16; not read for other functions */
  double limit, up_offset; /* if the problem is clamped: limit above 0, or infinity, and a finite
                            * up_offset. Else up_offset is 0, and limit is 0 or infinity */
} jitattn_activation_args;

/* Fills *args: the problem's rows and cols, contiguous strides, alpha 1.702, limit infinity,
 * up_offset 0, null pointers. */
JITATTN_API void jitattn_activation_args_init(jitattn_activation_args* args,
                                              const jitattn_activation_problem* problem);

/* ---- One-shot calls ----------------------------------------------------------------------- */

/* Runs the operation with a plan of default options. The library keeps the plan for later calls
 * whose problems fall into the same bucket of sizes. The first call for a bucket loads the cached
 * record and emits the kernel.
 * REQUIRES: args->scratch is NULL; the caller cannot query the size that such a plan needs. */
JITATTN_API jitattn_status jitattn_attention(const jitattn_attention_problem* problem,
                                             const jitattn_attention_args* args);
JITATTN_API jitattn_status jitattn_sigmoid_mul(const jitattn_sigmoid_mul_problem* problem,
                                               const jitattn_sigmoid_mul_args* args);
JITATTN_API jitattn_status jitattn_activation(const jitattn_activation_problem* problem,
                                              const jitattn_activation_args* args);

/* ---- Plans -------------------------------------------------------------------------------- */

typedef struct jitattn_plan jitattn_plan;

enum { JITATTN_BUFFERS_HOT = 0, JITATTN_BUFFERS_COLD = 1 };

typedef struct jitattn_plan_options {
  size_t struct_size;
  int32_t threads;      /* upper bound; 0: one per physical core available to this process. Also
                         * bounded by OMP_THREAD_LIMIT and 1024 */
  int32_t buffers;      /* use records tuned with hot (default) or cold caches */
  int32_t ignore_cache; /* nonzero: use the default configuration and read no file */
  int32_t tune;         /* nonzero: if no exact record exists, tune now and save the winner */
  double tune_seconds;  /* time limit of `tune`, in seconds; 0: the tuner's default */
  const char* config;   /* "q_vecs=4 kv_block=128 ...": sets these fields. The others keep their
                         * values in the default configuration for the problem and this CPU;
                         * "algorithm=rows ..." selects the algorithm. NULL or "": the best known
                         * configuration */
} jitattn_plan_options;

/* Fills *options with the defaults: zeros and NULL. */
JITATTN_API void jitattn_plan_options_init(jitattn_plan_options* options);

/* Makes a plan and stores it in *plan, or NULL on failure. options may be NULL for the defaults.
 * The caller frees the plan with jitattn_plan_free(). */
JITATTN_API jitattn_status jitattn_attention_plan(const jitattn_attention_problem* problem,
                                                  const jitattn_plan_options* options,
                                                  jitattn_plan** plan);
JITATTN_API jitattn_status jitattn_sigmoid_mul_plan(const jitattn_sigmoid_mul_problem* problem,
                                                    const jitattn_plan_options* options,
                                                    jitattn_plan** plan);
JITATTN_API jitattn_status jitattn_activation_plan(const jitattn_activation_problem* problem,
                                                   const jitattn_plan_options* options,
                                                   jitattn_plan** plan);
/* Frees the plan; plan may be NULL. REQUIRES: no run of the plan is in progress. */
JITATTN_API void jitattn_plan_free(jitattn_plan* plan);

/* Runs the plan. The call takes no lock and allocates no memory. Any number of threads may run one
 * plan concurrently. */
JITATTN_API jitattn_status jitattn_attention_run(const jitattn_plan* plan,
                                                 const jitattn_attention_args* args);
JITATTN_API jitattn_status jitattn_sigmoid_mul_run(const jitattn_plan* plan,
                                                   const jitattn_sigmoid_mul_args* args);
/* A plan of jitattn_sigmoid_mul_plan also runs by jitattn_activation_run, and a plan of SiLU of one
 * input and one type by jitattn_sigmoid_mul_run. */
JITATTN_API jitattn_status jitattn_activation_run(const jitattn_plan* plan,
                                                  const jitattn_activation_args* args);

/* Returns the bytes that a caller who sets args.scratch must provide, 64-byte aligned. */
JITATTN_API size_t jitattn_plan_scratch_bytes(const jitattn_plan* plan);

enum { JITATTN_MATCH_EXACT = 0, JITATTN_MATCH_NEAREST = 1, JITATTN_MATCH_NONE = 2 };

/* The plan owns the strings; they are valid until jitattn_plan_free(). */
typedef struct jitattn_plan_info {
  size_t struct_size;
  int32_t match;       /* of the cached record; NONE: a default or given configuration */
  int32_t threads;     /* upper bound for a run */
  int32_t portable;    /* nonzero: compiled code, a slower fallback under the same contract */
  const char* kernel;  /* "attn_f32_d64_causal_tiles_avx512_..." */
  const char* config;  /* "algorithm=tiles isa=avx512 q_vecs=4 ..." */
  const char* record;  /* path of the record, or "" */
  const char* reason;  /* one line: why the plan uses this configuration */
  double emit_seconds; /* time to emit and load the kernel; 0 if it was in memory already */
} jitattn_plan_info;

/* Fills *info. REQUIRES: info->struct_size is set. */
JITATTN_API jitattn_status jitattn_plan_get_info(const jitattn_plan* plan, jitattn_plan_info* info);

/* ---- Merging ------------------------------------------------------------------------------ */

/* Results over disjoint sets of keys (JITATTN_LSE), merged into the result over all of them:
 *   lse = log(sum_p e^part_lse_p),  out = sum_p e^(part_lse_p - lse) * part_out_p
 * A part whose log-sum-exp is -infinity has no effect; if all are, out is 0 and lse -infinity.
 * Shapes: part_outs[p] and out [batch][heads][q_len][value_dim] of dtype, part_lses[p] and lse
 * [batch][heads][q_len] in float (of JITATTN_F64 double). All parts have the same strides.
 * out and lse may be those of one part, with equal strides. REQUIRES: they overlap nothing else.
 * Source: Milakov & Gimelshein 2018; ring attention (Liu, Zaharia & Abbeel 2023). */
typedef struct jitattn_attention_merge_args {
  size_t struct_size;
  int32_t dtype, parts;
  int64_t batch, heads, q_len, value_dim;
  const void* const* part_outs; /* [parts] */
  const void* const* part_lses; /* [parts] */
  void* out;
  void* lse;                                    /* NULL: not needed */
  int64_t part_strides[3], part_lse_strides[3]; /* batch, head, row, in elements */
  int64_t out_strides[3], lse_strides[3];
} jitattn_attention_merge_args;

/* Fills *args: the problem's type and sizes, contiguous strides, parts 0, null pointers. */
JITATTN_API void jitattn_attention_merge_args_init(jitattn_attention_merge_args* args,
                                                   const jitattn_attention_problem* problem);
JITATTN_API jitattn_status jitattn_attention_merge(const jitattn_attention_merge_args* args);

/* ---- Hooks -------------------------------------------------------------------------------- */

/* Each hook can be set once, before the first plan or one-shot call. Any other call returns
 * JITATTN_INVALID_ARGUMENT. `context` is passed to the hook unchanged. */

/* Sets the allocator. alloc returns at least `bytes` bytes aligned to `alignment`, or NULL. */
JITATTN_API jitattn_status jitattn_set_allocator(void* (*alloc)(size_t bytes, size_t alignment,
                                                                void* context),
                                                 void (*release)(void* memory, void* context),
                                                 void* context);

/* Sets the receiver of log messages. level is 1 (error), 2 (warning) or 3 (information). */
JITATTN_API jitattn_status jitattn_set_log(void (*log)(int32_t level, const char* message,
                                                       void* context),
                                           void* context);

/* Replaces the library's threads by the host's pool. parallel_for calls body(i, body_context) for
 * every i with 0 <= i < count, on any threads, and returns after all these calls have returned. */
JITATTN_API jitattn_status jitattn_set_parallel_for(
    void (*parallel_for)(int32_t count, void (*body)(int32_t index, void* body_context),
                         void* body_context, void* context),
    void* context);

#ifdef __cplusplus
}
#endif

#endif /* JITATTN_JITATTN_H_ */
