/* Attention: the options, one call, and plans. */
#ifndef JITATTN_PYTHON_ATTENTION_H_
#define JITATTN_PYTHON_ATTENTION_H_

#include "keywords.h"
#include "operand.h"

/* The arguments of jitattn.attention and, up to kThreads, of jitattn.AttentionPlan. Those up to
 * kOut are values of one call; the others are fixed by a plan. */
enum {
  kQ,
  kK,
  kV,
  kBias,
  kMask,
  kSinks,
  kAlibi,
  kLens,
  kOut,
  kCausal,
  kWindow,
  kSoftcap,
  kScale,
  kReturnLse,
  kLayout,
  kThreads,
  kArgumentCount
};
#define JITATTN_VALUES_OF_CALLS "q", "k", "v", "bias", "mask", "sinks", "alibi", "lens", "out"
#define JITATTN_FIXED_OPTIONS \
  "causal", "window", "softcap", "scale", "return_lse", "layout", "threads"

typedef struct {
  int is_causal, has_offset, has_window, has_scale, return_lse;
  int is_bshd; /* the layout has the heads behind the sequence */
  int64_t offset, left, right;
  double softcap, scale; /* softcap 0: none */
  int64_t threads;       /* 0: the library's choice */
} AttentionOptions;

/* Reads the fixed options out of `values`. */
int TakeAttentionOptions(PyObject* const* values, AttentionOptions* options);

enum { kFewNumbers = 64 };
/* A short vector, held or converted. */
typedef struct {
  void* data;
  void* allocated; /* or NULL */
  Operand operand; /* if the memory is the caller's */
  int64_t few[kFewNumbers];
} Numbers;

typedef struct {
  AttentionOptions options;
  Operand q, k, v, bias, out, lse;
  Numbers sinks, alibi, lens, offsets;
  jitattn_attention_problem problem;
  jitattn_attention_args args;
} AttentionCall;

/* Takes the arrays of a call and checks them against each other. Without `with_out` no result is
 * made, as for a plan, which looks at types and sizes only. Free with EndAttention, also after an
 * error. */
int BeginAttention(PyObject* const* values, const AttentionOptions* options, int with_out,
                   AttentionCall* call);
void EndAttention(AttentionCall* call);
/* Runs, without the interpreter's lock; plan may be NULL. Returns the result, or NULL with an error
 * set. */
PyObject* RunAttention(AttentionCall* call, const jitattn_plan* plan);

/* Numbers of the caller: floats of the kernel's, converted if they are others; integers. */
int TakeFloats(const char* name, PyObject* object, int64_t count, Numbers* numbers);
int TakeIntegers(const char* name, PyObject* object, int64_t count, Numbers* numbers);
/* `count` times the same integer. */
int ReserveIntegers(Numbers* numbers, int64_t count, int64_t value);
void ReleaseNumbers(Numbers* numbers);

/* A plan for one-shot calls that limit the threads, kept for later ones; release it after the run.
 * NULL with an error set. */
typedef struct KeptPlan KeptPlan;
KeptPlan* PlanOfThreads(const jitattn_attention_problem* problem, int64_t threads);
const jitattn_plan* PlanOf(const KeptPlan* kept);
void ReleasePlan(KeptPlan* kept);

/* Makes a plan without the interpreter's lock. */
jitattn_plan* MakePlan(const jitattn_attention_problem* problem,
                       const jitattn_plan_options* options);

PyObject* Attention(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
int InitAttention(void);
int AddAttentionPlan(PyObject* module);

#endif /* JITATTN_PYTHON_ATTENTION_H_ */
