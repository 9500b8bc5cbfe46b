"""The formula of attention in float64 by NumPy, and arrays of every type."""

import numpy as np

try:
    import ml_dtypes

    BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
except ImportError:  # the bits of bfloat16
    BFLOAT16 = np.dtype(np.uint16)

DTYPES = {
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "float16": np.dtype(np.float16),
    "bfloat16": BFLOAT16,
}
# Bounds for values of about 1: the type's precision, times a few roundings of the result and of
# the weights that the library keeps in float.
TOLERANCES = {"float32": 4e-6, "float64": 1e-13, "float16": 4e-3, "bfloat16": 3e-2}

# Log-sum-exps are of weights that are rounded to the type before they are added.
LSE_TOLERANCES = {"float32": 2e-5, "float64": 1e-12, "float16": 3e-4, "bfloat16": 5e-3}


def to_float64(array):
    if array.dtype == np.uint16:
        array = np.atleast_1d(array) if array.ndim == 0 else array
        return (array.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return array.astype(np.float64)


def from_float64(values, name):
    dtype = DTYPES[name]
    if dtype == np.uint16:  # rounded to nearest, ties to even
        bits = values.astype(np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return values.astype(dtype)


def random_arrays(seed, name, *shapes):
    rng = np.random.default_rng(seed)
    return [from_float64(rng.standard_normal(shape), name) for shape in shapes]


def seen_keys(q_len, kv_len, causal=False, window=None):
    """A boolean matrix: the keys that each query sees."""
    if causal is False and window is None:
        return np.ones((q_len, kv_len), bool)
    offset = causal if not isinstance(causal, bool) else kv_len - q_len
    position = np.arange(q_len)[:, None] + offset
    key = np.arange(kv_len)[None, :]
    seen = np.ones((q_len, kv_len), bool)
    if causal is not False:
        seen &= key <= position
    if window is not None:
        left, right = window
        if left is not None:
            seen &= key >= position - left
        if right is not None:
            seen &= key <= position + right
    return seen


def attention(
    q, k, v, *, bias=None, mask=None, causal=False, window=None, softcap=None, sinks=None,
    alibi=None, scale=None, lens=None,
):
    """Returns the result and the log-sum-exp, for arrays [batch, heads, length, head size]."""
    q, k, v = map(to_float64, (q, k, v))
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat(group, 1), v.repeat(group, 1)
    q_len, kv_len = q.shape[2], k.shape[2]
    score = (q @ k.swapaxes(-1, -2)) * (q.shape[3] ** -0.5 if scale is None else scale)
    if softcap is not None:
        score = softcap * np.tanh(score / softcap)
    seen = np.broadcast_to(seen_keys(q_len, kv_len, causal, window), score.shape).copy()
    offset = np.full(len(q), kv_len - q_len)
    if lens is not None:
        for b, length in enumerate(lens):
            seen[b] = False
            seen[b, :, :, :length] = seen_keys(q_len, length, causal, window)
            offset[b] = length - q_len
    if causal is not False and not isinstance(causal, bool):
        offset[:] = causal
    if alibi is not None:
        distance = np.abs(np.arange(kv_len) - (np.arange(q_len)[:, None] + offset[:, None, None]))
        score = score - np.asarray(alibi, np.float64)[:, None, None] * distance[:, None]
    if bias is not None:
        score = score + to_float64(bias)
    if mask is not None:
        seen &= np.broadcast_to(mask, seen.shape)
    return _weighted(np.where(seen, score, -np.inf), v, sinks)


def _weighted(score, v, sinks):
    extra = np.full((*score.shape[:-1], 1), -np.inf)
    if sinks is not None:
        extra = np.broadcast_to(np.asarray(sinks, np.float64)[:, None, None], extra.shape)
    logits = np.concatenate([score, extra], -1)
    top = logits.max(-1, keepdims=True)
    top = np.where(np.isneginf(top), 0, top)
    weights = np.exp(logits - top)
    total = weights.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = (top + np.log(total))[..., 0]
    return (weights[..., :-1] / np.where(total == 0, 1, total)) @ v, lse
