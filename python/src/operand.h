/* Arrays of the caller, of whatever library, and new arrays of the same library. */
#ifndef JITATTN_PYTHON_OPERAND_H_
#define JITATTN_PYTHON_OPERAND_H_

#include <Python.h>
#include <stdint.h>

#include "dlpack.h"
#include "jitattn/jitattn.h"

enum { kMaxRank = 16 };

/* Types beside those of the library, JITATTN_F32 … */
enum { kBool = 100, kInt32 = 101, kInt64 = 102, kOtherType = 103 };

/* The library that an array is of. */
typedef enum {
  kArray,    /* NumPy's, or any object with a buffer */
  kTensor,   /* has DLPack's table of C functions */
  kExchanged /* has __dlpack__ only */
} Host;

typedef struct {
  const char* name; /* of the argument, for messages; NULL: the operand is not given */
  PyObject* object; /* a reference */
  Host host;
  void* data;
  int rank, is_read_only;
  int32_t dtype;
  int64_t item_bytes;
  int64_t shape[kMaxRank], strides[kMaxRank]; /* strides in elements */
  const DLPackExchangeApi* api;               /* of a kTensor */
  PyObject* keeper; /* a capsule that the description above is from, or NULL */
  Py_buffer buffer; /* if has_buffer */
  int has_buffer;
} Operand;

/* Names and functions of Python that are looked up once. Returns -1 with an error set. */
int InitOperands(void);

/* Describes the memory of `object`, and holds it until ReleaseOperand. Nothing is copied.
 * TypeError: no array, or elements of no known type. ValueError: not on the CPU, rank above 16, or
 * strides that are no multiples of the elements. */
int TakeOperand(const char* name, PyObject* object, Operand* operand);
/* The same for memory that will be written. ValueError: it is read-only. */
int TakeOutput(const char* name, PyObject* object, Operand* operand);
void ReleaseOperand(Operand* operand);

/* The part of TakeOperand for DLPack. Returns 1 if the object is no tensor of DLPack, without an
 * error. */
int TakeTensor(PyObject* object, Operand* operand);
/* Copies a description of DLPack. Returns -1 with an error set. */
int TakeDlTensor(const DLTensor* tensor, Operand* operand);

/* ValueError unless the elements of a row are contiguous. */
int CheckInnerStride(const Operand* operand);
/* The product of the sizes. */
int64_t ElementCount(const Operand* operand);
/* "float32" and the like. */
const char* TypeName(int32_t dtype);
/* True for the four types that the library computes with. */
int IsFloating(int32_t dtype);
int64_t BytesOf(int32_t dtype);

/* Returns a new array of the library of `like`, with elements of `dtype`, which is that of `like`,
 * JITATTN_F32 or JITATTN_F64. `order` lists the axes from the one of the largest stride to that of
 * the smallest, in which the memory is contiguous. */
PyObject* NewArray(const Operand* like, int32_t dtype, int rank, const int64_t* shape,
                   const int* order);
/* The axes of an array from the largest stride to the smallest; those from `movable` on stay behind
 * the others. */
void OrderOfAxes(const Operand* operand, int movable, int* order);
/* Calls a function of jitattn._fallback. `format` is that of Py_BuildValue, for a tuple. */
PyObject* CallFallback(const char* function, const char* format, ...);
/* Builds a tuple of integers. */
PyObject* TupleOf(int count, const int64_t* values, int64_t factor);

#endif /* JITATTN_PYTHON_OPERAND_H_ */
