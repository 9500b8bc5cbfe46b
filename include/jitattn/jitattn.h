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
  JITATTN_LSE = 8,     /* args.lse: the log-sum-exp of the scores of every row is written */
  JITATTN_OUT_GATE = 16, /* args.gate: a result is multiplied by sigmoid(gate) before it is rounded
                          * to the type (Qwen3-Next) */
  JITATTN_BF16_MATH = 32 /* f32 only: the caller grants the error of products whose factors are
                          * rounded to bf16 first; sums stay float. Used where it is faster */
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

/* Types of the keys and values, if they are not those of q and out. Their exact values, and for the
 * integers float products with their scales, enter the same computation in float. None but OWN goes
 * with JITATTN_F64.
 *   I8    int8; element e of a row is byte * scale[e / kv_scale_block] (args.k_scales, v_scales)
 *   Q8_0  ggml's blocks of 34 bytes: an IEEE binary16 scale, then the int8 of 32 elements. Strides
 *         of k and v are in blocks; head_dim and value_dim are multiples of 32 */
enum {
  JITATTN_KV_OWN = 0,
  JITATTN_KV_F32 = 1,
  JITATTN_KV_BF16 = 2,
  JITATTN_KV_F16 = 3,
  JITATTN_KV_I8 = 4,
  JITATTN_KV_Q8_0 = 5
};

/* out[b][h][i][d] = sum_j softmax_j(score) * v[b][g][j][d],  g = h / (heads / kv_heads)
 *   score = scale * q[b][h][i].k[b][g][j], then the softcap, ALiBi, the bias, the mask
 *   causal: query i sees keys j <= i + causal_offset
 *   window: query i sees keys i + causal_offset - window_left <= j
 *                                     <= i + causal_offset + window_right
 *   chunk:  query i sees only keys j with floor(j / chunk) = floor((i + causal_offset) / chunk)
 * batch, q_len and kv_len are upper bounds for the runs of a plan; the other members are exact.
 * docs/numerics.md states the errors of results, docs/attention.md the names of options elsewhere.
 * Sources: Vaswani et al. 2017 (attention); Milakov & Gimelshein 2018 (the sum over keys in one
 * pass); Dao et al. 2022 (in tiles). */
typedef struct jitattn_attention_problem {
  size_t struct_size;
  int32_t dtype, mask;
  int64_t batch, heads, kv_heads, q_len, kv_len, head_dim, value_dim;
  int64_t window_left, window_right; /* JITATTN_MASK_WINDOW only: each >= 0, or -1: no limit */
  int64_t chunk;                     /* JITATTN_MASK_CAUSAL only (Llama 4); 0: no chunks */
  int32_t options;                   /* JITATTN_SOFTCAP + ... */
  int32_t bias;                      /* JITATTN_BIAS_NONE, ... */
  int32_t kv_type, reserved;         /* JITATTN_KV_OWN, ...; 0 */
  int64_t
      kv_scale_block; /* JITATTN_KV_I8 only: elements of a row that share a scale, a multiple of
                       * 32; 0: all of the row (a scale per token, or, by strides of 0, per head) */
  int64_t page_size;  /* > 0: k and v are pages of this many keys, found by args.block_table */
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

/* Strides are {batch, head, row} in elements; the elements of a row are contiguous, unless q_inner,
 * k_inner, v_inner or out_inner says otherwise.
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

  /* JITATTN_KV_I8: finite, [batch][kv_heads][kv_len][blocks]; strides {batch, head, row} in
   * elements, each may be 0; the blocks of a row are contiguous. Where kv_scale_block is 0 there is
   * one block; else k has ceil(head_dim / kv_scale_block) and v has ceil(value_dim /
   * kv_scale_block). With kv_offsets rows are those of k. Scales of keys that are not read are not
   * read. With pages the first stride is from page to page, as that of k. */
  const float* k_scales;
  const float* v_scales;
  int64_t k_scale_strides[3], v_scale_strides[3];
  /* Pages: key j of sequence b is row j % page_size of page block_table[b * block_table_stride +
   * j / page_size]. k and v point to page 0; k_strides and v_strides are {page, head, row}. Entries
   * of pages of which nobody sees a key are not read, nor are these pages. A negative entry that is
   * read is an error; that an entry is too high, or (with a bias) negative, is not noticed. With
   * several sequences block_table_stride is at least the number of pages of the longest one.
   * kv_offsets must be NULL. REQUIRES: out and lse overlap no page that is read (with a bias this
   * is not checked). The pages of vLLM and of FlashAttention's block_table. */
  const int32_t* block_table;
  int64_t block_table_stride;
  const void* gate; /* JITATTN_OUT_GATE: of the operands' type and the shape of out, which it must
                     * not overlap. NaN gives NaN, or 0 in rows that see no key; -infinity gives
                     * 0. The log-sum-exp is that of the scores, without the gate */
  int64_t gate_strides[3];
  /* Distances between the elements of a row, in elements, of any sign; 0 means 1. An operand for
   * which it is neither 0 nor 1 is copied into memory that the run allocates: rows of queries that
   * exist, and rows of keys from the first to the last that the mask leaves to a query, also those
   * that only a bias hides. Without that memory the run fails, and nothing but appended rows is
   * written. k_inner and v_inner are 0 or 1 for JITATTN_KV_Q8_0, and in pages.
   * REQUIRES: the elements of out do not overlap; with an out_inner each stride of out, in some
   * order, steps over everything that the shorter ones cover. */
  int64_t q_inner, k_inner, v_inner, out_inner;
  int64_t bias_keys; /* 0 to kv_len: the bias has this many keys, and a sequence's keys behind them
                      * are hidden, like those behind a length. Masks stay where they are (ONNX
                      * pads a short mask in this way). 0: kv_len keys */
  /* Done before the attention, in this order: rows are moved to k, v (or q), as jitattn_append
   * does. Everything is checked before the first of them. A call without queries moves rows, too.
   * All entries have one struct_size. */
  const struct jitattn_append_args* appends;
  int64_t append_count;
} jitattn_attention_args;

/* Fills *args: the problem's lengths, contiguous strides (also of pages and the block
 * table), scale 1/sqrt(head_dim), causal_offset for a bottom-right mask, softcap 0, null pointers.
 * The function fills the members of version 1 (up to scratch), in every version of the library. The
 * macro of the same name fills all members in this header. */
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
 * record and emits the kernel. If there is no exact record, and the environment variable
 * JITATTN_MISS_FILE is set, the problem is appended to the file that it names, as to
 * jitattn_plan_options.miss_file.
 * The struct of the problem has the formula, that of the arguments the shapes and strides.
 * Errors: JITATTN_INVALID_ARGUMENT if a value breaks a rule, JITATTN_OUT_OF_MEMORY; the output is
 * untouched then.
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

/* How a plan is made. Zeros are the defaults. */
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
  /* Nonzero: the bits of a sequence's results depend on nothing but its own operands, lengths and
   * positions, and on the problem's type, heads, head sizes, mask and options. They are the same
   * for any number of threads, alone or in a batch of any other sequences, ragged or padded, and in
   * plans for any batch, q_len and kv_len, except that the q_len of both plans must be 1, or from 2
   * to 16, or more. On CPUs of the same kind, with the same version of the library. A query's
   * results also depend on the other queries of its sequence in the same run, as they may share a
   * tile with it: the last row of a prompt and the same row as a decoding step may differ.
   * Records are not used, and `tune` must be 0. With `config`, fields that it sets must be the same
   * in both plans. docs/attention.md says what this costs. */
  int32_t fixed_bits;
  int32_t reserved;
  const char* miss_file; /* if no exact record exists (after `tune`, if set), the problem is
                          * appended to this file, which `jitattn tune --from FILE` reads. A problem
                          * is in it once, and it has at most 1 MiB. A file that cannot be written
                          * is a log message, once in a process, and no error. Not read with config
                          * or ignore_cache. NULL or "": none */
} jitattn_plan_options;

/* Fills *options with the defaults: zeros and NULL. The function fills the members of version 1 (up
 * to config), in every version of the library. The macro of the same name fills all members in this
 * header. */
JITATTN_API void jitattn_plan_options_init(jitattn_plan_options* options);
JITATTN_API void jitattn_plan_options_init_sized(jitattn_plan_options* options, size_t size);
#define jitattn_plan_options_init(options) \
  jitattn_plan_options_init_sized((options), sizeof(jitattn_plan_options))

/* Makes a plan and stores it in *plan, or NULL on failure. options may be NULL for the defaults.
 * The caller frees the plan with jitattn_plan_free().
 * Errors: JITATTN_INVALID_ARGUMENT if a value breaks a rule, JITATTN_OUT_OF_MEMORY. */
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

/* Runs the plan. The call takes no lock and allocates no memory, but for copies of operands that
 * have an inner stride (q_inner). Any number of threads may run one plan concurrently.
 * Errors: JITATTN_INVALID_ARGUMENT if a value breaks a rule, JITATTN_OUT_OF_MEMORY without memory
 * for copies; the output is untouched then. */
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

/* Merges the parts. The call allocates no memory. */
JITATTN_API jitattn_status jitattn_attention_merge(const jitattn_attention_merge_args* args);

/* ---- Appending ---------------------------------------------------------------------------- */

/* The operand of attention whose type, shape and strides jitattn_append_args_init() takes. */
enum { JITATTN_APPEND_Q = 0, JITATTN_APPEND_K = 1, JITATTN_APPEND_V = 2 };
enum { JITATTN_NORM_NONE = 0, JITATTN_NORM_RMS = 1 };
/* The pairs of elements that rotary embedding rotates, among rotary_dim ones:
 *   HALVES      e and e + rotary_dim / 2 (GPT-NeoX, Llama of Hugging Face, ggml's NEOX)
 *   NEIGHBOURS  2 e and 2 e + 1 (GPT-J, ONNX's interleaved, ggml's NORMAL) */
enum { JITATTN_ROPE_NONE = 0, JITATTN_ROPE_HALVES = 1, JITATTN_ROPE_NEIGHBOURS = 2 };

/* Moves rows into a KV cache, or into a plain tensor: row i of sequence b becomes row begin_b + i.
 *   x = from[b][h][i]                                                    [dim]
 *   norm RMS: x[e] = x[e] / sqrt(mean(x^2) + norm_eps) * (norm_weight[e] + norm_offset)
 *   rope: of pair e in 0 ... rotary_dim / 2 - 1, elements x1 and x2 of the rotary_dim elements from
 *         rotary_begin on, with c = cos_table[p][e] and s = sin_table[p][e] at the row's position p
 *         x1, x2 = x1 * c - x2 * s, x2 * c + x1 * s
 *   to[b][h][begin_b + i] = x in to_type
 * All of that is computed in float (F64: double) and rounded once, to nearest, ties to even. A row
 * that is neither normalised, rotated nor converted is copied as it is.
 *   I8    scale = max|x| / 127 over the elements that share a scale, but 2^-126 at least unless all
 *         of them are 0; byte = x / scale, rounded to nearest, ties away from zero. So an element
 *         is off by half a scale at most. If one of them is NaN or infinite, scale is NaN and the
 *         bytes are 0: all of them read as NaN.
 *   Q8_0  what ggml's quantize_row_q8_0_ref writes: d = max|x| / 127 over 32 elements,
 *         byte = roundf(x * (1 / d)), 0 if d is 0, and d as binary16. NaN and infinities as above.
 * Rows beyond the lengths are neither read nor written. Rows are moved by several threads if there
 * are many; the bits do not depend on that.
 * `to` may be `from` if every row stays where it is and elements keep their size. REQUIRES: in all
 * other cases rows of `to` (and scales) overlap neither each other nor anything that is read.
 * Errors: JITATTN_INVALID_ARGUMENT, before anything is written; docs/numerics.md bounds rounding.
 * Sources: Su et al. 2021 (RoFormer), Zhang & Sennrich 2019 (RMSNorm), Kwon et al. 2023 (pages). */
typedef struct jitattn_append_args {
  size_t struct_size;
  int32_t from_type;               /* JITATTN_F32, ... */
  int32_t to_type;                 /* JITATTN_KV_OWN: from_type. JITATTN_F64 goes with OWN only */
  int64_t batch, heads, rows, dim; /* rows: the most of a sequence; dim: 1 to 4096 */
  const void* from;                /* [batch][heads][rows][dim] */
  void* to;                        /* [batch][heads][to_len][dim] */
  int64_t from_strides[3]; /* batch, head, row, in elements. The elements of a row are contiguous */
  int64_t to_strides[3];   /* the same; Q8_0: in blocks; with pages: page, head, row */
  const int64_t* from_lens;    /* rows of each sequence, 0 to `rows`; NULL: all have `rows` */
  const int64_t* from_offsets; /* [batch + 1] ragged: rows from_offsets[b] to from_offsets[b + 1] of
                                * `from` are sequence b; the batch stride is not used. With
                                * from_lens, as many of them as that states */
  int64_t to_begin;            /* the place of the first row in each sequence of `to` */
  const int64_t* to_begins;    /* [batch], in place of to_begin; NULL: to_begin for all */
  int64_t to_len;              /* rows for which a sequence of `to` has room */

  /* > 0: `to` consists of pages of this many rows; row j of sequence b is row j % page_size of page
   * block_table[b * block_table_stride + j / page_size]. Entries of pages to which no row goes are
   * not read. 0: no pages */
  int64_t page_size;
  const int32_t* block_table;
  int64_t block_table_stride;

  /* I8: [batch][heads][to_len][blocks], strides as those of `to`, the blocks of a row contiguous */
  float* scales;
  int64_t scale_strides[3];
  int64_t scale_block;  /* elements of a row that share a scale, a multiple of 32; 0: all of them */
  int32_t fixed_scales; /* nonzero: scales are given, and only read; strides may be 0. Bytes are
                         * clamped to -127 ... 127; NaN, and any x if the scale is not positive and
                         * finite, gives 0 */

  int32_t norm;             /* JITATTN_NORM_NONE, JITATTN_NORM_RMS */
  const void* norm_weight;  /* [dim]; NULL: x is not multiplied by anything */
  int32_t norm_weight_type; /* JITATTN_F32, ... */
  int32_t rope;             /* JITATTN_ROPE_NONE, ... */
  double norm_eps;          /* >= 0 */
  double norm_offset;       /* Gemma: 1 */

  /* Element e of row p of both tables is [p * rotary_stride + e * rotary_inner], e < rotary_dim
   * / 2. Tables [positions][rotary_dim] in which every angle is there twice (Hugging Face) have
   * stride rotary_dim and, if the second half repeats the first, inner 1; if neighbours are the
   * same, inner 2. In vLLM's cos_sin_cache sin_table begins rotary_dim / 2 elements behind
   * cos_table; complex numbers are inner 2 with sin_table = cos_table + 1. Tables with a row for
   * each token have b * rows + i as positions. */
  int64_t rotary_begin, rotary_dim; /* rotary_dim is even; the other elements stay as they are */
  const float* cos_table;
  const float* sin_table;
  int64_t rotary_len;       /* rows that the tables have */
  int64_t rotary_stride;    /* 0: rotary_dim / 2 */
  int64_t rotary_inner;     /* 0: 1 */
  const int64_t* positions; /* of row i of sequence b: positions[b * position_stride + i]; ragged:
                             * positions[from_offsets[b] + i]. Each 0 to rotary_len - 1. NULL:
                             * begin_b + i, the row's place in `to` */
  int64_t position_stride;  /* 0: the same positions in all sequences */
} jitattn_append_args;

/* Fills *args for rows of an operand of the problem (JITATTN_APPEND_Q, K or V), which are as many
 * as there are queries. `from`: of the problem's type, contiguous. `to`: the operand as
 * jitattn_attention_args_init() has it, with its type, scale block and page size; scales
 * contiguous. to_begin: 0 for Q; kv_len - q_len for K and V, so that the rows are the last ones. No
 * norm (eps 1e-6), no rope (rotary_dim: all of a row; position_stride: the rows), null pointers. */
JITATTN_API void jitattn_append_args_init(jitattn_append_args* args, int32_t operand,
                                          const jitattn_attention_problem* problem);
JITATTN_API jitattn_status jitattn_append(const jitattn_append_args* args);

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

/* The same for this thread's calls only, and as often as wanted: from now on they use parallel_for,
 * whatever the other threads use; NULL: no longer. For a part of a program that has a pool of its
 * own, while other parts may use the library too (an extension of a framework). The calls that make
 * plans do not depend on the pool. */
JITATTN_API void jitattn_set_thread_parallel_for(
    void (*parallel_for)(int32_t count, void (*body)(int32_t index, void* body_context),
                         void* body_context, void* context),
    void* context);

#ifdef __cplusplus
}
#endif

#endif /* JITATTN_JITATTN_H_ */
