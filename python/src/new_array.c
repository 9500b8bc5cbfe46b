/* New arrays of the caller's library. */

#include <stdarg.h>
#include <stdlib.h>

#include "operand.h"

static PyObject* ndarray;    /* numpy.ndarray */
static PyObject* dtypes[4];  /* of NumPy, by JITATTN_F32 … */
static PyObject* dtype_name; /* the attribute */
static PyObject* zero;

int InitNewArrays(void) {
  static const char* const kNames[4] = {"float32", "float64", "uint16", "float16"};
  PyObject* numpy = PyImport_ImportModule("numpy");
  if (numpy == NULL) return -1;
  ndarray = PyObject_GetAttrString(numpy, "ndarray");
  int failed = ndarray == NULL;
  for (int i = 0; i < 4 && !failed; ++i) {
    dtypes[i] = PyObject_CallMethod(numpy, "dtype", "s", kNames[i]);
    failed = dtypes[i] == NULL;
  }
  Py_DECREF(numpy);
  dtype_name = PyUnicode_InternFromString("dtype");
  zero = PyLong_FromLong(0);
  return failed || dtype_name == NULL || zero == NULL ? -1 : 0;
}

PyObject* TupleOf(int count, const int64_t* values, int64_t factor) {
  PyObject* tuple = PyTuple_New(count);
  for (int i = 0; tuple != NULL && i < count; ++i) {
    PyObject* value = PyLong_FromLongLong(values[i] * factor);
    if (value == NULL || PyTuple_SetItem(tuple, i, value) < 0) Py_CLEAR(tuple);
  }
  return tuple;
}

PyObject* CallFallback(const char* function, const char* format, ...) {
  PyObject* module = PyImport_ImportModule("jitattn._fallback");
  if (module == NULL) return NULL;
  PyObject* callable = PyObject_GetAttrString(module, function);
  Py_DECREF(module);
  va_list values;
  va_start(values, format);
  PyObject* arguments = callable == NULL ? NULL : Py_VaBuildValue(format, values);
  va_end(values);
  PyObject* result = arguments == NULL ? NULL : PyObject_CallObject(callable, arguments);
  Py_XDECREF(arguments);
  Py_XDECREF(callable);
  return result;
}

/* True if the axes must change places. Sizes of 1 and strides of 0 say nothing about the order. */
static int AreReversed(const Operand* operand, int before, int behind) {
  const int64_t first = llabs(operand->strides[before]), second = llabs(operand->strides[behind]);
  return operand->shape[before] != 1 && operand->shape[behind] != 1 && first != 0 && second > first;
}

void OrderOfAxes(const Operand* operand, int movable, int* order) {
  for (int i = 0; i < operand->rank; ++i) {
    int at = i;
    while (i < movable && at > 0 && AreReversed(operand, order[at - 1], i)) {
      order[at] = order[at - 1];
      --at;
    }
    order[at] = i;
  }
}

/* Strides of contiguous memory in this order of the axes. Returns nonzero if it is the plain one.
 */
static int DenseStrides(int rank, const int64_t* shape, const int* order, int64_t* strides) {
  int64_t dense = 1;
  int is_plain = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[order[i]] = dense;
    dense *= shape[order[i]] > 0 ? shape[order[i]] : 1;
    is_plain &= order[i] == i;
  }
  return is_plain;
}

static PyObject* NewNumpyArray(const Operand* like, int32_t dtype, int rank, const int64_t* shape,
                               const int* order) {
  int64_t strides[kMaxRank];
  const int is_plain = DenseStrides(rank, shape, order, strides);
  /* The caller's own type where NumPy has none: bfloat16. */
  const int is_own = dtype == JITATTN_BF16 && !like->has_buffer;
  PyObject* type = is_own ? PyObject_GetAttr(like->object, dtype_name) : dtypes[dtype];
  if (type == NULL) return NULL;
  PyObject* sizes = TupleOf(rank, shape, 1);
  PyObject* result = NULL;
  if (sizes != NULL && is_plain) {
    result = PyObject_CallFunctionObjArgs(ndarray, sizes, type, NULL);
  } else if (sizes != NULL) {
    PyObject* bytes = TupleOf(rank, strides, BytesOf(dtype));
    if (bytes != NULL) {
      result = PyObject_CallFunctionObjArgs(ndarray, sizes, type, Py_None, zero, bytes, NULL);
      Py_DECREF(bytes);
    }
  }
  Py_XDECREF(sizes);
  if (is_own) Py_DECREF(type);
  return result;
}

static void SetError(void* context, const char* kind, const char* message) {
  (void)context;
  (void)kind;
  PyErr_Format(PyExc_MemoryError, "the library of the arrays: %s", message);
}

/* Allocates in the order of the axes; a view permutes them. */
static PyObject* NewTensor(const Operand* like, int32_t dtype, int rank, const int64_t* shape,
                           const int* order) {
  int64_t in_order[kMaxRank], axes[kMaxRank];
  int is_plain = 1;
  for (int i = 0; i < rank; ++i) {
    in_order[i] = shape[order[i]];
    axes[order[i]] = i;
    is_plain &= order[i] == i;
  }
  DLTensor prototype = {
      .device = {kDLCPU, 0},
      .ndim = rank,
      .dtype = {dtype == JITATTN_BF16 ? kDLBfloat : kDLFloat, (uint8_t)(8 * BytesOf(dtype)), 1},
      .shape = in_order};
  DLManagedTensorVersioned* tensor = NULL;
  if (like->api->allocate(&prototype, &tensor, NULL, SetError) != 0) {
    if (!PyErr_Occurred()) PyErr_NoMemory();
    return NULL;
  }
  void* result = NULL;
  if (like->api->object_from_managed(tensor, &result) != 0) return NULL;
  if (is_plain) return result;
  return CallFallback("permute", "(NN)", (PyObject*)result, TupleOf(rank, axes, 1));
}

PyObject* NewArray(const Operand* like, int32_t dtype, int rank, const int64_t* shape,
                   const int* order) {
  if (like->host == kArray) return NewNumpyArray(like, dtype, rank, shape, order);
  if (like->host == kTensor) return NewTensor(like, dtype, rank, shape, order);
  PyObject* sizes = TupleOf(rank, shape, 1);
  return sizes == NULL ? NULL : CallFallback("new", "(ONs)", like->object, sizes, TypeName(dtype));
}
