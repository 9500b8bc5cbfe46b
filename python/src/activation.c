/* Activations of arrays of any rank. */

#include "activation.h"

#include <string.h>

#include "keywords.h"
#include "operand.h"

/* Functions of one array and of two, without and with a choice of GELU's form. */
static Signature one = {"activation", 2, 1, {"x", "out"}, {NULL}};
static Signature one_gelu = {"gelu", 3, 1, {"x", "out", "approximate"}, {NULL}};
static Signature two = {"swiglu", 3, 2, {"a", "b", "out"}, {NULL}};
static Signature two_gelu = {"geglu", 4, 2, {"a", "b", "out", "approximate"}, {NULL}};

int InitActivations(void) {
  return InitSignature(&one) < 0 || InitSignature(&one_gelu) < 0 || InitSignature(&two) < 0 ||
                 InitSignature(&two_gelu) < 0
             ? -1
             : 0;
}

/* x, out and, of a gated function, the factor. */
enum { kX, kOut, kUp, kMostOperands };
typedef struct {
  Operand operands[kMostOperands];
  int count;
  /* The axes from the largest stride of out to the smallest, neighbours joined where all operands
   * allow it. */
  int rank;
  int64_t sizes[kMaxRank], strides[kMostOperands][kMaxRank];
} ActivationCall;

static int CheckX(const Operand* x) {
  if (IsFloating(x->dtype)) return 0;
  PyErr_Format(
      PyExc_TypeError,
      "%s: elements of %s: must be float32, float64, bfloat16 or float16 (uint16: the bits "
      "of bfloat16)",
      x->name, TypeName(x->dtype));
  return -1;
}

static int CheckShape(const Operand* operand, const Operand* x) {
  if (operand->rank == x->rank &&
      memcmp(operand->shape, x->shape, (size_t)x->rank * sizeof *x->shape) == 0) {
    return 0;
  }
  PyObject *found = TupleOf(operand->rank, operand->shape, 1),
           *expected = TupleOf(x->rank, x->shape, 1);
  PyErr_Format(PyExc_ValueError, "%s: shape %R: must be %R, as %s", operand->name, found, expected,
               x->name);
  Py_XDECREF(found);
  Py_XDECREF(expected);
  return -1;
}

static int CheckType(const Operand* operand, const Operand* x) {
  if (operand->dtype == x->dtype) return 0;
  PyErr_Format(PyExc_TypeError, "%s: elements of %s: must be %s, as %s", operand->name,
               TypeName(operand->dtype), TypeName(x->dtype), x->name);
  return -1;
}

/* The result may have another type, but float64 goes with itself only. */
static int CheckOutType(const Operand* out, const Operand* x) {
  if (IsFloating(out->dtype) && (out->dtype == JITATTN_F64) == (x->dtype == JITATTN_F64)) return 0;
  PyErr_Format(PyExc_TypeError, "out: elements of %s: must be %s for %s of %s",
               TypeName(out->dtype),
               x->dtype == JITATTN_F64 ? "float64" : "float32, bfloat16 or float16", x->name,
               TypeName(x->dtype));
  return -1;
}

static int TakeOperands(PyObject* x_value, PyObject* up_value, PyObject* out_value,
                        const Signature* signature, ActivationCall* call) {
  Operand* x = &call->operands[kX];
  call->count = up_value == NULL ? 2 : 3;
  if (TakeOperand(signature->names[0], x_value, x) < 0 || CheckX(x) < 0) return -1;
  if (up_value != NULL) {
    Operand* up = &call->operands[kUp];
    if (TakeOperand(signature->names[1], up_value, up) < 0 || CheckType(up, x) < 0 ||
        CheckShape(up, x) < 0) {
      return -1;
    }
  }
  Operand* out = &call->operands[kOut];
  if (out_value != NULL) {
    return TakeOutput("out", out_value, out) < 0 || CheckOutType(out, x) < 0 ||
                   CheckShape(out, x) < 0
               ? -1
               : 0;
  }
  int order[kMaxRank];
  OrderOfAxes(x, x->rank, order);
  PyObject* made = NewArray(x, x->dtype, x->rank, x->shape, order);
  if (made == NULL) return -1;
  const int taken = TakeOutput("out", made, out);
  Py_DECREF(made);
  return taken;
}

/* Adds an axis behind the others, or joins it with the last one. */
static void AddAxis(ActivationCall* call, int64_t size, const int64_t* strides) {
  int joins = call->rank > 0;
  for (int i = 0; i < call->count && joins; ++i) {
    joins = call->strides[i][call->rank - 1] == strides[i] * size;
  }
  if (!joins) {
    call->sizes[call->rank++] = size;
  } else {
    call->sizes[call->rank - 1] *= size;
  }
  for (int i = 0; i < call->count; ++i) call->strides[i][call->rank - 1] = strides[i];
}

static int JoinAxes(ActivationCall* call) {
  const Operand* out = &call->operands[kOut];
  int order[kMaxRank];
  OrderOfAxes(out, out->rank, order);
  call->rank = 0;
  for (int i = 0; i < out->rank; ++i) {
    if (out->shape[order[i]] == 1) continue;
    int64_t strides[kMostOperands];
    for (int k = 0; k < call->count; ++k) strides[k] = call->operands[k].strides[order[i]];
    AddAxis(call, out->shape[order[i]], strides);
  }
  if (call->rank == 0) {
    static const int64_t kOnes[kMostOperands] = {1, 1, 1};
    AddAxis(call, 1, kOnes);
  }
  for (int k = 0; k < call->count; ++k) {
    const int64_t stride = call->strides[k][call->rank - 1];
    if (stride == 1) continue;
    PyErr_Format(PyExc_ValueError,
                 "%s: elements of a row are %lld elements apart: must be 1, along the axis of the "
                 "smallest stride of out. Make a contiguous copy, as by numpy.ascontiguousarray",
                 call->operands[k].name, (long long)stride);
    return -1;
  }
  return 0;
}

/* Runs on the matrix of the last two axes, for each index of the others. */
static jitattn_status RunMatrices(const ActivationCall* call,
                                  const jitattn_activation_problem* problem,
                                  jitattn_activation_args* args) {
  const int outer = call->rank - 2;
  int64_t index[kMaxRank] = {0};
  for (;;) {
    char* at[kMostOperands] = {NULL};
    for (int k = 0; k < call->count; ++k) {
      int64_t offset = 0;
      for (int i = 0; i < outer; ++i) offset += index[i] * call->strides[k][i];
      at[k] = (char*)call->operands[k].data + offset * call->operands[k].item_bytes;
    }
    args->x = at[kX];
    args->out = at[kOut];
    args->up = at[kUp];
    const jitattn_status status = jitattn_activation(problem, args);
    if (status != JITATTN_OK) return status;
    int axis = outer - 1;
    while (axis >= 0 && ++index[axis] == call->sizes[axis]) index[axis--] = 0;
    if (axis < 0) return JITATTN_OK;
  }
}

static jitattn_status RunActivation(const ActivationCall* call, int32_t function) {
  const int last = call->rank - 1;
  jitattn_activation_problem problem;
  jitattn_activation_problem_init(&problem, last > 0 ? call->sizes[last - 1] : 1,
                                  call->sizes[last]);
  problem.dtype = call->operands[kX].dtype;
  problem.out_dtype = call->operands[kOut].dtype;
  problem.function = function;
  problem.gate = call->count == 3 ? JITATTN_GATE_TWO : JITATTN_GATE_NONE;
  jitattn_activation_args args;
  jitattn_activation_args_init(&args, &problem);
  if (last > 0) {
    args.x_stride = call->strides[kX][last - 1];
    args.out_stride = call->strides[kOut][last - 1];
    if (call->count == 3) args.up_stride = call->strides[kUp][last - 1];
  }
  return RunMatrices(call, &problem, &args);
}

static PyObject* Activate(PyObject* x, PyObject* up, PyObject* out, const Signature* signature,
                          int32_t function) {
  ActivationCall call;
  for (int k = 0; k < kMostOperands; ++k) call.operands[k].name = NULL;
  PyObject* result = NULL;
  if (TakeOperands(x, up, out, signature, &call) == 0) {
    const int is_empty = ElementCount(&call.operands[kX]) == 0;
    if (is_empty || JoinAxes(&call) == 0) {
      PyThreadState* const state = PyEval_SaveThread();
      const jitattn_status status = is_empty ? JITATTN_OK : RunActivation(&call, function);
      PyEval_RestoreThread(state);
      if (status != JITATTN_OK) SetStatusError(status);
      if (status == JITATTN_OK) result = call.operands[kOut].object;
      Py_XINCREF(result);
    }
  }
  for (int k = 0; k < kMostOperands; ++k) ReleaseOperand(&call.operands[k]);
  return result;
}

/* JITATTN_GELU or JITATTN_GELU_TANH; -1 with an error set. */
static int32_t FormOfGelu(PyObject* approximate) {
  if (approximate == NULL) return JITATTN_GELU;
  if (PyUnicode_Check(approximate)) {
    if (PyUnicode_CompareWithASCIIString(approximate, "none") == 0) return JITATTN_GELU;
    if (PyUnicode_CompareWithASCIIString(approximate, "tanh") == 0) return JITATTN_GELU_TANH;
  }
  PyErr_Format(PyExc_ValueError, "approximate: %R: must be 'none' or 'tanh'", approximate);
  return -1;
}

static PyObject* ActivateOne(PyObject* const* args, Py_ssize_t count, PyObject* names,
                             int32_t function) {
  PyObject* values[2];
  if (TakeArguments(&one, args, count, names, values) < 0) return NULL;
  return Activate(values[0], NULL, values[1], &one, function);
}

PyObject* Silu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  return ActivateOne(args, count, names, JITATTN_SILU);
}

PyObject* QuickGelu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  return ActivateOne(args, count, names, JITATTN_QUICK_GELU);
}

PyObject* Relu2(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  return ActivateOne(args, count, names, JITATTN_RELU2);
}

PyObject* HardSwish(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  return ActivateOne(args, count, names, JITATTN_HARD_SWISH);
}

PyObject* Gelu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  PyObject* values[3];
  if (TakeArguments(&one_gelu, args, count, names, values) < 0) return NULL;
  const int32_t function = FormOfGelu(values[2]);
  return function < 0 ? NULL : Activate(values[0], NULL, values[1], &one_gelu, function);
}

PyObject* SwiGlu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  PyObject* values[3];
  if (TakeArguments(&two, args, count, names, values) < 0) return NULL;
  return Activate(values[0], values[1], values[2], &two, JITATTN_SILU);
}

PyObject* GeGlu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  (void)module;
  PyObject* values[4];
  if (TakeArguments(&two_gelu, args, count, names, values) < 0) return NULL;
  const int32_t function = FormOfGelu(values[3]);
  return function < 0 ? NULL : Activate(values[0], values[1], values[2], &two_gelu, function);
}
