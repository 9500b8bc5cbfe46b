/* jitattn.AttentionPlan. */

#include <string.h>

#include "attention.h"

/* The arguments behind those of jitattn.attention. */
enum { kBuffers = kArgumentCount, kIgnoreCache, kTune, kTuneSeconds, kConfig, kPlanArgumentCount };
static Signature plan_signature = {"AttentionPlan",
                                   kPlanArgumentCount,
                                   3,
                                   {JITATTN_VALUES_OF_CALLS, JITATTN_FIXED_OPTIONS, "buffers",
                                    "ignore_cache", "tune", "tune_seconds", "config"},
                                   {NULL}};
static Signature call_signature = {
    "AttentionPlan.__call__", kOut + 1, 3, {JITATTN_VALUES_OF_CALLS}, {NULL}};

typedef struct {
  PyObject_HEAD AttentionOptions options;
  jitattn_attention_problem problem;
  jitattn_plan* plan; /* NULL: closed */
  int runs;           /* in progress; the last one frees a plan that was closed meanwhile */
  int is_closed;
} AttentionPlan;

static PyObject* NewPlan(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  (void)args;
  (void)kwargs;
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  AttentionPlan* self = (AttentionPlan*)allocate(type, 0);
  if (self != NULL) self->is_closed = 1;
  return (PyObject*)self;
}

static int TakePlanOptions(PyObject* const* values, const AttentionOptions* fixed,
                           jitattn_plan_options* options) {
  jitattn_plan_options_init(options);
  options->threads = (int32_t)fixed->threads;
  PyObject* const buffers = values[kBuffers];
  if (buffers != NULL) {
    const int is_text = PyUnicode_Check(buffers);
    if (is_text && PyUnicode_CompareWithASCIIString(buffers, "cold") == 0) {
      options->buffers = JITATTN_BUFFERS_COLD;
    } else if (!is_text || PyUnicode_CompareWithASCIIString(buffers, "hot") != 0) {
      PyErr_Format(PyExc_ValueError, "buffers: %R: must be 'hot' or 'cold'", buffers);
      return -1;
    }
  }
  int flag = 0;
  if (values[kIgnoreCache] != NULL && TakeBool("ignore_cache", values[kIgnoreCache], &flag) < 0) {
    return -1;
  }
  options->ignore_cache = flag;
  flag = 0;
  if (values[kTune] != NULL && TakeBool("tune", values[kTune], &flag) < 0) return -1;
  options->tune = flag;
  if (values[kTuneSeconds] != NULL &&
      TakeNumber("tune_seconds", values[kTuneSeconds], &options->tune_seconds) < 0) {
    return -1;
  }
  if (values[kConfig] == NULL) return 0;
  if (!PyUnicode_Check(values[kConfig])) {
    PyErr_Format(PyExc_TypeError, "config: %R: must be a string", values[kConfig]);
    return -1;
  }
  options->config = PyUnicode_AsUTF8AndSize(values[kConfig], NULL);
  return options->config == NULL ? -1 : 0;
}

static int InitPlan(PyObject* object, PyObject* args, PyObject* kwargs) {
  AttentionPlan* self = (AttentionPlan*)object;
  PyObject* values[kPlanArgumentCount];
  jitattn_plan_options options;
  if (self->plan != NULL || self->runs > 0) {
    PyErr_SetString(PyExc_ValueError, "AttentionPlan: is made already");
    return -1;
  }
  if (TakeTupleAndDict(&plan_signature, args, kwargs, values) < 0 ||
      TakeAttentionOptions(values, &self->options) < 0 ||
      TakePlanOptions(values, &self->options, &options) < 0) {
    return -1;
  }
  if (values[kOut] != NULL) {
    PyErr_SetString(PyExc_TypeError, "out: belongs to a call of the plan");
    return -1;
  }
  AttentionCall call;
  const int begun = BeginAttention(values, &self->options, 0, &call);
  if (begun == 0) {
    self->problem = call.problem;
    jitattn_plan* plan = MakePlan(&call.problem, &options);
    if (plan != NULL && self->plan != NULL) { /* another thread has called __init__, too */
      jitattn_plan_free(plan);
    } else if (plan != NULL) {
      self->plan = plan;
      self->is_closed = 0;
    }
  }
  EndAttention(&call);
  return self->plan == NULL ? -1 : 0;
}

static int CheckOpen(const AttentionPlan* self) {
  if (!self->is_closed) return 0;
  PyErr_SetString(PyExc_ValueError, "the plan is closed");
  return -1;
}

static void FreeIfIdle(AttentionPlan* self) {
  if (!self->is_closed || self->runs > 0) return;
  jitattn_plan_free(self->plan);
  self->plan = NULL;
}

/* The kernel is for one type, head size and set of options. Lengths are checked by the library. */
static int CheckFits(const AttentionPlan* self, const AttentionCall* call) {
  const jitattn_attention_problem *p = &self->problem, *c = &call->problem;
  if (c->dtype != p->dtype) {
    PyErr_Format(PyExc_TypeError, "q: elements of %s: the plan is for %s", TypeName(c->dtype),
                 TypeName(p->dtype));
    return -1;
  }
  const struct {
    const char* what;
    int64_t found, expected;
  } exact[] = {{"q: number of heads", c->heads, p->heads},
               {"k: number of heads", c->kv_heads, p->kv_heads},
               {"q: head size", c->head_dim, p->head_dim},
               {"v: head size", c->value_dim, p->value_dim}};
  for (int i = 0; i < 4; ++i) {
    if (exact[i].found == exact[i].expected) continue;
    PyErr_Format(PyExc_ValueError, "%s %lld: the plan is for %lld", exact[i].what,
                 (long long)exact[i].found, (long long)exact[i].expected);
    return -1;
  }
  const int32_t differ = c->options ^ p->options;
  const char* const name = c->bias != p->bias       ? "bias or mask"
                           : differ & JITATTN_SINKS ? "sinks"
                           : differ & JITATTN_ALIBI ? "alibi"
                                                    : NULL;
  if (name == NULL) return 0;
  PyErr_Format(PyExc_ValueError,
               "%s: must be given to a call as to the plan: with the same type, or not at all",
               name);
  return -1;
}

static PyObject* CallPlan(PyObject* object, PyObject* args, PyObject* kwargs) {
  AttentionPlan* self = (AttentionPlan*)object;
  PyObject* values[kArgumentCount] = {NULL};
  if (CheckOpen(self) < 0 || TakeTupleAndDict(&call_signature, args, kwargs, values) < 0) {
    return NULL;
  }
  AttentionCall call;
  PyObject* result = NULL;
  if (BeginAttention(values, &self->options, 1, &call) == 0 && CheckFits(self, &call) == 0 &&
      CheckOpen(self) == 0) {
    ++self->runs;
    result = RunAttention(&call, self->plan);
    --self->runs;
    FreeIfIdle(self);
  }
  EndAttention(&call);
  return result;
}

static PyObject* ClosePlan(PyObject* object, PyObject* ignored) {
  (void)ignored;
  AttentionPlan* self = (AttentionPlan*)object;
  self->is_closed = 1;
  FreeIfIdle(self);
  Py_RETURN_NONE;
}

static PyObject* EnterPlan(PyObject* object, PyObject* ignored) {
  (void)ignored;
  if (CheckOpen((AttentionPlan*)object) < 0) return NULL;
  Py_INCREF(object);
  return object;
}

static PyObject* ExitPlan(PyObject* object, PyObject* exception) {
  (void)exception;
  return ClosePlan(object, NULL);
}

static PyObject* InfoOfPlan(PyObject* object, void* ignored) {
  (void)ignored;
  AttentionPlan* self = (AttentionPlan*)object;
  if (CheckOpen(self) < 0) return NULL;
  jitattn_plan_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  const jitattn_status status = jitattn_plan_get_info(self->plan, &info);
  if (status != JITATTN_OK) {
    SetStatusError(status);
    return NULL;
  }
  static const char* const kMatches[] = {"exact", "nearest", "none"};
  return Py_BuildValue("{s:s,s:s,s:s,s:s,s:s,s:i,s:O,s:d,s:n}", "kernel", info.kernel, "config",
                       info.config, "reason", info.reason, "match", kMatches[info.match], "record",
                       info.record, "threads", (int)info.threads, "portable",
                       info.portable ? Py_True : Py_False, "emit_seconds", info.emit_seconds,
                       "scratch_bytes", (Py_ssize_t)jitattn_plan_scratch_bytes(self->plan));
}

static PyObject* IsClosed(PyObject* object, void* ignored) {
  (void)ignored;
  return PyBool_FromLong(((AttentionPlan*)object)->is_closed);
}

static void DeallocatePlan(PyObject* object) {
  jitattn_plan_free(((AttentionPlan*)object)->plan);
  PyTypeObject* const type = Py_TYPE(object);
  freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
  release(object);
  Py_DECREF(type);
}

int AddAttentionPlan(PyObject* module) {
  static PyMethodDef methods[] = {
      {"close", ClosePlan, METH_NOARGS, "Frees the plan, after runs in progress."},
      {"__enter__", EnterPlan, METH_NOARGS, NULL},
      {"__exit__", ExitPlan, METH_VARARGS, NULL},
      {NULL, NULL, 0, NULL}};
  static PyGetSetDef properties[] = {
      {"info", InfoOfPlan, NULL, "Which kernel the plan runs, and why.", NULL},
      {"closed", IsClosed, NULL, "True after close().", NULL},
      {NULL, NULL, NULL, NULL, NULL}};
  static PyType_Slot slots[] = {
      {Py_tp_doc,
       "AttentionPlan(q, k, v, *, bias=None, mask=None, causal=False, window=None, softcap=None, "
       "sinks=None, alibi=None, scale=None, lens=None, return_lse=False, layout='BHSD', "
       "threads=None, buffers='hot', ignore_cache=False, tune=False, tune_seconds=None, "
       "config=None)\n--\n\n"
       "Attention of fixed types, sizes and options, called like jitattn.attention.\n\n"
       "The arrays are examples: calls have their types and head sizes, and at most their batch\n"
       "and lengths. close(), or the end of a with block, frees the plan."},
      {Py_tp_new, NewPlan},
      {Py_tp_init, InitPlan},
      {Py_tp_call, CallPlan},
      {Py_tp_dealloc, DeallocatePlan},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, NULL}};
  static PyType_Spec spec = {"jitattn.AttentionPlan", sizeof(AttentionPlan), 0, Py_TPFLAGS_DEFAULT,
                             slots};
  if (InitSignature(&plan_signature) < 0 || InitSignature(&call_signature) < 0) return -1;
  PyObject* type = PyType_FromSpec(&spec);
  if (type == NULL) return -1;
  const int added = PyModule_AddObjectRef(module, "AttentionPlan", type);
  Py_DECREF(type);
  return added;
}
