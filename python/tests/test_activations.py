"""Results of the activations against their formulas in float64."""

import math

import jitattn
import numpy as np
import pytest
from reference import TOLERANCES, random_arrays, to_float64


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf_gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def tanh_gelu(x):
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


FUNCTIONS = {
    "silu": (jitattn.silu, lambda x: x * sigmoid(x)),
    "quick_gelu": (jitattn.quick_gelu, lambda x: x * sigmoid(1.702 * x)),
    "gelu": (jitattn.gelu, erf_gelu),
    "gelu tanh": (lambda x, **o: jitattn.gelu(x, approximate="tanh", **o), tanh_gelu),
    "relu2": (jitattn.relu2, lambda x: np.maximum(x, 0) ** 2),
    "hardswish": (jitattn.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
}
GATED = {
    "swiglu": (jitattn.swiglu, lambda x: x * sigmoid(x)),
    "geglu": (jitattn.geglu, erf_gelu),
    "geglu tanh": (lambda a, b, **o: jitattn.geglu(a, b, approximate="tanh", **o), tanh_gelu),
}


def close(found, expected, dtype):
    tolerance = 4 * TOLERANCES[dtype]
    np.testing.assert_allclose(to_float64(found), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3, 70), (257,), (2, 3, 5, 7), (1, 1), ()])
def test_functions(dtype, name, shape):
    function, formula = FUNCTIONS[name]
    x = random_arrays(1, dtype, shape or (1,))[0].reshape(shape)
    found = function(x)
    assert found.dtype == x.dtype and found.shape == shape
    close(found, formula(to_float64(x)), dtype)


@pytest.mark.parametrize("name", GATED)
def test_gated(dtype, name):
    function, formula = GATED[name]
    a, b = random_arrays(2, dtype, (4, 5, 33), (4, 5, 33))
    expected = formula(to_float64(a)) * to_float64(b)
    close(function(a, b), expected, dtype)
    # Halves of one matrix.
    both = np.concatenate([a, b], -1)
    close(function(both[..., :33], both[..., 33:]), expected, dtype)
    out = np.zeros_like(a)
    assert function(a, b, out=out) is out
    close(out, expected, dtype)


LAYOUTS = {
    "transposed": lambda x: x.transpose(2, 0, 1),
    "columns of Fortran": lambda x: np.asfortranarray(x),
    "every other row": lambda x: x[:, ::2],
    "part of the columns": lambda x: x[..., 3:20],
    "three strides": lambda x: x[::2, 1::2, 2:9],
    "backwards": lambda x: x[::-1, ::-1],
    "broadcast rows": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_used_by_their_strides(name):
    (x,) = random_arrays(3, "float32", (6, 8, 24))
    x = LAYOUTS[name](x)
    close(jitattn.silu(x), x * sigmoid(x.astype(float)), "float32")
    if x.flags.writeable:
        expected = x * sigmoid(x.astype(float))
        assert jitattn.silu(x, out=x) is x
        close(x, expected, "float32")


def test_out_of_another_type():
    (x,) = random_arrays(4, "bfloat16", (5, 40))
    out = np.empty((5, 40), np.float32)
    jitattn.silu(x, out=out)
    wide = to_float64(x)
    close(out, wide * sigmoid(wide), "float32")


def test_empty():
    for shape in [(0,), (3, 0), (0, 3)]:
        assert jitattn.gelu(np.empty(shape, np.float32)).shape == shape


ERRORS = [
    (lambda x: jitattn.silu(), TypeError, "argument 'x' is missing"),
    (lambda x: jitattn.silu(3), TypeError, "x: a int is no array"),
    (lambda x: jitattn.silu([1.0]), TypeError, "x: a list is no array"),
    (lambda x: jitattn.silu(x.astype(int)), TypeError, "x: elements of int64: must be float32"),
    (lambda x: jitattn.silu(x.astype(">f4")), TypeError, "x: elements of another type"),
    (lambda x: jitattn.silu(x[:, ::2]), ValueError, "x: elements of a row are 2 elements apart"),
    (lambda x: jitattn.silu(x, out=x[:1]), ValueError, r"out: shape \(1, 6\): must be \(4, 6\)"),
    (lambda x: jitattn.silu(x, out=x.astype("d")), TypeError, "out: elements of float64"),
    (lambda x: jitattn.silu(x[:3], out=x[1:]), ValueError, "out overlaps"),
    (lambda x: jitattn.silu(x, approximate="tanh"), TypeError, "no argument 'approximate'"),
    (lambda x: jitattn.gelu(x, approximate="sigmoid"), ValueError, "approximate: 'sigmoid'"),
    (lambda x: jitattn.swiglu(x), TypeError, "argument 'b' is missing"),
    (lambda x: jitattn.swiglu(x, x[:2]), ValueError, r"b: shape \(2, 6\): must be \(4, 6\), as a"),
    (lambda x: jitattn.swiglu(x, x.astype("d")), TypeError, "b: elements of float64: must be float32"),
]


@pytest.mark.parametrize("index", range(len(ERRORS)))
def test_errors(index):
    call, error, message = ERRORS[index]
    with pytest.raises(error, match=message):
        call(np.ones((4, 6), np.float32))


def test_read_only_out():
    x = np.ones(4, np.float32)
    out = np.ones(4, np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out: is read-only"):
        jitattn.silu(x, out=out)
