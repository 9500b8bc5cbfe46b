/* Short vectors of numbers: sinks, slopes, lengths. */

#include <stdlib.h>
#include <string.h>

#include "attention.h"

static void* Reserve(Numbers* numbers, int64_t count, size_t size) {
  if ((size_t)count * size <= sizeof numbers->few) return numbers->few;
  numbers->allocated = malloc((size_t)count * size);
  if (numbers->allocated == NULL) PyErr_NoMemory();
  return numbers->allocated;
}

void ReleaseNumbers(Numbers* numbers) {
  ReleaseOperand(&numbers->operand);
  free(numbers->allocated);
  numbers->allocated = NULL;
}

static int CheckCount(const char* name, int64_t found, int64_t count, const char* of) {
  if (found == count) return 0;
  PyErr_Format(PyExc_ValueError, "%s: has %lld numbers: must have %lld, one for each %s", name,
               (long long)found, (long long)count, of);
  return -1;
}

/* The 16-bit types are the upper halves of a float, or half as wide numbers. */
static float FloatOfBits(uint16_t bits, int32_t dtype) {
  uint32_t wide = (uint32_t)bits << 16;
  float result;
  if (dtype == JITATTN_BF16) {
    memcpy(&result, &wide, sizeof result);
    return result;
  }
  /* The exponent is 112 smaller: shifted to its place, the number is 2^112 times too small. */
  const uint32_t is_special = (bits & 0x7c00) == 0x7c00;
  wide = (uint32_t)(bits & 0x7fff) << 13;
  memcpy(&result, &wide, sizeof result);
  result *= 0x1p112f;
  memcpy(&wide, &result, sizeof wide);
  if (is_special) wide |= 0x7f800000;
  wide |= (uint32_t)(bits & 0x8000) << 16;
  memcpy(&result, &wide, sizeof result);
  return result;
}

static float FloatAt(const Operand* operand, int64_t index) {
  const char* at = (const char*)operand->data + index * operand->strides[0] * operand->item_bytes;
  if (operand->dtype == JITATTN_F64) return (float)*(const double*)at;
  if (operand->dtype == JITATTN_F32) return *(const float*)at;
  return FloatOfBits(*(const uint16_t*)at, operand->dtype);
}

/* A list or tuple. */
static int TakeListOfFloats(const char* name, PyObject* list, int64_t count, Numbers* numbers) {
  if (CheckCount(name, PySequence_Size(list), count, "head of q") < 0) return -1;
  float* floats = Reserve(numbers, count, sizeof *floats);
  if (floats == NULL) return -1;
  for (int64_t i = 0; i < count; ++i) {
    PyObject* item = PySequence_GetItem(list, i);
    if (item == NULL) return -1;
    const double number = PyFloat_AsDouble(item);
    Py_DECREF(item);
    if (number == -1 && PyErr_Occurred()) return -1;
    floats[i] = (float)number;
  }
  numbers->data = floats;
  return 0;
}

int TakeFloats(const char* name, PyObject* object, int64_t count, Numbers* numbers) {
  if (PyList_Check(object) || PyTuple_Check(object)) {
    return TakeListOfFloats(name, object, count, numbers);
  }
  Operand* operand = &numbers->operand;
  if (TakeOperand(name, object, operand) < 0) return -1;
  if (!IsFloating(operand->dtype)) {
    PyErr_Format(PyExc_TypeError,
                 "%s: %s: must be float32, or another floating type, which is "
                 "converted",
                 name, TypeName(operand->dtype));
    return -1;
  }
  if (operand->rank != 1) {
    PyErr_Format(PyExc_ValueError, "%s: %d dimensions: must be 1", name, operand->rank);
    return -1;
  }
  if (CheckCount(name, operand->shape[0], count, "head of q") < 0) return -1;
  if (operand->dtype == JITATTN_F32 && (count <= 1 || operand->strides[0] == 1)) {
    numbers->data = operand->data;
    return 0;
  }
  float* floats = Reserve(numbers, count, sizeof *floats);
  if (floats == NULL) return -1;
  for (int64_t i = 0; i < count; ++i) floats[i] = FloatAt(operand, i);
  numbers->data = floats;
  return 0;
}

int ReserveIntegers(Numbers* numbers, int64_t count, int64_t value) {
  int64_t* integers = Reserve(numbers, count, sizeof *integers);
  if (integers == NULL) return -1;
  for (int64_t i = 0; i < count; ++i) integers[i] = value;
  numbers->data = integers;
  return 0;
}

int TakeIntegers(const char* name, PyObject* object, int64_t count, Numbers* numbers) {
  PyObject* list = PySequence_List(object);
  if (list == NULL) {
    PyErr_Clear();
    PyErr_Format(PyExc_TypeError, "%s: must be a sequence or an array of integers", name);
    return -1;
  }
  int64_t* integers = NULL;
  if (CheckCount(name, PyList_Size(list), count, "sequence of q") == 0) {
    integers = Reserve(numbers, count, sizeof *integers);
  }
  int taken = integers == NULL ? -1 : 0;
  for (int64_t i = 0; i < count && taken == 0; ++i) {
    taken = TakeInteger(name, PyList_GetItem(list, i), 0, &integers[i]);
  }
  Py_DECREF(list);
  numbers->data = integers;
  return taken;
}
