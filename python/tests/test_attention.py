"""Results of jitattn.attention against the formula in float64: options, types, layouts, shapes."""

import jitattn
import numpy as np
import pytest
import reference
from reference import LSE_TOLERANCES, TOLERANCES, from_float64, random_arrays, to_float64

B, H, G, QS, KS, D, DV = 2, 6, 2, 19, 45, 40, 24


def qkv(dtype="float32", seed=1):
    return random_arrays(seed, dtype, (B, H, QS, D), (B, G, KS, D), (B, G, KS, DV))


def close(found, expected, dtype):
    error = np.abs(to_float64(found) - expected).max(initial=0)
    assert error <= TOLERANCES[dtype], error


def bias_of(dtype, shape=(1, H, QS, KS)):
    bias = np.asarray(np.random.default_rng(7).standard_normal(shape))
    return from_float64(bias, dtype)


def mask_of(shape=(B, 1, QS, KS)):
    return np.asarray(np.random.default_rng(8).random(shape) < 0.7)


OPTIONS = {
    "none": {},
    "causal": {"causal": True},
    "causal from the first key": {"causal": 0},
    "causal, offset": {"causal": 11},
    "causal, negative offset": {"causal": -4},
    "window": {"window": (5, 3)},
    "window to the left": {"window": (5, None)},
    "window to the right": {"window": (None, 0)},
    "window without limits": {"window": (None, None)},
    "causal window": {"causal": True, "window": (7, None)},
    "causal window, offset": {"causal": 9, "window": (7, 4)},
    "softcap": {"softcap": 1.5},
    "scale": {"scale": -0.3},
    "sinks": {"sinks": np.linspace(-1, 2, H, dtype=np.float32)},
    "alibi": {"alibi": np.geomspace(0.5, 0.01, H).astype(np.float32)},
    "alibi, causal": {"alibi": [i / 8 for i in range(H)], "causal": True},
    "lens": {"lens": [KS, 7]},
    "lens, causal": {"lens": np.array([30, KS]), "causal": True},
    "lens, offset": {"lens": (30, 3), "causal": 5},
    "no keys": {"lens": [0, KS]},
    "mask": {"mask": mask_of()},
    "mask, causal": {"mask": mask_of(), "causal": True, "softcap": 2.0},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(dtype, name):
    q, k, v = qkv(dtype)
    out, lse = jitattn.attention(q, k, v, return_lse=True, **OPTIONS[name])
    expected, expected_lse = reference.attention(q, k, v, **OPTIONS[name])
    assert out.dtype == q.dtype and out.shape == (B, H, QS, DV)
    close(out, expected, dtype)
    assert lse.shape == (B, H, QS)
    assert lse.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(lse, expected_lse, atol=LSE_TOLERANCES[dtype], rtol=0)


def test_all_options_at_once(dtype):
    q, k, v = qkv(dtype)
    options = {
        "bias": bias_of(dtype), "mask": mask_of(), "causal": True, "window": (20, None),
        "softcap": 3.0, "sinks": np.arange(H) / 4, "alibi": np.arange(H) / 32,
        "scale": 0.2, "lens": [31, KS],
    }
    close(jitattn.attention(q, k, v, **options), reference.attention(q, k, v, **options)[0], dtype)


@pytest.mark.parametrize(
    "shape",
    [(KS,), (QS, KS), (1, KS), (H, 1, KS), (1, H, QS, KS), (B, 1, 1, KS), (B, H, QS, KS),
     (1, 1, QS, 1), (B, 1, 1, 1), (1,), ()],
)
@pytest.mark.parametrize("kind", ["mask", "bias"])
def test_broadcasts(shape, kind):
    q, k, v = qkv()
    options = {kind: mask_of(shape) if kind == "mask" else bias_of("float32", shape)}
    out = jitattn.attention(q, k, v, **options)
    close(out, reference.attention(q, k, v, **options)[0], "float32")


@pytest.mark.parametrize("kind", ["mask", "bias"])
def test_broadcast_views_are_used_as_they_are(kind):
    q, k, v = qkv()
    small = mask_of((1, 1, 1, KS)) if kind == "mask" else bias_of("float32", (1, 1, 1, KS))
    view = np.broadcast_to(small, (B, H, QS, KS))
    assert not view.flags.writeable and view.strides[:3] == (0, 0, 0)
    out = jitattn.attention(q, k, v, **{kind: view})
    close(out, reference.attention(q, k, v, **{kind: small})[0], "float32")


def test_bias_of_floats_or_of_the_own_type(dtype):
    q, k, v = qkv(dtype)
    for name in {"float32", dtype}:
        bias = bias_of(name)
        out = jitattn.attention(q, k, v, bias=bias)
        close(out, reference.attention(q, k, v, bias=bias)[0], dtype)


def test_hidden_keys_may_hold_nan():
    q, k, v = qkv()
    mask = np.ones((B, 1, 1, KS), bool)
    mask[..., 20:] = False
    k[:, :, 20:] = np.nan
    v[:, :, 20:] = np.nan
    expected, _ = reference.attention(q, k[:, :, :20], v[:, :, :20])
    close(jitattn.attention(q, k, v, mask=mask), expected, "float32")
    close(jitattn.attention(q, k, v, lens=[20, 20]), expected, "float32")
    bias = np.where(mask, np.float32(0), np.float32(-np.inf))
    close(jitattn.attention(q, k, v, bias=bias), expected, "float32")


def test_layout_of_sequences_first(dtype):
    q, k, v = qkv(dtype)
    expected, expected_lse = reference.attention(q, k, v, causal=True)
    turned = [np.ascontiguousarray(x.swapaxes(1, 2)) for x in (q, k, v)]
    out, lse = jitattn.attention(*turned, causal=True, layout="BSHD", return_lse=True)
    assert out.shape == (B, QS, H, DV) and out.flags.c_contiguous
    close(out.swapaxes(1, 2), expected, dtype)
    np.testing.assert_allclose(lse, expected_lse, atol=LSE_TOLERANCES[dtype], rtol=0)
    # The same memory as a view: the result has the memory layout of q.
    views = [x.swapaxes(1, 2) for x in turned]
    out = jitattn.attention(*views, causal=True)
    assert out.shape == (B, H, QS, DV) and out.swapaxes(1, 2).flags.c_contiguous
    close(out, expected, dtype)


def test_lower_ranks():
    q, k, v = qkv()
    expected, expected_lse = reference.attention(q[:1], k[:1], v[:1])
    out, lse = jitattn.attention(q[0], k[0], v[0], return_lse=True)
    close(out, expected[0], "float32")
    assert lse.shape == (H, QS)
    turned = [x[0].swapaxes(0, 1) for x in (q, k, v)]
    out = jitattn.attention(*turned, layout="BSHD")
    close(out.swapaxes(0, 1), expected[0], "float32")
    out, lse = jitattn.attention(q[0, 0], k[0, 0], v[0, 0], return_lse=True)
    close(out, expected[0, 0], "float32")
    assert lse.shape == (QS,)
    np.testing.assert_allclose(lse, expected_lse[0, 0], atol=1e-5)


def test_slices_are_used_by_their_strides():
    packed = random_arrays(3, "float32", (B, QS, 3, H, D))[0]
    q, k, v = (packed[:, :, i].swapaxes(1, 2) for i in range(3))
    close(jitattn.attention(q, k, v), reference.attention(q, k, v)[0], "float32")
    q, k, v = qkv()
    q, k, v = q[:, ::-1, 1::2], k[:, :, ::-1, :32], v[:, :, ::-1]
    q = q[..., :32]
    close(jitattn.attention(q, k, v), reference.attention(q, k, v)[0], "float32")


def test_out():
    q, k, v = qkv()
    expected, _ = reference.attention(q, k, v)
    memory = np.full((B, QS + 2, H, DV + 8), 7, np.float32)
    out = memory[:, 1:-1, :, 4:-4].swapaxes(1, 2)
    assert jitattn.attention(q, k, v, out=out) is out
    close(out, expected, "float32")
    out[...] = 7
    assert (memory == 7).all()
    out = np.empty((B, H, QS, DV), np.float32)
    result, lse = jitattn.attention(q, k, v, out=out, return_lse=True)
    assert result is out and lse.shape == (B, H, QS)


@pytest.mark.parametrize("batch,q_len,kv_len", [(0, 3, 4), (2, 0, 4), (2, 3, 0), (2, 0, 0)])
def test_empty_arrays(batch, q_len, kv_len):
    q, k, v = (np.ones((batch, 2, n, 8), np.float32) for n in (q_len, kv_len, kv_len))
    out, lse = jitattn.attention(q, k, v, causal=True, return_lse=True)
    assert out.shape == q.shape and (out == 0).all()
    assert lse.shape == q.shape[:3] and np.isneginf(lse).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads(threads):
    q, k, v = qkv()
    for _ in range(2):  # the second time with the kept plan
        out = jitattn.attention(q, k, v, causal=True, threads=threads)
        close(out, reference.attention(q, k, v, causal=True)[0], "float32")


def test_a_bool_of_numpy_is_a_bool():
    q, k, v = qkv()
    for value in (True, False):
        out = jitattn.attention(q, k, v, causal=np.bool_(value), return_lse=np.False_)
        assert (out == jitattn.attention(q, k, v, causal=value)).all()


def test_many_kept_plans():
    for heads in range(1, 40):
        q = np.full((heads, 3, 8), heads, np.float32)
        assert (jitattn.attention(q, q, q, threads=1) == heads).all()


def test_numbers_of_other_types_and_strides():
    q, k, v = qkv()
    values = np.linspace(-1, 1, H)
    expected, _ = reference.attention(q, k, v, sinks=values.astype(np.float16))
    sources = [
        values.astype(np.float16), from_float64(values, "bfloat16"), values,
        np.repeat(values, 2)[::2], np.repeat(values.astype(np.float32), 3)[::3], list(values),
    ]
    for sinks in sources:
        out = jitattn.attention(q, k, v, sinks=sinks)
        assert np.abs(out - expected).max() < 2e-3
    # Numbers of binary16 that are no normal ones.
    special = np.array([-np.inf, 6e-8, -3e-5, 65504, 0.0, -0.0], np.float16)
    out, lse = jitattn.attention(q, k, v, sinks=special, return_lse=True)
    expected, expected_lse = reference.attention(q, k, v, sinks=special)
    close(out, expected, "float32")
    np.testing.assert_allclose(lse, expected_lse, atol=1e-5, rtol=1e-5)
