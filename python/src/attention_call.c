/* One call of attention: its arrays, checked against each other, become the library's arguments. */

#include <string.h>

#include "attention.h"

/* The sizes of q, k, v or out; dimensions that are missing are 1. */
typedef struct {
  int64_t batch, heads, rows, cols;
} Sizes;

/* Where the batch, head and row axes of an array of this rank are; -1: it has none. */
static void AxesOf(int rank, int is_bshd, int axes[3]) {
  axes[0] = rank == 4 ? 0 : -1;
  axes[1] = rank < 3 ? -1 : rank - (is_bshd ? 2 : 3);
  axes[2] = rank < 3 ? 0 : rank - (is_bshd ? 3 : 2);
}

static Sizes SizesOf(const Operand* operand, int is_bshd, int64_t strides[3]) {
  int axes[3];
  AxesOf(operand->rank, is_bshd, axes);
  int64_t sizes[3];
  for (int i = 0; i < 3; ++i) {
    sizes[i] = axes[i] < 0 ? 1 : operand->shape[axes[i]];
    strides[i] = axes[i] < 0 ? 0 : operand->strides[axes[i]];
  }
  return (Sizes){sizes[0], sizes[1], sizes[2], operand->shape[operand->rank - 1]};
}

static int CheckEqual(const char* name, const char* what, int64_t found, int64_t expected,
                      const char* of) {
  if (found == expected) return 0;
  PyErr_Format(PyExc_ValueError, "%s: %s %lld: must be %lld, as in %s", name, what,
               (long long)found, (long long)expected, of);
  return -1;
}

/* q decides the type and the rank. */
static int CheckQuery(const Operand* q) {
  if (!IsFloating(q->dtype)) {
    PyErr_Format(PyExc_TypeError,
                 "%s: elements of %s: must be float32, float64, bfloat16 or float16 (uint16: the "
                 "bits of bfloat16)",
                 q->name, TypeName(q->dtype));
    return -1;
  }
  if (q->rank < 2 || q->rank > 4) {
    PyErr_Format(PyExc_ValueError,
                 "%s: %d dimensions: must be 4 (batch, heads, length, head size), 3 without the "
                 "batch, or 2 without the heads",
                 q->name, q->rank);
    return -1;
  }
  return CheckInnerStride(q);
}

static int CheckLike(const Operand* operand, const Operand* q) {
  if (operand->dtype != q->dtype) {
    PyErr_Format(PyExc_TypeError, "%s: elements of %s: must be %s, as q", operand->name,
                 TypeName(operand->dtype), TypeName(q->dtype));
    return -1;
  }
  if (operand->rank != q->rank) {
    PyErr_Format(PyExc_ValueError, "%s: %d dimensions: must be %d, as q", operand->name,
                 operand->rank, q->rank);
    return -1;
  }
  return CheckInnerStride(operand);
}

/* Takes q, k and v, and fills the sizes of the problem and the arguments. */
static int TakeInputs(PyObject* const* values, AttentionCall* call) {
  Operand *q = &call->q, *k = &call->k, *v = &call->v;
  if (TakeOperand("q", values[kQ], q) < 0 || CheckQuery(q) < 0) return -1;
  if (TakeOperand("k", values[kK], k) < 0 || CheckLike(k, q) < 0) return -1;
  if (TakeOperand("v", values[kV], v) < 0 || CheckLike(v, q) < 0) return -1;
  const int is_bshd = call->options.is_bshd;
  int64_t strides[3][3];
  const Sizes of_q = SizesOf(q, is_bshd, strides[0]), of_k = SizesOf(k, is_bshd, strides[1]),
              of_v = SizesOf(v, is_bshd, strides[2]);
  if (CheckEqual("k", "batch", of_k.batch, of_q.batch, "q") < 0 ||
      CheckEqual("v", "batch", of_v.batch, of_q.batch, "q") < 0 ||
      CheckEqual("k", "head size", of_k.cols, of_q.cols, "q") < 0 ||
      CheckEqual("v", "number of heads", of_v.heads, of_k.heads, "k") < 0 ||
      CheckEqual("v", "length", of_v.rows, of_k.rows, "k") < 0) {
    return -1;
  }
  if (of_k.heads == 0 || of_q.heads % of_k.heads != 0) {
    PyErr_Format(PyExc_ValueError, "k: number of heads %lld: must divide the %lld heads of q",
                 (long long)of_k.heads, (long long)of_q.heads);
    return -1;
  }
  jitattn_attention_problem* problem = &call->problem;
  jitattn_attention_problem_init(problem, of_q.heads, of_q.rows, of_q.cols);
  problem->dtype = q->dtype;
  problem->batch = of_q.batch;
  problem->kv_heads = of_k.heads;
  problem->kv_len = of_k.rows;
  problem->value_dim = of_v.cols;
  jitattn_attention_args* args = &call->args;
  jitattn_attention_args_init(args, problem);
  args->q = q->data;
  args->k = k->data;
  args->v = v->data;
  memcpy(args->q_strides, strides[0], sizeof strides[0]);
  memcpy(args->k_strides, strides[1], sizeof strides[1]);
  memcpy(args->v_strides, strides[2], sizeof strides[2]);
  return 0;
}

static void SetFixedOptions(AttentionCall* call) {
  const AttentionOptions* options = &call->options;
  jitattn_attention_problem* problem = &call->problem;
  jitattn_attention_args* args = &call->args;
  if (options->is_causal) problem->mask = JITATTN_MASK_CAUSAL;
  if (options->has_window) {
    problem->mask = JITATTN_MASK_WINDOW;
    problem->window_left = options->left;
    problem->window_right = options->right;
  }
  if (options->has_offset) args->causal_offset = options->offset;
  if (options->has_scale) args->scale = options->scale;
  if (options->softcap > 0) {
    problem->options |= JITATTN_SOFTCAP;
    args->softcap = options->softcap;
  }
  if (options->return_lse) problem->options |= JITATTN_LSE;
}

/* Strides of a mask or bias that is broadcast to (batch, heads, queries, keys) by NumPy's rules. */
static int BroadcastStrides(const Operand* bias, const jitattn_attention_problem* problem,
                            int64_t strides[3]) {
  const int64_t sizes[4] = {problem->batch, problem->heads, problem->q_len, problem->kv_len};
  int fits = bias->rank <= 4;
  for (int i = 0; i < 4 && fits; ++i) {
    const int axis = i - (4 - bias->rank);
    const int64_t size = axis < 0 ? 1 : bias->shape[axis];
    fits = size == sizes[i] || (size == 1 && i < 3);
    if (i < 3) strides[i] = size == 1 ? 0 : bias->strides[axis];
  }
  if (fits) return 0;
  PyObject* shape = TupleOf(bias->rank, bias->shape, 1);
  if (shape == NULL) return -1;
  PyErr_Format(PyExc_ValueError,
               "%s: shape %R: must broadcast to (batch, heads, queries, keys) = (%lld, %lld, %lld, "
               "%lld)",
               bias->name, shape, (long long)sizes[0], (long long)sizes[1], (long long)sizes[2],
               (long long)sizes[3]);
  Py_DECREF(shape);
  return -1;
}

static int CheckBiasType(const Operand* bias, int is_mask, int32_t dtype) {
  if (is_mask ? bias->dtype == kBool : bias->dtype == JITATTN_F32 || bias->dtype == dtype) return 0;
  if (is_mask) {
    PyErr_Format(PyExc_TypeError,
                 "mask: elements of %s: must be bool, true where a query sees a key; numbers that "
                 "are added to the scores are a bias",
                 TypeName(bias->dtype));
  } else {
    PyErr_Format(PyExc_TypeError, "bias: elements of %s: must be float32, or %s, as q",
                 TypeName(bias->dtype), TypeName(dtype));
  }
  return -1;
}

/* Takes the mask, the bias, or, in a new array, both as one bias. */
static int TakeMaskOrBias(PyObject* mask, PyObject* bias, Operand* taken) {
  if (mask == NULL || bias == NULL) {
    return mask != NULL ? TakeOperand("mask", mask, taken) : TakeOperand("bias", bias, taken);
  }
  if (TakeOperand("mask", mask, taken) < 0 || CheckBiasType(taken, 1, 0) < 0) return -1;
  ReleaseOperand(taken);
  PyObject* merged = CallFallback("merge", "(OO)", bias, mask);
  if (merged == NULL) return -1;
  const int result = TakeOperand("bias", merged, taken);
  Py_DECREF(merged);
  return result;
}

/* The keys of a row must lie in memory: a last size of 1 is expanded in a copy. */
static int ExpandKeys(Operand* bias, int64_t keys) {
  if ((bias->rank > 0 && bias->shape[bias->rank - 1] != 1) || keys == 1) return 0;
  PyObject* expanded = CallFallback("expand_keys", "(OL)", bias->object, (long long)keys);
  if (expanded == NULL) return -1;
  const char* const name = bias->name;
  ReleaseOperand(bias);
  const int result = TakeOperand(name, expanded, bias);
  Py_DECREF(expanded);
  return result;
}

static int TakeBias(PyObject* const* values, AttentionCall* call) {
  if (values[kMask] == NULL && values[kBias] == NULL) return 0;
  Operand* bias = &call->bias;
  const int is_mask = values[kBias] == NULL;
  if (TakeMaskOrBias(values[kMask], values[kBias], bias) < 0 ||
      CheckBiasType(bias, is_mask, call->problem.dtype) < 0 ||
      ExpandKeys(bias, call->problem.kv_len) < 0 || CheckInnerStride(bias) < 0 ||
      BroadcastStrides(bias, &call->problem, call->args.bias_strides) < 0) {
    return -1;
  }
  call->args.bias = bias->data;
  call->problem.bias = is_mask                      ? JITATTN_BIAS_BOOL
                       : bias->dtype == JITATTN_F32 ? JITATTN_BIAS_F32
                                                    : JITATTN_BIAS_OWN;
  return 0;
}

static int TakeHeadNumbers(PyObject* const* values, AttentionCall* call) {
  if (values[kSinks] != NULL) {
    if (TakeFloats("sinks", values[kSinks], call->problem.heads, &call->sinks) < 0) return -1;
    call->problem.options |= JITATTN_SINKS;
    call->args.sinks = call->sinks.data;
  }
  if (values[kAlibi] != NULL) {
    if (TakeFloats("alibi", values[kAlibi], call->problem.heads, &call->alibi) < 0) return -1;
    call->problem.options |= JITATTN_ALIBI;
    call->args.alibi_slopes = call->alibi.data;
  }
  return 0;
}

/* With lengths of its own, every sequence has its own diagonal; a stated offset is that of all. */
static int TakeLengths(PyObject* value, AttentionCall* call) {
  if (value == NULL) return 0;
  const int64_t batch = call->problem.batch, keys = call->problem.kv_len;
  if (TakeIntegers("lens", value, batch, &call->lens) < 0) return -1;
  const int64_t* lens = call->lens.data;
  for (int64_t i = 0; i < batch; ++i) {
    if (lens[i] <= keys) continue;
    PyErr_Format(PyExc_ValueError, "lens: %lld for sequence %lld: must be in 0 to %lld, the keys",
                 (long long)lens[i], (long long)i, (long long)keys);
    return -1;
  }
  call->args.kv_lens = lens;
  if (!call->options.has_offset) return 0;
  if (ReserveIntegers(&call->offsets, batch, call->options.offset) < 0) return -1;
  call->args.causal_offsets = call->offsets.data;
  return 0;
}

/* The result: the caller's, or a new one with the axes of q in memory. */
static int TakeOut(PyObject* value, AttentionCall* call) {
  const Operand* q = &call->q;
  Operand* out = &call->out;
  int64_t shape[4];
  memcpy(shape, q->shape, (size_t)q->rank * sizeof *shape);
  shape[q->rank - 1] = call->problem.value_dim;
  if (value != NULL) {
    if (TakeOutput("out", value, out) < 0 || CheckLike(out, q) < 0) return -1;
  } else {
    int order[kMaxRank];
    OrderOfAxes(q, q->rank - 1, order);
    PyObject* made = NewArray(q, q->dtype, q->rank, shape, order);
    if (made == NULL) return -1;
    const int taken = TakeOutput("out", made, out);
    Py_DECREF(made);
    if (taken < 0) return -1;
  }
  if (memcmp(out->shape, shape, (size_t)q->rank * sizeof *shape) != 0) {
    PyObject *found = TupleOf(q->rank, out->shape, 1), *expected = TupleOf(q->rank, shape, 1);
    PyErr_Format(PyExc_ValueError, "out: shape %R: must be %R", found, expected);
    Py_XDECREF(found);
    Py_XDECREF(expected);
    return -1;
  }
  call->args.out = out->data;
  SizesOf(out, call->options.is_bshd, call->args.out_strides);
  return 0;
}

/* The log-sum-exp: (batch, heads, queries) in every layout. */
static int MakeLse(AttentionCall* call) {
  if (!call->options.return_lse) return 0;
  static const int kOrder[3] = {0, 1, 2};
  const jitattn_attention_problem* problem = &call->problem;
  const int64_t shape[3] = {problem->batch, problem->heads, problem->q_len};
  const int rank = call->q.rank - 1, left_out = 3 - rank;
  const int32_t dtype = problem->dtype == JITATTN_F64 ? JITATTN_F64 : JITATTN_F32;
  PyObject* made = NewArray(&call->q, dtype, rank, shape + left_out, kOrder);
  if (made == NULL) return -1;
  const int taken = TakeOutput("lse", made, &call->lse);
  Py_DECREF(made);
  if (taken < 0) return -1;
  call->args.lse = call->lse.data;
  for (int i = 0; i < 3; ++i) {
    call->args.lse_strides[i] = i < left_out ? 0 : call->lse.strides[i - left_out];
  }
  return 0;
}

int BeginAttention(PyObject* const* values, const AttentionOptions* options, int with_out,
                   AttentionCall* call) {
  Operand* const operands[] = {&call->q,   &call->k,   &call->v, &call->bias,
                               &call->out, &call->lse, NULL};
  for (int i = 0; operands[i] != NULL; ++i) operands[i]->name = NULL;
  Numbers* const numbers[] = {&call->sinks, &call->alibi, &call->lens, &call->offsets, NULL};
  for (int i = 0; numbers[i] != NULL; ++i) {
    numbers[i]->operand.name = NULL;
    numbers[i]->allocated = NULL;
  }
  call->options = *options;
  if (TakeInputs(values, call) < 0) return -1;
  SetFixedOptions(call);
  if (TakeBias(values, call) < 0 || TakeHeadNumbers(values, call) < 0 ||
      TakeLengths(values[kLens], call) < 0) {
    return -1;
  }
  return with_out && (TakeOut(values[kOut], call) < 0 || MakeLse(call) < 0) ? -1 : 0;
}

void EndAttention(AttentionCall* call) {
  ReleaseOperand(&call->q);
  ReleaseOperand(&call->k);
  ReleaseOperand(&call->v);
  ReleaseOperand(&call->bias);
  ReleaseOperand(&call->out);
  ReleaseOperand(&call->lse);
  ReleaseNumbers(&call->sinks);
  ReleaseNumbers(&call->alibi);
  ReleaseNumbers(&call->lens);
  ReleaseNumbers(&call->offsets);
}
