/* Activations. */
#ifndef JITATTN_PYTHON_ACTIVATION_H_
#define JITATTN_PYTHON_ACTIVATION_H_

#include <Python.h>

int InitActivations(void);

PyObject* Silu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* QuickGelu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* Gelu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* Relu2(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* HardSwish(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* SwiGlu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* GeGlu(PyObject* module, PyObject* const* args, Py_ssize_t count, PyObject* names);

#endif /* JITATTN_PYTHON_ACTIVATION_H_ */
