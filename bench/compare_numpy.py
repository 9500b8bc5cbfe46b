#!/usr/bin/env python3
"""Attention and sigmoid-mul by libjitattn and by NumPy, in turn, in one process.

Every round runs each contender once: the library with what is tuned (or its default), NumPy with each
number of OpenBLAS threads. The best number of threads is NumPy's entry. Times are of one call; the
ratio is of the fastest calls, because noise only ever adds time.

    ./dev tune --dim 64 128 256 400 512 768 1024
    python3 bench/compare_numpy.py
"""

import argparse
import ctypes
import os
import platform
import statistics
import sys
import time

try:
    import numpy as np
except ImportError:
    print("compare_numpy: NumPy is not installed here; nothing to compare with")
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ATTENTION, SIGMOID_MUL = "attention", "sigmoid-mul"


# ---- libjitattn, as include/jitattn/jitattn.h declares it ------------------------------------------

def structure(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": list(fields.items())})


_i32, _i64, _size, _ptr, _str = (ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t, ctypes.c_void_p,
                                 ctypes.c_char_p)
AttentionProblem = structure(
    "AttentionProblem", struct_size=_size, dtype=_i32, mask=_i32, batch=_i64, heads=_i64,
    kv_heads=_i64, q_len=_i64, kv_len=_i64, head_dim=_i64, value_dim=_i64)
AttentionArgs = structure(
    "AttentionArgs", struct_size=_size, q=_ptr, k=_ptr, v=_ptr, out=_ptr, batch=_i64, q_len=_i64,
    kv_len=_i64, q_strides=_i64 * 3, k_strides=_i64 * 3, v_strides=_i64 * 3, out_strides=_i64 * 3,
    scale=ctypes.c_double, causal_offset=_i64, scratch=_ptr)
SigmoidMulProblem = structure("SigmoidMulProblem", struct_size=_size, dtype=_i32, rows=_i64,
                              cols=_i64)
SigmoidMulArgs = structure("SigmoidMulArgs", struct_size=_size, x=_ptr, out=_ptr, rows=_i64,
                           cols=_i64, x_stride=_i64, out_stride=_i64)
PlanInfo = structure("PlanInfo", struct_size=_size, match=_i32, threads=_i32, portable=_i32,
                     kernel=_str, config=_str, record=_str, reason=_str,
                     emit_seconds=ctypes.c_double)


class Library:
    """A plan for each problem; calls raise RuntimeError with the library's own message."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.jitattn_version.restype = _str
        self.c.jitattn_last_error.restype = _str

    def version(self):
        return self.c.jitattn_version().decode()

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.c.jitattn_last_error().decode())

    def info(self, plan):
        info = PlanInfo(struct_size=ctypes.sizeof(PlanInfo))
        self.check(self.c.jitattn_plan_get_info(plan, ctypes.byref(info)))
        return info

    def attention(self, q, k, v, out):
        """Returns (plan, function that runs it)."""
        problem, args, plan = AttentionProblem(), AttentionArgs(), _ptr()
        length, size = q.shape
        self.c.jitattn_attention_problem_init(ctypes.byref(problem), _i64(1), _i64(length),
                                              _i64(size))
        self.c.jitattn_attention_args_init(ctypes.byref(args), ctypes.byref(problem))
        args.q, args.k, args.v, args.out = (a.ctypes.data for a in (q, k, v, out))
        self.check(self.c.jitattn_attention_plan(ctypes.byref(problem), None, ctypes.byref(plan)))
        run, reference = self.c.jitattn_attention_run, ctypes.byref(args)
        return plan, lambda: self.check(run(plan, reference))

    def sigmoid_mul(self, x, out):
        problem, args, plan = SigmoidMulProblem(), SigmoidMulArgs(), _ptr()
        self.c.jitattn_sigmoid_mul_problem_init(ctypes.byref(problem), _i64(x.shape[0]),
                                                _i64(x.shape[1]))
        self.c.jitattn_sigmoid_mul_args_init(ctypes.byref(args), ctypes.byref(problem))
        args.x, args.out = x.ctypes.data, out.ctypes.data
        self.check(self.c.jitattn_sigmoid_mul_plan(ctypes.byref(problem), None,
                                                   ctypes.byref(plan)))
        run, reference = self.c.jitattn_sigmoid_mul_run, ctypes.byref(args)
        return plan, lambda: self.check(run(plan, reference))


# ---- NumPy ------------------------------------------------------------------------------------------

def blas_thread_setter():
    """OpenBLAS's own switch in the library NumPy has loaded; None if there is no such thing."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "openblas" in line.lower()}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                try:
                    return getattr(library, f"{prefix}openblas_set_num_threads{suffix}")
                except AttributeError:
                    continue
    return None


def numpy_attention(q, k, v, out):
    """softmax(QK^T / sqrt(d)) V with one temporary, every step in place."""
    scores = np.empty((q.shape[0], k.shape[0]), q.dtype)
    scale = q.dtype.type(1 / np.sqrt(q.shape[1]))

    def run():
        np.matmul(q, k.T, out=scores)
        np.multiply(scores, scale, out=scores)
        np.subtract(scores, scores.max(axis=1, keepdims=True), out=scores)
        np.exp(scores, out=scores)
        np.divide(scores, scores.sum(axis=1, keepdims=True), out=scores)
        np.matmul(scores, v, out=out)
    return run


def numpy_sigmoid_mul(x, out):
    def run():
        np.negative(x, out=out)
        np.exp(out, out=out)
        np.add(out, x.dtype.type(1), out=out)
        np.divide(x, out, out=out)
    return run


# ---- Measuring --------------------------------------------------------------------------------------

class Contender:
    def __init__(self, name, run, prepare=lambda: None):
        self.name, self.run, self.prepare = name, run, prepare
        self.seconds, self.calls = [], 1

    def take_over(self):
        """The machine to itself: both sides' threads go on spinning for a while after a call, and
        what ran before has filled the caches with its own."""
        self.prepare()
        time.sleep(0.05)
        self.run()
        self.run()

    def calibrate(self, sample_seconds):
        """As many calls a sample as last `sample_seconds`, so that the clock does not matter."""
        self.take_over()
        begin = time.perf_counter()
        self.run()
        self.calls = max(1, int(sample_seconds / max(1e-9, time.perf_counter() - begin)))

    def sample(self):
        self.take_over()
        begin = time.perf_counter()
        for _ in range(self.calls):
            self.run()
        self.seconds.append((time.perf_counter() - begin) / self.calls)

    def best(self):
        return min(self.seconds)

    def text(self):
        median = statistics.median(self.seconds)
        spread = statistics.median(abs(s - median) for s in self.seconds) / median
        return f"{self.best() * 1e6:>10.1f} {median * 1e6:>10.1f} {spread * 100:>6.1f}%"


def race(contenders, rounds):
    for contender in contenders:
        contender.calibrate(5e-3)
    for number in range(rounds):
        turn = number % len(contenders)  # nobody is always the one after another
        for contender in contenders[turn:] + contenders[:turn]:
            contender.sample()


def compare(library, op, dim, thread_counts, set_threads, options):
    random = np.random.default_rng(options.seed)
    q, k, v = (random.standard_normal((dim, dim), dtype=np.float32) for _ in range(3))
    ours, theirs = np.empty_like(q), np.empty_like(q)
    if op == ATTENTION:
        plan, run = library.attention(q, k, v, ours)
        numpy_run = numpy_attention(q, k, v, theirs)
    else:
        plan, run = library.sigmoid_mul(q, ours)
        numpy_run = numpy_sigmoid_mul(q, theirs)
    rivals = [Contender(f"{t}", numpy_run, lambda t=t: set_threads(t)) for t in thread_counts]
    mine = Contender("jitattn", run)
    race([mine] + rivals, options.rounds)
    if not np.allclose(ours, theirs, rtol=1e-3, atol=1e-5):
        sys.exit(f"compare_numpy: {op} {dim}: the results differ by {abs(ours - theirs).max():g}")
    rival = min(rivals, key=Contender.best)
    info = library.info(plan)
    record = {0: "exact", 1: "nearest", 2: "none"}[info.match]
    ratio = rival.best() / mine.best()
    print(f"{op:<12} {dim:>5} {mine.text()} {info.threads:>3} {record:>8} {rival.text()} "
          f"{rival.name:>3} {ratio:>7.2f}")
    library.c.jitattn_plan_free(plan)
    return ratio


def cpu_name():
    with open("/proc/cpuinfo") as info:
        names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--dim", type=int, nargs="+", default=[64, 128, 256, 400, 512, 768, 1024])
    parser.add_argument("--op", choices=[ATTENTION, SIGMOID_MUL])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--library", default=os.path.join(ROOT, "build", "libjitattn.so"))
    options = parser.parse_args()
    if not os.path.exists(options.library):
        sys.exit(f"compare_numpy: {options.library} is not there: ./dev build makes it")
    library = Library(options.library)
    set_threads = blas_thread_setter()
    cores = len(os.sched_getaffinity(0))
    thread_counts = sorted({1, cores} | {1 << i for i in range(cores.bit_length()) if 1 << i <= cores})
    if set_threads is None:
        print("compare_numpy: NumPy's BLAS is not OpenBLAS; its threads stay as they are")
        thread_counts, set_threads = [cores], lambda threads: None

    print(f"command: python3 bench/compare_numpy.py {' '.join(sys.argv[1:])}".rstrip())
    print(f"cpu:     {cpu_name()}, {cores} logical")
    print(f"with:    jitattn {library.version()}, NumPy {np.__version__}, "
          f"Python {platform.python_version()}; float32, {options.rounds} interleaved rounds")
    print("times in microseconds a call: fastest, median, median absolute deviation; thr: threads\n")
    column = f"{'fastest':>10} {'median':>10} {'spread':>7}"
    print(f"{'':<18} {'jitattn':^42} {'NumPy':^33} fastest")
    print(f"{'op':<12} {'dim':>5} {column} thr   record {column} thr   ratio")
    ratios = [compare(library, op, dim, thread_counts, set_threads, options)
              for op in ([options.op] if options.op else [ATTENTION, SIGMOID_MUL])
              for dim in options.dim]
    print(f"\nfaster on {sum(r > 1 for r in ratios)} of {len(ratios)}; "
          f"least {min(ratios):.2f}, greatest {max(ratios):.2f} times as fast")


if __name__ == "__main__":
    main()
