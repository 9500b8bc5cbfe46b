/* The options of attention that a plan fixes. */

#include <math.h>
#include <string.h>

#include "attention.h"

/* True and False, or the offset of the diagonal. */
static int TakeCausal(PyObject* value, AttentionOptions* options) {
  if (value == NULL) return 0;
  const int truth = TruthOf(value);
  if (truth >= 0) {
    options->is_causal = truth;
    return 0;
  }
  if (TakeInteger("causal", value, INT64_MIN, &options->offset) < 0) {
    if (PyErr_ExceptionMatches(PyExc_TypeError)) {
      PyErr_Format(PyExc_TypeError,
                   "causal: %R: must be True, False, or an integer, the offset of the diagonal",
                   value);
    }
    return -1;
  }
  options->is_causal = options->has_offset = 1;
  return 0;
}

static int TakeWidth(PyObject* window, int index, const char* name, int64_t* width) {
  PyObject* value = PySequence_GetItem(window, index);
  if (value == NULL) return -1;
  *width = -1; /* no limit */
  int taken = 0;
  if (value != Py_None) {
    taken = TakeInteger(name, value, 0, width);
    if (taken < 0 && PyErr_ExceptionMatches(PyExc_ValueError)) {
      PyErr_Format(PyExc_ValueError, "%s: %R: must be 0 or more; None: no limit", name, value);
    }
  }
  Py_DECREF(value);
  return taken;
}

static int TakeWindow(PyObject* value, AttentionOptions* options) {
  if (value == NULL) return 0;
  if (!(PyTuple_Check(value) || PyList_Check(value)) || PySequence_Size(value) != 2) {
    PyErr_Format(
        PyExc_TypeError,
        "window: %R: must be a pair, the keys before and behind a query's own; None in it: "
        "no limit",
        value);
    return -1;
  }
  if (TakeWidth(value, 0, "window[0]", &options->left) < 0) return -1;
  if (TakeWidth(value, 1, "window[1]", &options->right) < 0) return -1;
  options->has_window = 1;
  if (options->is_causal) options->right = 0;
  return 0;
}

static int TakeSoftcap(PyObject* value, AttentionOptions* options) {
  if (value == NULL) return 0;
  if (TakeNumber("softcap", value, &options->softcap) < 0) return -1;
  if (options->softcap > 0) return 0;
  PyErr_Format(PyExc_ValueError, "softcap: %R: must be above 0; None: no cap", value);
  return -1;
}

static int TakeLayout(PyObject* value, AttentionOptions* options) {
  if (value == NULL) return 0;
  if (PyUnicode_Check(value)) {
    options->is_bshd = PyUnicode_CompareWithASCIIString(value, "BSHD") == 0;
    if (options->is_bshd || PyUnicode_CompareWithASCIIString(value, "BHSD") == 0) return 0;
  }
  PyErr_Format(PyExc_ValueError, "layout: %R: must be 'BHSD' or 'BSHD'", value);
  return -1;
}

int TakeAttentionOptions(PyObject* const* values, AttentionOptions* options) {
  memset(options, 0, sizeof *options);
  if (TakeCausal(values[kCausal], options) < 0 || TakeWindow(values[kWindow], options) < 0 ||
      TakeSoftcap(values[kSoftcap], options) < 0 || TakeLayout(values[kLayout], options) < 0) {
    return -1;
  }
  if (values[kScale] != NULL) {
    options->has_scale = 1;
    if (TakeNumber("scale", values[kScale], &options->scale) < 0) return -1;
  }
  if (values[kReturnLse] != NULL &&
      TakeBool("return_lse", values[kReturnLse], &options->return_lse) < 0) {
    return -1;
  }
  if (values[kThreads] == NULL) return 0;
  if (TakeInteger("threads", values[kThreads], 1, &options->threads) < 0) return -1;
  if (options->threads > INT32_MAX) options->threads = INT32_MAX;
  return 0;
}
