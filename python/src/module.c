/* The module jitattn._core. */

#include "activation.h"
#include "attention.h"
#include "operand.h"

#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL | METH_KEYWORDS

/* The first line is the signature, as inspect reads it. */
#define SIGNATURE(text, description) text "\n--\n\n" description

static PyMethodDef methods[] = {
    {"attention", FAST(Attention),
     SIGNATURE("attention(q, k, v, *, bias=None, mask=None, causal=False, window=None, "
               "softcap=None, sinks=None, alibi=None, scale=None, lens=None, out=None, "
               "return_lse=False, layout='BHSD', threads=None)",
               "softmax(scale * q @ k.T) @ v for each head, under a mask.\n\n"
               "q [batch, heads, queries, head size], k [batch, kv heads, keys, head size],\n"
               "v [batch, kv heads, keys, value size], without copies. Returns [batch, heads,\n"
               "queries, value size], of the library of q; with return_lse also the log-sum-exp\n"
               "[batch, heads, queries]. docs/python.md has every argument.")},
    {"silu", FAST(Silu), SIGNATURE("silu(x, *, out=None)", "x * sigmoid(x)")},
    {"quick_gelu", FAST(QuickGelu),
     SIGNATURE("quick_gelu(x, *, out=None)", "x * sigmoid(1.702 * x)")},
    {"gelu", FAST(Gelu),
     SIGNATURE("gelu(x, *, out=None, approximate='none')",
               "x * (1 + erf(x / sqrt(2))) / 2\n\napproximate='tanh': "
               "x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2")},
    {"relu2", FAST(Relu2), SIGNATURE("relu2(x, *, out=None)", "max(x, 0)**2")},
    {"hardswish", FAST(HardSwish),
     SIGNATURE("hardswish(x, *, out=None)", "x * min(max(x + 3, 0), 6) / 6")},
    {"swiglu", FAST(SwiGlu), SIGNATURE("swiglu(a, b, *, out=None)", "silu(a) * b")},
    {"geglu", FAST(GeGlu),
     SIGNATURE("geglu(a, b, *, out=None, approximate='none')", "gelu(a, approximate) * b")},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "jitattn._core", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void) {
  PyObject* module = PyModule_Create(&definition);
  if (module == NULL) return NULL;
  if (InitKeywords() < 0 || InitOperands() < 0 || InitAttention() < 0 || InitActivations() < 0 ||
      AddAttentionPlan(module) < 0 ||
      PyModule_AddStringConstant(module, "__version__", jitattn_version()) < 0) {
    Py_DECREF(module);
    return NULL;
  }
  return module;
}
