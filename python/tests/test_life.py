"""Threads, forks, and memory that dies."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import jitattn
import numpy as np
from reference import random_arrays


def test_threads_call_at_once():
    inputs = [random_arrays(i, "float32", *[(1, 2, 20 + i, 16)] * 3) for i in range(6)]
    expected = [jitattn.attention(*x, causal=True) for x in inputs]
    wrong = []

    def work(index):
        for step in range(40):
            at = (index + step) % len(inputs)
            out = jitattn.attention(*inputs[at], causal=True, threads=1 + step % 2)
            if np.abs(out - expected[at]).max() > 1e-5:
                wrong.append(at)
            jitattn.silu(out, out=out)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_other_threads_run_during_a_call():
    q = random_arrays(1, "float32", (1, 4, 256, 64))[0]
    counts = [0, 0]
    done = threading.Event()

    def call():
        for _ in range(20):
            jitattn.attention(q, q, q, threads=1)
            counts[0] += 1
        done.set()

    thread = threading.Thread(target=call)
    thread.start()
    while not done.is_set():
        counts[1] += 1
    thread.join()
    assert counts[0] == 20 and counts[1] > 0


def test_fork():
    q, k, v = random_arrays(2, "float32", *[(2, 4, 50, 32)] * 3)
    expected = jitattn.attention(q, k, v)
    plan = jitattn.AttentionPlan(q, k, v)
    child = os.fork()
    if child == 0:
        equal = all(
            np.abs(function(q, k, v) - expected).max() < 1e-5
            for function in (jitattn.attention, plan)
        )
        os._exit(0 if equal else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert np.abs(plan(q, k, v) - expected).max() < 1e-5


def test_nothing_is_held_after_a_call():
    q = random_arrays(3, "float32", (2, 2, 9, 8))[0]
    mask = np.ones((9, 9), bool)
    sinks = np.zeros(2, np.float32)
    before = [sys.getrefcount(x) for x in (q, mask, sinks, None)]
    for _ in range(1000):
        jitattn.attention(q, q, q, mask=mask, sinks=sinks, lens=[9, 4], return_lse=True)
        try:
            jitattn.attention(q, q, q, mask=mask, sinks=sinks, lens=[9, 40])
        except ValueError:
            pass
        jitattn.swiglu(q, q)
    after = [sys.getrefcount(x) for x in (q, mask, sinks, None)]
    assert after[:3] == before[:3] and abs(after[3] - before[3]) < 50
    plan = jitattn.AttentionPlan(q, q, q)
    out = weakref.ref(plan(q, q, q))
    del plan
    gc.collect()
    assert out() is None


def test_results_outlive_their_inputs():
    q = random_arrays(4, "float32", (1, 2, 9, 8))[0]
    expected = jitattn.attention(q, q, q).copy()
    out = jitattn.attention(q.copy(), q.copy(), q.copy())
    gc.collect()
    assert (out == expected).all()


def test_the_interpreter_ends_while_a_daemon_runs():
    program = """
import threading, numpy as np, jitattn
q = np.ones((1, 4, 128, 32), np.float32)
def work():
    while True:
        jitattn.attention(q, q, q)
started = threading.Thread(target=work, daemon=True).start()
jitattn.attention(q, q, q)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
