"""What a call costs beside the computation: the smallest problems, the fastest of many repeats.

    python python/benchmarks/overhead.py

Prints microseconds a call, beside those of numpy.empty_like, which a call without `out` also needs.
"""

import timeit

import jitattn
import numpy as np

CALLS = 2000


def fastest(function) -> float:
    """Seconds of a call."""
    return min(timeit.repeat(function, number=CALLS, repeat=50)) / CALLS


def rows():
    q = np.ones((1, 1, 1, 8), np.float32)
    out = np.empty_like(q)
    mask = np.ones((1, 1, 1, 1), bool)
    plan = jitattn.AttentionPlan(q, q, q, threads=1)
    yield "numpy.empty_like(q)", lambda: np.empty_like(q)
    yield "attention(q, k, v)", lambda: jitattn.attention(q, q, q)
    yield "attention(q, k, v, out=out)", lambda: jitattn.attention(q, q, q, out=out)
    yield "… causal=True, scale=0.1", lambda: jitattn.attention(q, q, q, causal=True, scale=0.1)
    yield "… mask=mask", lambda: jitattn.attention(q, q, q, mask=mask)
    yield "… return_lse=True", lambda: jitattn.attention(q, q, q, return_lse=True)
    yield "… threads=1", lambda: jitattn.attention(q, q, q, threads=1)
    yield "plan(q, k, v, out=out)", lambda: plan(q, q, q, out=out)
    yield "silu(q)", lambda: jitattn.silu(q)
    yield "swiglu(q, q, out=out)", lambda: jitattn.swiglu(q, q, out=out)
    yield from rows_of_others(q)


def rows_of_others(q):
    """Arrays of other libraries, if they are there."""
    try:
        import ml_dtypes

        b = q.astype(ml_dtypes.bfloat16)
        yield "attention of ml_dtypes.bfloat16", lambda: jitattn.attention(b, b, b)
    except ImportError:
        pass
    try:
        import torch
    except ImportError:
        return
    t = torch.ones(1, 1, 1, 8)
    sdpa = torch.nn.functional.scaled_dot_product_attention
    yield "torch.empty_like(t)", lambda: torch.empty_like(t)
    yield "attention of torch's", lambda: jitattn.attention(t, t, t)
    yield "torch's own attention", lambda: sdpa(t, t, t)


def main():
    for name, function in rows():
        print(f"{name:<34}{fastest(function) * 1e6:8.2f} µs")


if __name__ == "__main__":
    main()
