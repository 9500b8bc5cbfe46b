/* Arguments by position and name. */
#ifndef JITATTN_PYTHON_KEYWORDS_H_
#define JITATTN_PYTHON_KEYWORDS_H_

#include <Python.h>
#include <stdint.h>

#include "jitattn/jitattn.h"

enum { kMostKeywords = 24 };

/* A function's arguments: the first `positional` may be given by position, and must be given. */
typedef struct {
  const char* function;
  int count, positional;
  const char* names[kMostKeywords];
  PyObject* interned[kMostKeywords];
} Signature;

int InitKeywords(void);
int InitSignature(Signature* signature);

/* Stores the arguments, borrowed, in the order of the names; those that are not given, or None,
 * become NULL. TypeError: too many, unknown, twice, or missing. */
int TakeArguments(const Signature* signature, PyObject* const* args, Py_ssize_t count,
                  PyObject* names, PyObject** values);
/* The same for a tuple and a dictionary, which may be NULL. */
int TakeTupleAndDict(const Signature* signature, PyObject* tuple, PyObject* dict,
                     PyObject** values);

/* Numbers. TypeError or ValueError names the argument. */
int TakeInteger(const char* name, PyObject* value, int64_t least, int64_t* result);
int TakeNumber(const char* name, PyObject* value, double* result);
/* True, False, or a bool of NumPy; -1, without an error, for anything else. */
int TruthOf(PyObject* value);
int TakeBool(const char* name, PyObject* value, int* result);

/* Sets the Python error for a status of the library. */
void SetStatusError(jitattn_status status);

#endif /* JITATTN_PYTHON_KEYWORDS_H_ */
