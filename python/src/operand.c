/* Takes the arrays of the caller: buffers and the array interface. */

#include "operand.h"

#include <string.h>

/* NumPy's array interface, the struct behind __array_struct__. */
typedef struct {
  int two, nd;
  char typekind;
  int itemsize, flags;
  Py_ssize_t* shape;
  Py_ssize_t* strides; /* in bytes */
  void* data;
  PyObject* descr;
} ArrayInterface;
enum { kNativeOrder = 0x200, kWriteable = 0x400 };

static PyObject* array_struct_name;
static PyObject* array_interface_name;
static PyObject* dtype_name;

int InitTensors(void);
int InitNewArrays(void);

int InitOperands(void) {
  array_struct_name = PyUnicode_InternFromString("__array_struct__");
  array_interface_name = PyUnicode_InternFromString("__array_interface__");
  dtype_name = PyUnicode_InternFromString("dtype");
  if (array_struct_name == NULL || array_interface_name == NULL || dtype_name == NULL) return -1;
  return InitTensors() < 0 || InitNewArrays() < 0 ? -1 : 0;
}

const char* TypeName(int32_t dtype) {
  switch (dtype) {
    case JITATTN_F32:
      return "float32";
    case JITATTN_F64:
      return "float64";
    case JITATTN_BF16:
      return "bfloat16";
    case JITATTN_F16:
      return "float16";
    case kBool:
      return "bool";
    case kInt32:
      return "int32";
    case kInt64:
      return "int64";
    default:
      return "another type";
  }
}

int IsFloating(int32_t dtype) { return dtype >= JITATTN_F32 && dtype <= JITATTN_F16; }

int64_t BytesOf(int32_t dtype) {
  switch (dtype) {
    case JITATTN_F64:
    case kInt64:
      return 8;
    case JITATTN_F32:
    case kInt32:
      return 4;
    case kBool:
      return 1;
    default:
      return 2;
  }
}

int64_t ElementCount(const Operand* operand) {
  int64_t count = 1;
  for (int i = 0; i < operand->rank; ++i) count *= operand->shape[i];
  return count;
}

int CheckInnerStride(const Operand* operand) {
  if (operand->rank == 0) return 0;
  const int last = operand->rank - 1;
  if (operand->shape[last] <= 1 || operand->strides[last] == 1) return 0;
  PyErr_Format(PyExc_ValueError,
               "%s: elements of a row are %lld elements apart: must be 1. Make a contiguous copy, "
               "as by numpy.ascontiguousarray",
               operand->name, (long long)operand->strides[last]);
  return -1;
}

/* Copies sizes and strides, the latter from bytes to elements; without strides the array is
 * contiguous. */
static int TakeShape(Operand* operand, int rank, const Py_ssize_t* shape,
                     const Py_ssize_t* strides) {
  if (rank > kMaxRank) {
    PyErr_Format(PyExc_ValueError, "%s: %d dimensions: must be %d at most", operand->name, rank,
                 kMaxRank);
    return -1;
  }
  operand->rank = rank;
  int64_t dense = operand->item_bytes;
  for (int i = rank - 1; i >= 0; --i) {
    const int64_t bytes = strides == NULL ? dense : strides[i];
    if (bytes % operand->item_bytes != 0 && shape[i] > 1) {
      PyErr_Format(PyExc_ValueError,
                   "%s: dimension %d has a stride of %lld bytes: must be a multiple of the "
                   "elements' %lld",
                   operand->name, i, (long long)bytes, (long long)operand->item_bytes);
      return -1;
    }
    operand->shape[i] = shape[i];
    operand->strides[i] = bytes / operand->item_bytes;
    dense *= shape[i];
  }
  return 0;
}

/* A type by struct's letters. */
static int32_t TypeOfFormat(const char* format) {
  if (format == NULL) return kOtherType;
  if (*format == '@' || *format == '=' || *format == '<') ++format;
  if (format[0] == '\0' || format[1] != '\0') return kOtherType;
  switch (*format) {
    case 'f':
      return JITATTN_F32;
    case 'd':
      return JITATTN_F64;
    case 'e':
      return JITATTN_F16;
    case 'H':
      return JITATTN_BF16; /* the bits, since NumPy has no such type */
    case '?':
      return kBool;
    case 'i':
      return kInt32;
    case 'l':
    case 'q':
      return kInt64;
    default:
      return kOtherType;
  }
}

/* Returns 1 without an error if the object has no buffer, or none that it can describe. */
static int TakeBuffer(PyObject* object, Operand* operand) {
  if (!PyObject_CheckBuffer(object)) return 1;
  if (PyObject_GetBuffer(object, &operand->buffer, PyBUF_STRIDES | PyBUF_FORMAT) < 0) {
    if (!PyErr_ExceptionMatches(PyExc_BufferError) && !PyErr_ExceptionMatches(PyExc_ValueError)) {
      return -1;
    }
    PyErr_Clear(); /* as for types that struct has no letter for: bfloat16 */
    return 1;
  }
  operand->has_buffer = 1;
  operand->dtype = TypeOfFormat(operand->buffer.format);
  operand->item_bytes = operand->buffer.itemsize > 0 ? operand->buffer.itemsize : 1;
  operand->data = operand->buffer.buf;
  operand->is_read_only = operand->buffer.readonly;
  return TakeShape(operand, operand->buffer.ndim, operand->buffer.shape, operand->buffer.strides);
}

/* NumPy has no bfloat16; the type of the package ml_dtypes is one of two opaque bytes there. Its
 * name is looked up once. */
static int IsBfloat16(PyObject* array) {
  static PyObject* known;
  PyObject* dtype = PyObject_GetAttr(array, dtype_name);
  PyObject* name = NULL;
  int result = dtype != NULL && dtype == known;
  if (dtype != NULL && !result) name = PyObject_GetAttrString(dtype, "name");
  if (name != NULL && PyUnicode_Check(name) &&
      PyUnicode_CompareWithASCIIString(name, "bfloat16") == 0) {
    PyObject* const old = known;
    Py_INCREF(dtype);
    known = dtype;
    Py_XDECREF(old);
    result = 1;
  }
  Py_XDECREF(name);
  Py_XDECREF(dtype);
  PyErr_Clear();
  return result;
}

static int32_t TypeOfKind(const ArrayInterface* array, PyObject* object) {
  if (array->itemsize != 1 && (array->flags & kNativeOrder) == 0) return kOtherType;
  switch (array->typekind) {
    case 'f':
      return array->itemsize == 4   ? JITATTN_F32
             : array->itemsize == 8 ? JITATTN_F64
             : array->itemsize == 2 ? JITATTN_F16
                                    : kOtherType;
    case 'u':
      return array->itemsize == 2 ? JITATTN_BF16 : kOtherType;
    case 'V':
      return array->itemsize == 2 && IsBfloat16(object) ? JITATTN_BF16 : kOtherType;
    case 'b':
      return array->itemsize == 1 ? kBool : kOtherType;
    case 'i':
      return array->itemsize == 8 ? kInt64 : array->itemsize == 4 ? kInt32 : kOtherType;
    default:
      return kOtherType;
  }
}

/* Returns 1 without an error if the object has no array interface. */
static int TakeArrayStruct(PyObject* object, Operand* operand) {
  operand->keeper = PyObject_GetAttr(object, array_struct_name);
  if (operand->keeper == NULL) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
    PyErr_Clear();
    return 1;
  }
  const ArrayInterface* array = PyCapsule_GetPointer(operand->keeper, NULL);
  if (array == NULL || array->two != 2) {
    PyErr_Format(PyExc_TypeError, "%s: its __array_struct__ is not NumPy's array interface",
                 operand->name);
    return -1;
  }
  operand->dtype = TypeOfKind(array, object);
  operand->item_bytes = array->itemsize > 0 ? array->itemsize : 1;
  operand->data = array->data;
  operand->is_read_only = (array->flags & kWriteable) == 0;
  return TakeShape(operand, array->nd, array->shape, array->strides);
}

/* Objects with a dictionary for an array interface: NumPy makes an array of the same memory.
 * Returns 1 without an error for other objects. */
static int TakeArrayInterface(PyObject* object, Operand* operand) {
  if (!PyObject_HasAttr(object, array_interface_name)) return 1;
  PyObject* array = CallFallback("view", "(O)", object);
  if (array == NULL) return -1;
  Py_DECREF(operand->object);
  operand->object = array;
  const int taken = TakeBuffer(array, operand);
  return taken == 1 ? TakeArrayStruct(array, operand) : taken;
}

static int TakeAny(PyObject* object, Operand* operand) {
  int taken = TakeBuffer(object, operand);
  /* Arrays of NumPy whose elements no buffer describes have no tensor of DLPack, either. */
  if (taken == 1 && !PyObject_CheckBuffer(object)) taken = TakeTensor(object, operand);
  if (taken == 1) taken = TakeArrayStruct(object, operand);
  if (taken == 1) taken = TakeArrayInterface(object, operand);
  if (taken == 1) {
    PyObject* type = PyType_GetName(Py_TYPE(object));
    if (type == NULL) return -1;
    PyErr_Format(PyExc_TypeError,
                 "%s: a %U is no array: must be an array of NumPy, or have a buffer, "
                 "__array_interface__ or __dlpack__",
                 operand->name, type);
    Py_DECREF(type);
    return -1;
  }
  return taken;
}

int TakeOperand(const char* name, PyObject* object, Operand* operand) {
  static double nothing[8]; /* in place of a null pointer to no elements */
  memset(operand, 0, offsetof(Operand, shape));
  operand->keeper = NULL;
  operand->has_buffer = 0;
  operand->api = NULL;
  operand->name = name;
  operand->object = object;
  Py_INCREF(object);
  if (TakeAny(object, operand) < 0) {
    ReleaseOperand(operand);
    return -1;
  }
  if (operand->data == NULL) operand->data = nothing;
  return 0;
}

int TakeOutput(const char* name, PyObject* object, Operand* operand) {
  if (TakeOperand(name, object, operand) < 0) return -1;
  if (!operand->is_read_only) return 0;
  PyErr_Format(PyExc_ValueError, "%s: is read-only: must be writable", name);
  ReleaseOperand(operand);
  return -1;
}

void ReleaseOperand(Operand* operand) {
  if (operand->name == NULL) return;
  if (operand->has_buffer) PyBuffer_Release(&operand->buffer);
  operand->has_buffer = 0;
  Py_CLEAR(operand->keeper);
  Py_CLEAR(operand->object);
  operand->name = NULL;
}
