"""jitattn.AttentionPlan."""

import gc
import threading

import jitattn
import numpy as np
import pytest
import reference
from reference import random_arrays


def qkv(q_len=12, kv_len=30, batch=2, dtype="float32"):
    return random_arrays(5, dtype, (batch, 4, q_len, 16), (batch, 2, kv_len, 16), (batch, 2, kv_len, 8))


def test_calls_give_what_attention_gives():
    q, k, v = qkv()
    options = {"causal": True, "window": (9, None), "softcap": 4.0, "scale": 0.3}
    plan = jitattn.AttentionPlan(q, k, v, **options, threads=1, sinks=np.zeros(4, "f"))
    for q_len, kv_len in [(12, 30), (1, 7), (5, 30), (0, 3)]:  # a growing cache
        q, k, v = qkv(q_len, kv_len)
        sinks = np.linspace(0, 1, 4)
        expected, _ = reference.attention(q, k, v, sinks=sinks, **options)
        out = np.empty_like(q[..., :8])
        assert plan(q, k, v, sinks=sinks, out=out) is out
        assert np.abs(out - expected).max(initial=0) < 1e-5


def test_info():
    q, k, v = qkv()
    plan = jitattn.AttentionPlan(q, k, v, threads=1, ignore_cache=True, config="algorithm=portable")
    info = plan.info
    assert info["threads"] == 1 and info["match"] == "none" and info["portable"] is True
    assert "algorithm=portable" in info["config"] and info["kernel"].startswith("attn_f32_d16v8")
    assert info["reason"] and info["record"] == ""
    assert info["scratch_bytes"] >= 0 and info["emit_seconds"] >= 0


def test_log_sum_exp_and_layout():
    q, k, v = (x.swapaxes(1, 2) for x in qkv())
    plan = jitattn.AttentionPlan(q, k, v, return_lse=True, layout="BSHD")
    out, lse = plan(q, k, v)
    expected, expected_lse = reference.attention(*(x.swapaxes(1, 2) for x in (q, k, v)))
    assert np.abs(out.swapaxes(1, 2) - expected).max() < 1e-5
    assert np.abs(lse - expected_lse).max() < 1e-5


@pytest.mark.parametrize(
    "arrays,options,error,message",
    [
        (qkv(dtype="float64"), {}, TypeError, "q: elements of float64: the plan is for float32"),
        (qkv(q_len=13), {}, ValueError, "q_len 13: must be in 0"),
        (qkv(kv_len=31), {}, ValueError, "kv_len 31: must be in 0"),
        (qkv(batch=3), {}, ValueError, "batch 3: must be in 0"),
        ([qkv()[0][:, :2], *qkv()[1:]], {}, ValueError, "q: number of heads 2: the plan is for 4"),
        ([qkv()[0], *(x[:, :1] for x in qkv()[1:])], {}, ValueError, "k: number of heads 1: the plan"),
        ([x[..., :8] for x in qkv()], {}, ValueError, "q: head size 8: the plan is for 16"),
        ([*qkv()[:2], qkv()[2][..., :4]], {}, ValueError, "v: head size 4: the plan is for 8"),
        (qkv(), {"sinks": [0.0] * 4}, ValueError, "sinks: must be given to a call as to the plan"),
        (qkv(), {"alibi": [0.0] * 4}, ValueError, "alibi: must be given to a call as to the plan"),
        (qkv(), {"mask": np.ones((12, 30), bool)}, ValueError, "bias or mask: must be given"),
        (qkv(), {"causal": True}, TypeError, "there is no argument 'causal'"),
    ],
)
def test_calls_that_do_not_fit(arrays, options, error, message):
    plan = jitattn.AttentionPlan(*qkv())
    with pytest.raises(error, match=message):
        plan(*arrays, **options)


@pytest.mark.parametrize(
    "options,error,message",
    [
        ({"buffers": "warm"}, ValueError, "buffers: 'warm': must be 'hot' or 'cold'"),
        ({"tune": 1}, TypeError, "tune: 1: must be True or False"),
        ({"ignore_cache": "no"}, TypeError, "ignore_cache: 'no': must be True or False"),
        ({"tune_seconds": -1}, ValueError, "tune_seconds"),
        ({"config": 3}, TypeError, "config: 3: must be a string"),
        ({"config": "speed=high"}, ValueError, "speed"),
        ({"out": qkv()[0]}, TypeError, "out: belongs to a call"),
        ({"threads": -1}, ValueError, "threads: -1: must be in 1"),
    ],
)
def test_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        jitattn.AttentionPlan(*qkv(), **options)


def test_closed():
    q, k, v = qkv()
    with jitattn.AttentionPlan(q, k, v) as plan:
        assert not plan.closed
        plan(q, k, v)
    assert plan.closed
    plan.close()  # again
    for use in (lambda: plan(q, k, v), lambda: plan.info, lambda: plan.__enter__()):
        with pytest.raises(ValueError, match="the plan is closed"):
            use()


def test_a_plan_without_its_arguments():
    plan = jitattn.AttentionPlan.__new__(jitattn.AttentionPlan)
    with pytest.raises(ValueError, match="the plan is closed"):
        plan.info
    with pytest.raises(ValueError, match="made already"):
        jitattn.AttentionPlan(*qkv()).__init__(*qkv())


def test_closing_waits_for_runs():
    q, k, v = random_arrays(6, "float32", *[(1, 4, 100, 32)] * 3)
    expected = jitattn.attention(q, k, v)
    for _ in range(5):
        plan = jitattn.AttentionPlan(q, k, v, threads=1)
        results = []

        def work(plan=plan, results=results):
            try:
                results.append(plan(q, k, v))
            except ValueError as error:
                results.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        plan.close()
        for thread in threads:
            thread.join()
        for result in results:
            assert result == "the plan is closed" if isinstance(result, str) else (
                np.abs(result - expected).max() < 1e-5)
    gc.collect()
