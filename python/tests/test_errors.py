"""Every error of jitattn.attention: its type, and a message that names the argument."""

import jitattn
import numpy as np
import pytest

B, H, S, D = 2, 4, 6, 8
F = np.float32


def array(*shape, dtype=F):
    return np.zeros(shape, dtype)


def inner_two(*shape):
    return array(*shape[:-1], 2 * shape[-1])[..., ::2]


def read_only(*shape):
    result = array(*shape)
    result.flags.writeable = False
    return result


def unaligned():
    return np.zeros(B * H * S * D * 4 + 1, np.uint8)[1:].view(F).reshape(B, H, S, D)


def field_of_records():
    return np.zeros((B, H, S), [("x", F, D), ("pad", np.uint8, 2)])["x"]


ARGUMENTS = [
    ({"q": None}, TypeError, "q: a NoneType is no array"),
    ({"q": [[1.0]]}, TypeError, "q: a list is no array: must be an array of NumPy"),
    ({"q": array(B, H, S, D, dtype=int)}, TypeError, "q: elements of int64: must be float32"),
    ({"q": array(B, H, S, D, dtype=complex)}, TypeError, "q: elements of another type"),
    ({"q": array(B, H, S, D, dtype=">f4")}, TypeError, "q: elements of another type"),
    ({"k": array(B, H, S, D, dtype="d")}, TypeError, "k: elements of float64: must be float32, as q"),
    ({"v": array(B, H, S, D, dtype="e")}, TypeError, "v: elements of float16: must be float32, as q"),
    ({"q": array(D)}, ValueError, "q: 1 dimensions: must be 4"),
    ({"q": array(1, B, H, S, D)}, ValueError, "q: 5 dimensions: must be 4"),
    ({"q": array(*[1] * 20)}, ValueError, "q: 20 dimensions: must be 16 at most"),
    ({"k": array(H, S, D)}, ValueError, "k: 3 dimensions: must be 4, as q"),
    ({"q": inner_two(B, H, S, D)}, ValueError, "q: elements of a row are 2 elements apart: must be 1"),
    ({"v": inner_two(B, H, S, D)}, ValueError, "v: elements of a row are 2 elements apart"),
    ({"q": unaligned()}, ValueError, "q: address .* is not a multiple of the element size"),
    ({"q": field_of_records()}, ValueError, "q: dimension 2 has a stride of 34 bytes"),
    ({"k": array(1, H, S, D)}, ValueError, "k: batch 1: must be 2, as in q"),
    ({"v": array(3, H, S, D)}, ValueError, "v: batch 3: must be 2, as in q"),
    ({"k": array(B, H, S, 7)}, ValueError, "k: head size 7: must be 8, as in q"),
    ({"v": array(B, 2, S, D)}, ValueError, "v: number of heads 2: must be 4, as in k"),
    ({"v": array(B, H, 5, D)}, ValueError, "v: length 5: must be 6, as in k"),
    ({"k": array(B, 3, S, D), "v": array(B, 3, S, D)}, ValueError, "k: number of heads 3: must divide"),
    ({"k": array(B, 0, S, D), "v": array(B, 0, S, D)}, ValueError, "k: number of heads 0: must divide"),
    ({"causal": "yes"}, TypeError, "causal: 'yes': must be True, False, or an integer"),
    ({"causal": 1.5}, TypeError, "causal: 1.5: must be True, False, or an integer"),
    ({"causal": 2**63}, ValueError, "causal: 9223372036854775808: must be in"),
    ({"window": 3}, TypeError, "window: 3: must be a pair"),
    ({"window": (1, 2, 3)}, TypeError, r"window: \(1, 2, 3\): must be a pair"),
    ({"window": (-1, 0)}, ValueError, r"window\[0\]: -1: must be 0 or more; None: no limit"),
    ({"window": (1, -2)}, ValueError, r"window\[1\]: -2: must be 0 or more; None: no limit"),
    ({"window": (1, "a")}, TypeError, r"window\[1\]: 'a': must be an integer"),
    ({"softcap": 0}, ValueError, "softcap: 0: must be above 0; None: no cap"),
    ({"softcap": -1.0}, ValueError, "softcap: -1.0: must be above 0"),
    ({"softcap": float("inf")}, ValueError, "softcap: inf: must be finite"),
    ({"softcap": "a"}, TypeError, "softcap: 'a': must be a number"),
    ({"scale": float("nan")}, ValueError, "scale: nan: must be finite"),
    ({"layout": "SBHD"}, ValueError, "layout: 'SBHD': must be 'BHSD' or 'BSHD'"),
    ({"layout": 3}, ValueError, "layout: 3: must be 'BHSD' or 'BSHD'"),
    ({"return_lse": 1}, TypeError, "return_lse: 1: must be True or False"),
    ({"threads": 0}, ValueError, "threads: 0: must be in 1"),
    ({"threads": 1.0}, TypeError, "threads: 1.0: must be an integer"),
    ({"mask": array(S, S)}, TypeError, "mask: elements of float32: must be bool"),
    ({"mask": array(S, 5, dtype=bool)}, ValueError, r"mask: shape \(6, 5\): must broadcast to"),
    ({"mask": array(3, 1, S, S, dtype=bool)}, ValueError, r"= \(2, 4, 6, 6\)"),
    ({"mask": array(1, B, H, S, S, dtype=bool)}, ValueError, "mask: shape"),
    ({"mask": array(S, 2 * S, dtype=bool)[:, ::2]}, ValueError, "mask: elements of a row are 2"),
    ({"bias": array(S, S, dtype=bool)}, TypeError, "bias: elements of bool: must be float32"),
    ({"bias": array(S, S, dtype="d")}, TypeError, "bias: elements of float64: must be float32"),
    ({"bias": array(5, S)}, ValueError, r"bias: shape \(5, 6\): must broadcast to"),
    ({"bias": array(S, S), "mask": array(S, S)}, TypeError, "mask: elements of float32: must be bool"),
    ({"sinks": array(3)}, ValueError, "sinks: has 3 numbers: must have 4, one for each head of q"),
    ({"sinks": [1.0]}, ValueError, "sinks: has 1 numbers: must have 4"),
    ({"sinks": array(1, H)}, ValueError, "sinks: 2 dimensions: must be 1"),
    ({"sinks": array(H, dtype=int)}, TypeError, "sinks: int64: must be float32"),
    ({"sinks": 3.0}, TypeError, "sinks: a float is no array"),
    ({"alibi": array(5)}, ValueError, "alibi: has 5 numbers: must have 4"),
    ({"alibi": ["a"] * H}, TypeError, "must be real number, not str"),
    ({"lens": 3}, TypeError, "lens: must be a sequence or an array of integers"),
    ({"lens": [1, 2, 3]}, ValueError, "lens: has 3 numbers: must have 2, one for each sequence"),
    ({"lens": [1, -1]}, ValueError, "lens: -1: must be in 0"),
    ({"lens": [1, 7]}, ValueError, "lens: 7 for sequence 1: must be in 0 to 6, the keys"),
    ({"lens": [1, 2.5]}, TypeError, "lens: 2.5: must be an integer"),
    ({"out": array(B, H, S, 9)}, ValueError, r"out: shape \(2, 4, 6, 9\): must be \(2, 4, 6, 8\)"),
    ({"out": array(B, H, S, D, dtype="d")}, TypeError, "out: elements of float64: must be float32"),
    ({"out": read_only(B, H, S, D)}, ValueError, "out: is read-only: must be writable"),
    ({"out": inner_two(B, H, S, D)}, ValueError, "out: elements of a row are 2 elements apart"),
    ({"out": np.broadcast_to(array(B, H, 1, D), (B, H, S, D))}, ValueError, "out: is read-only"),
    ({"out": np.lib.stride_tricks.as_strided(array(B, H, S, D), strides=(0, 0, 0, 4))}, ValueError,
     "out: rows of 32 bytes overlap each other"),
    ({"dropout": 0.1}, TypeError, "attention: there is no argument 'dropout'"),
]


@pytest.mark.parametrize("index", range(len(ARGUMENTS)))
def test_argument(index):
    changed, error, message = ARGUMENTS[index]
    arguments = {"q": array(B, H, S, D), "k": array(B, H, S, D), "v": array(B, H, S, D)} | changed
    with pytest.raises(error, match=message):
        jitattn.attention(arguments.pop("q"), arguments.pop("k"), arguments.pop("v"), **arguments)


def test_counts_of_arguments():
    q = array(B, H, S, D)
    with pytest.raises(TypeError, match="attention: argument 'v' is missing"):
        jitattn.attention(q, q)
    with pytest.raises(TypeError, match="attention: 4 arguments by position: must be 3 at most"):
        jitattn.attention(q, q, q, None)
    with pytest.raises(TypeError, match="attention: argument 'q' is given twice"):
        jitattn.attention(q, q, q, q=q)
    assert jitattn.attention(v=q, q=q, k=q).shape == q.shape


@pytest.mark.parametrize("name", ["q", "k", "v", "bias"])
def test_out_overlaps(name):
    memory = array(B, H, S + 1, D)
    arrays = {"q": array(B, H, S, D), "k": array(B, H, S, D), "v": array(B, H, S, D)}
    options = {}
    if name == "bias":
        options["bias"] = memory.reshape(-1)[: S * S].reshape(S, S)
    else:
        arrays[name] = memory[:, :, 1:]
    with pytest.raises(ValueError, match=f"out overlaps {name}"):
        jitattn.attention(**arrays, **options, out=memory[:, :, :S])


def test_none_is_as_good_as_nothing():
    q = array(B, H, S, D)
    names = ["bias", "mask", "sinks", "alibi", "lens", "out", "causal", "window", "softcap",
             "scale", "return_lse", "layout", "threads"]
    assert jitattn.attention(q, q, q, **dict.fromkeys(names)).shape == q.shape


def test_an_error_holds_no_array():
    q = array(B, H, S, D)
    with pytest.raises(ValueError, match="window"):
        jitattn.attention(q, q, q, window=(-1, 0))
    with pytest.raises(ValueError, match="lens"):
        jitattn.attention(q, q, q, lens=[99, 0])
    q.resize((B, H, S, D + 1), refcheck=False)  # refused while a buffer is held
