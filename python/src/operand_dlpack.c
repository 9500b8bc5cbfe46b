/* Takes tensors by DLPack: by the table of C functions of their type, else by __dlpack__. */

#include <string.h>

#include "operand.h"

static PyObject* table_name;
static PyObject* dlpack_name;
static PyObject* requires_grad_name;
static PyObject* max_version; /* the keywords of __dlpack__ */
static PyObject* no_arguments;

/* The type whose table was looked up last. */
static PyObject* last_type;
static const DLPackExchangeApi* last_table;

int InitTensors(void) {
  table_name = PyUnicode_InternFromString("__dlpack_c_exchange_api__");
  dlpack_name = PyUnicode_InternFromString("__dlpack__");
  requires_grad_name = PyUnicode_InternFromString("requires_grad");
  max_version = Py_BuildValue("{s:(ii)}", "max_version", 1, 3);
  no_arguments = PyTuple_New(0);
  return table_name == NULL || dlpack_name == NULL || requires_grad_name == NULL ||
                 max_version == NULL || no_arguments == NULL
             ? -1
             : 0;
}

static int32_t TypeOfDl(DLDataType type) {
  if (type.lanes != 1) return kOtherType;
  switch (type.code) {
    case kDLFloat:
      return type.bits == 32   ? JITATTN_F32
             : type.bits == 64 ? JITATTN_F64
             : type.bits == 16 ? JITATTN_F16
                               : kOtherType;
    case kDLBfloat:
      return type.bits == 16 ? JITATTN_BF16 : kOtherType;
    case kDLUInt:
      return type.bits == 16 ? JITATTN_BF16 : kOtherType; /* its bits, as in NumPy */
    case kDLInt:
      return type.bits == 64 ? kInt64 : type.bits == 32 ? kInt32 : kOtherType;
    case kDLBool:
      return type.bits == 8 ? kBool : kOtherType;
    default:
      return kOtherType;
  }
}

int TakeDlTensor(const DLTensor* tensor, Operand* operand) {
  if (tensor->device.device_type != kDLCPU) {
    PyErr_Format(PyExc_ValueError, "%s: is on a device of DLPack's type %d: must be on the CPU, 1",
                 operand->name, (int)tensor->device.device_type);
    return -1;
  }
  if (tensor->ndim > kMaxRank) {
    PyErr_Format(PyExc_ValueError, "%s: %d dimensions: must be %d at most", operand->name,
                 (int)tensor->ndim, kMaxRank);
    return -1;
  }
  operand->dtype = TypeOfDl(tensor->dtype);
  operand->item_bytes = (tensor->dtype.bits * tensor->dtype.lanes + 7) / 8;
  operand->data = tensor->data == NULL ? NULL : (char*)tensor->data + tensor->byte_offset;
  operand->rank = tensor->ndim;
  int64_t dense = 1;
  for (int i = tensor->ndim - 1; i >= 0; --i) {
    operand->shape[i] = tensor->shape[i];
    operand->strides[i] = tensor->strides == NULL ? dense : tensor->strides[i];
    dense *= tensor->shape[i];
  }
  return 0;
}

/* The table of a type, of a version that this file knows; NULL, without an error, if it has none.
 */
static const DLPackExchangeApi* TableOf(PyObject* type) {
  if (type == last_type) return last_table;
  const DLPackExchangeApi* table = NULL;
  PyObject* capsule = PyObject_GetAttr(type, table_name);
  if (capsule != NULL && PyCapsule_IsValid(capsule, "dlpack_exchange_api")) {
    table = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
    while (table != NULL && table->version.major != 1) table = table->previous;
  }
  Py_XDECREF(capsule);
  PyErr_Clear();
  if (table != NULL && table->view_of_object == NULL) table = NULL;
  if (table == NULL) return NULL;
  Py_XDECREF(last_type);
  Py_INCREF(type);
  last_type = type;
  last_table = table;
  return table;
}

/* A gradient would be lost in silence. */
static int CheckNoGradient(PyObject* object, const Operand* operand) {
  PyObject* requires_grad = PyObject_GetAttr(object, requires_grad_name);
  if (requires_grad == NULL) {
    PyErr_Clear();
    return 0;
  }
  const int is_true = PyObject_IsTrue(requires_grad);
  Py_DECREF(requires_grad);
  if (is_true <= 0) return is_true;
  PyErr_Format(PyExc_ValueError,
               "%s: requires a gradient, and none is computed here: pass %s.detach()",
               operand->name, operand->name);
  return -1;
}

/* Names the argument; what the other library has raised becomes the cause. */
static void NameInError(const Operand* operand) {
  PyObject *type, *cause, *traceback, *error;
  PyErr_Fetch(&type, &cause, &traceback);
  PyErr_NormalizeException(&type, &cause, &traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  PyErr_Format(PyExc_ValueError, "%s: its library describes no memory on the CPU", operand->name);
  PyErr_Fetch(&type, &error, &traceback);
  PyErr_NormalizeException(&type, &error, &traceback);
  if (error != NULL) {
    PyException_SetCause(error, cause); /* takes the reference */
  } else {
    Py_XDECREF(cause);
  }
  PyErr_Restore(type, error, traceback);
}

static int TakeByTable(PyObject* object, Operand* operand) {
  if (CheckNoGradient(object, operand) < 0) return -1;
  DLTensor tensor;
  memset(&tensor, 0, sizeof tensor);
  if (operand->api->view_of_object(object, &tensor) != 0) {
    NameInError(operand);
    return -1;
  }
  operand->host = kTensor;
  return TakeDlTensor(&tensor, operand);
}

/* Calls __dlpack__. The keyword max_version is of DLPack 1.0. */
static PyObject* CapsuleOf(PyObject* method) {
  PyObject* capsule = PyObject_Call(method, no_arguments, max_version);
  if (capsule != NULL || !PyErr_ExceptionMatches(PyExc_TypeError)) return capsule;
  PyErr_Clear();
  return PyObject_Call(method, no_arguments, NULL);
}

int TakeTensor(PyObject* object, Operand* operand) {
  operand->api = TableOf((PyObject*)Py_TYPE(object));
  if (operand->api != NULL) return TakeByTable(object, operand);
  PyObject* method = PyObject_GetAttr(object, dlpack_name);
  if (method == NULL) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return -1;
    PyErr_Clear();
    return 1;
  }
  /* The capsule is not consumed: its destructor gives the memory back. */
  operand->keeper = CapsuleOf(method);
  Py_DECREF(method);
  if (operand->keeper == NULL) {
    NameInError(operand);
    return -1;
  }
  operand->host = kExchanged;
  if (PyCapsule_IsValid(operand->keeper, "dltensor_versioned")) {
    const DLManagedTensorVersioned* tensor =
        PyCapsule_GetPointer(operand->keeper, "dltensor_versioned");
    operand->is_read_only = (tensor->flags & kDLReadOnly) != 0;
    if (tensor->version.major == 1) return TakeDlTensor(&tensor->dl_tensor, operand);
  } else if (PyCapsule_IsValid(operand->keeper, "dltensor")) {
    const DLManagedTensor* tensor = PyCapsule_GetPointer(operand->keeper, "dltensor");
    return TakeDlTensor(&tensor->dl_tensor, operand);
  }
  PyErr_Format(PyExc_TypeError, "%s: its __dlpack__ gives no tensor of DLPack 1", operand->name);
  return -1;
}
