/* Arguments by position and name. */

#include "keywords.h"

#include <math.h>

static PyObject* numpy_bool;

int InitKeywords(void) {
  PyObject* numpy = PyImport_ImportModule("numpy");
  if (numpy == NULL) return -1;
  numpy_bool = PyObject_GetAttrString(numpy, "bool_");
  Py_DECREF(numpy);
  return numpy_bool == NULL ? -1 : 0;
}

int InitSignature(Signature* signature) {
  for (int i = 0; i < signature->count; ++i) {
    signature->interned[i] = PyUnicode_InternFromString(signature->names[i]);
    if (signature->interned[i] == NULL) return -1;
  }
  return 0;
}

static int IndexOf(const Signature* signature, PyObject* name) {
  for (int i = 0; i < signature->count; ++i) {
    if (name == signature->interned[i]) return i;
  }
  for (int i = 0; i < signature->count; ++i) {
    if (PyUnicode_CompareWithASCIIString(name, signature->names[i]) == 0) return i;
  }
  return -1;
}

static int TakePositional(const Signature* signature, PyObject* const* args, Py_ssize_t count,
                          PyObject** values) {
  if (count > signature->positional) {
    PyErr_Format(PyExc_TypeError, "%s: %zd arguments by position: must be %d at most",
                 signature->function, count, signature->positional);
    return -1;
  }
  for (int i = 0; i < signature->count; ++i) values[i] = i < count ? args[i] : NULL;
  return 0;
}

static int TakeNamed(const Signature* signature, PyObject* name, PyObject* value,
                     PyObject** values) {
  const int index = IndexOf(signature, name);
  if (index >= 0 && values[index] == NULL) {
    values[index] = value;
    return 0;
  }
  PyErr_Format(PyExc_TypeError,
               index < 0 ? "%s: there is no argument '%U'" : "%s: argument '%U' is given twice",
               signature->function, name);
  return -1;
}

/* None is as good as nothing, except for what must be given. */
static int CheckGiven(const Signature* signature, PyObject** values) {
  for (int i = 0; i < signature->count; ++i) {
    if (i >= signature->positional && values[i] == Py_None) values[i] = NULL;
    if (i >= signature->positional || values[i] != NULL) continue;
    PyErr_Format(PyExc_TypeError, "%s: argument '%s' is missing", signature->function,
                 signature->names[i]);
    return -1;
  }
  return 0;
}

int TakeArguments(const Signature* signature, PyObject* const* args, Py_ssize_t count,
                  PyObject* names, PyObject** values) {
  if (TakePositional(signature, args, count, values) < 0) return -1;
  const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
  for (Py_ssize_t i = 0; i < named; ++i) {
    if (TakeNamed(signature, PyTuple_GetItem(names, i), args[count + i], values) < 0) return -1;
  }
  return CheckGiven(signature, values);
}

int TakeTupleAndDict(const Signature* signature, PyObject* tuple, PyObject* dict,
                     PyObject** values) {
  PyObject* args[kMostKeywords];
  const Py_ssize_t count = PyTuple_Size(tuple);
  for (Py_ssize_t i = 0; i < count && i < kMostKeywords; ++i) args[i] = PyTuple_GetItem(tuple, i);
  if (TakePositional(signature, args, count, values) < 0) return -1;
  PyObject *name, *value;
  Py_ssize_t position = 0;
  while (dict != NULL && PyDict_Next(dict, &position, &name, &value)) {
    if (TakeNamed(signature, name, value, values) < 0) return -1;
  }
  return CheckGiven(signature, values);
}

int TakeInteger(const char* name, PyObject* value, int64_t least, int64_t* result) {
  PyObject* integer = PyNumber_Index(value);
  if (integer == NULL) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "%s: %R: must be an integer", name, value);
    return -1;
  }
  *result = PyLong_AsLongLong(integer);
  Py_DECREF(integer);
  if (PyErr_Occurred() || *result < least) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "%s: %R: must be in %lld to 2**63 - 1", name, value,
                 (long long)least);
    return -1;
  }
  return 0;
}

int TakeNumber(const char* name, PyObject* value, double* result) {
  *result = PyFloat_AsDouble(value);
  if (*result == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "%s: %R: must be a number", name, value);
    return -1;
  }
  if (isfinite(*result)) return 0;
  PyErr_Format(PyExc_ValueError, "%s: %R: must be finite", name, value);
  return -1;
}

int TruthOf(PyObject* value) {
  if (PyBool_Check(value)) return value == Py_True;
  return (PyObject*)Py_TYPE(value) == numpy_bool ? PyObject_IsTrue(value) : -1;
}

int TakeBool(const char* name, PyObject* value, int* result) {
  *result = TruthOf(value);
  if (*result >= 0) return 0;
  PyErr_Format(PyExc_TypeError, "%s: %R: must be True or False", name, value);
  return -1;
}

void SetStatusError(jitattn_status status) {
  PyObject* type = status == JITATTN_INVALID_ARGUMENT ? PyExc_ValueError
                   : status == JITATTN_OUT_OF_MEMORY  ? PyExc_MemoryError
                   : status == JITATTN_UNAVAILABLE    ? PyExc_OSError
                                                      : PyExc_RuntimeError;
  PyErr_SetString(type, jitattn_last_error());
}
