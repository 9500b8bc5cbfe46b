/* jitattn.attention, and the plans that it keeps for calls that limit the threads. */

#include <string.h>

#include "attention.h"

static Signature signature = {
    "attention", kArgumentCount, 3, {JITATTN_VALUES_OF_CALLS, JITATTN_FIXED_OPTIONS}, {NULL}};

/* Guarded by the interpreter's lock, like the table. */
struct KeptPlan {
  jitattn_attention_problem problem;
  int64_t threads;
  jitattn_plan* plan;
  int references; /* of the table and of runs */
  uint64_t last_use;
};
enum { kMostKeptPlans = 32 };
static KeptPlan* kept_plans[kMostKeptPlans];
static uint64_t uses;

int InitAttention(void) { return InitSignature(&signature); }

PyObject* RunAttention(AttentionCall* call, const jitattn_plan* plan) {
  if (call->problem.batch > 0) {
    jitattn_status status;
    PyThreadState* const state = PyEval_SaveThread();
    status = plan == NULL ? jitattn_attention(&call->problem, &call->args)
                          : jitattn_attention_run(plan, &call->args);
    PyEval_RestoreThread(state);
    if (status != JITATTN_OK) {
      SetStatusError(status);
      return NULL;
    }
  }
  PyObject* out = call->out.object;
  if (call->options.return_lse) return PyTuple_Pack(2, out, call->lse.object);
  Py_INCREF(out);
  return out;
}

jitattn_plan* MakePlan(const jitattn_attention_problem* problem,
                       const jitattn_plan_options* options) {
  jitattn_plan* plan = NULL;
  PyThreadState* const state = PyEval_SaveThread();
  const jitattn_status status = jitattn_attention_plan(problem, options, &plan);
  PyEval_RestoreThread(state);
  if (status != JITATTN_OK) SetStatusError(status);
  return plan;
}

const jitattn_plan* PlanOf(const KeptPlan* kept) { return kept->plan; }

void ReleasePlan(KeptPlan* kept) {
  if (--kept->references > 0) return;
  jitattn_plan_free(kept->plan);
  PyMem_Free(kept);
}

/* A plan serves all lengths up to its own: powers of two, so that few plans serve many. */
static int64_t LengthOfPlan(int64_t length) {
  int64_t result = 16;
  while (result < length && result < INT64_MAX / 4) result *= 2;
  return result;
}

static KeptPlan* FindPlan(const jitattn_attention_problem* problem, int64_t threads) {
  for (int i = 0; i < kMostKeptPlans; ++i) {
    KeptPlan* kept = kept_plans[i];
    if (kept != NULL && kept->threads == threads &&
        memcmp(&kept->problem, problem, sizeof *problem) == 0) {
      return kept;
    }
  }
  return NULL;
}

/* Replaces the plan that was used least recently. */
static void KeepPlan(KeptPlan* kept) {
  int oldest = 0;
  for (int i = 0; i < kMostKeptPlans; ++i) {
    if (kept_plans[i] == NULL) {
      oldest = i;
      break;
    }
    if (kept_plans[i]->last_use < kept_plans[oldest]->last_use) oldest = i;
  }
  KeptPlan* const old = kept_plans[oldest];
  kept_plans[oldest] = kept;
  ++kept->references;
  if (old != NULL) ReleasePlan(old);
}

KeptPlan* PlanOfThreads(const jitattn_attention_problem* exact, int64_t threads) {
  jitattn_attention_problem problem = *exact;
  problem.q_len = LengthOfPlan(problem.q_len);
  problem.kv_len = LengthOfPlan(problem.kv_len);
  KeptPlan* kept = FindPlan(&problem, threads);
  if (kept == NULL) {
    jitattn_plan_options options;
    jitattn_plan_options_init(&options);
    options.threads = (int32_t)threads;
    jitattn_plan* plan = MakePlan(&problem, &options);
    if (plan == NULL) return NULL;
    kept = PyMem_Calloc(1, sizeof *kept);
    if (kept == NULL) {
      jitattn_plan_free(plan);
      PyErr_NoMemory();
      return NULL;
    }
    kept->problem = problem;
    kept->threads = threads;
    kept->plan = plan;
    kept->last_use = ++uses;
    KeepPlan(kept);
  }
  kept->last_use = ++uses;
  ++kept->references;
  return kept;
}

static PyObject* RunWithThreads(AttentionCall* call) {
  if (call->options.threads == 0 || call->problem.batch == 0) return RunAttention(call, NULL);
  KeptPlan* const kept = PlanOfThreads(&call->problem, call->options.threads);
  if (kept == NULL) return NULL;
  PyObject* result = RunAttention(call, PlanOf(kept));
  ReleasePlan(kept);
  return result;
}

PyObject* Attention(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  PyObject* values[kArgumentCount];
  AttentionOptions options;
  if (TakeArguments(&signature, args, count, names, values) < 0 ||
      TakeAttentionOptions(values, &options) < 0) {
    return NULL;
  }
  AttentionCall call;
  const int begun = BeginAttention(values, &options, 1, &call);
  PyObject* result = begun < 0 ? NULL : RunWithThreads(&call);
  EndAttention(&call);
  return result;
}
