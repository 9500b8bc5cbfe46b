#!/usr/bin/env python3
"""Attention and sigmoid-mul by libjitattn and by what a Python environment has: NumPy, PyTorch, ONNX
Runtime, OpenVINO. All in turn in one process, each at its best number of threads, on the same float32
operands; every result is compared with NumPy's in float64 before anything is timed.

    ./dev tune --seq 512 --head-dim 64 --heads 8
    VENV/bin/python bench/peers.py --shape 8x512x64 [--causal] [--json]

VENV: any environment with NumPy; peers that cannot be imported are named and left out. OpenBLAS and
oneDNN themselves are compared by jitattn_peers (cmake -DJITATTN_BUILD_BENCH=ON).
"""

import argparse
import ctypes
import json
import os
import sys

import compare_numpy as base  # says so and exits where NumPy is missing
import numpy as np

PlanOptions = base.structure(
    "PlanOptions", struct_size=ctypes.c_size_t, threads=ctypes.c_int32, buffers=ctypes.c_int32,
    ignore_cache=ctypes.c_int32, tune=ctypes.c_int32, tune_seconds=ctypes.c_double,
    config=ctypes.c_char_p)


class Task:
    """Contiguous operands [heads][length][size], or a matrix for sigmoid-mul."""

    def __init__(self, op, shape, causal, seed):
        self.op, self.shape, self.causal = op, shape, causal
        random = np.random.default_rng(seed)
        count = 3 if op == base.ATTENTION else 1
        self.inputs = [random.standard_normal(shape, dtype=np.float32) for _ in range(count)]
        self.truth = self.reference()

    def mask(self, dtype=np.float32):
        length = self.shape[1]
        return np.triu(np.full((length, length), -np.inf, dtype), 1) if self.causal else None

    def reference(self):
        if self.op == base.SIGMOID_MUL:
            x = self.inputs[0].astype(np.float64)
            return x / (1 + np.exp(-x))
        q, k, v = (a.astype(np.float64) for a in self.inputs)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[2])
        if self.causal:
            scores += self.mask(np.float64)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        return scores / scores.sum(axis=2, keepdims=True) @ v

    def flops(self):
        heads, length, size = self.shape
        pairs = length * (length + 1) / 2 if self.causal else length * length
        return 4.0 * heads * pairs * size

    def describe(self):
        sizes = "x".join(map(str, self.shape))
        return f"{self.op} {sizes}{' causal' if self.causal else ''}"


class Peer:
    """`name`, `set_threads(n)` and `make(task)`, which returns a run and a look at its result."""

    def set_threads(self, count):
        pass


class Jitattn(Peer):
    def __init__(self, path, config):
        self.library, self.config = base.Library(path), config
        self.name = f"jitattn {self.library.version()}, {config}"
        self.plans = {}
        self.count = 1

    def set_threads(self, count):
        self.count = count

    def make(self, task):
        c, byref = self.library.c, ctypes.byref
        out = np.empty_like(task.inputs[0])
        if task.op == base.ATTENTION:
            heads, length, size = task.shape
            kind, problem, args = "attention", base.AttentionProblem(), base.AttentionArgs()
            c.jitattn_attention_problem_init(byref(problem), *map(ctypes.c_int64,
                                                                  (heads, length, size)))
            problem.mask = 1 if task.causal else 0
            c.jitattn_attention_args_init(byref(args), byref(problem))
            args.q, args.k, args.v = (a.ctypes.data for a in task.inputs)
        else:
            kind, problem, args = "sigmoid_mul", base.SigmoidMulProblem(), base.SigmoidMulArgs()
            c.jitattn_sigmoid_mul_problem_init(byref(problem), *map(ctypes.c_int64, task.shape))
            c.jitattn_sigmoid_mul_args_init(byref(args), byref(problem))
            args.x = task.inputs[0].ctypes.data
        args.out = out.ctypes.data
        make_plan, run = getattr(c, f"jitattn_{kind}_plan"), getattr(c, f"jitattn_{kind}_run")

        def plan():
            if self.count not in self.plans:
                options, made = PlanOptions(), ctypes.c_void_p()
                c.jitattn_plan_options_init(byref(options))
                options.threads = self.count
                options.ignore_cache = 1 if self.config == "default" else 0
                self.library.check(make_plan(byref(problem), byref(options), byref(made)))
                self.plans[self.count] = made
            return self.plans[self.count]

        self.plans.clear()  # those of the task before; a process's worth of plans is no leak
        reference = byref(args)

        def call(keep=(task.inputs, out)):  # args hold bare addresses of these
            self.library.check(run(plan(), reference))
        return call, lambda: out


class NumPy(Peer):
    def __init__(self):
        self.name = f"NumPy {np.__version__}"
        self.set_threads = base.blas_thread_setter() or self.set_threads

    def make(self, task):
        out = np.empty_like(task.inputs[0])
        if task.op == base.SIGMOID_MUL:
            return base.numpy_sigmoid_mul(task.inputs[0], out), lambda: out
        q, k, v = task.inputs
        k_t, scale, mask = k.transpose(0, 2, 1), np.float32(1 / np.sqrt(q.shape[2])), task.mask()
        scores = np.empty((q.shape[0], q.shape[1], q.shape[1]), np.float32)

        def run():
            np.matmul(q, k_t, out=scores)
            np.multiply(scores, scale, out=scores)
            if mask is not None:
                np.add(scores, mask, out=scores)
            np.subtract(scores, scores.max(axis=2, keepdims=True), out=scores)
            np.exp(scores, out=scores)
            np.divide(scores, scores.sum(axis=2, keepdims=True), out=scores)
            np.matmul(scores, v, out=out)
        return run, lambda: out


class PyTorch(Peer):
    def __init__(self):
        import torch
        self.torch, self.name = torch, f"PyTorch {torch.__version__}"
        self.set_threads = torch.set_num_threads

    def make(self, task):
        functional = self.torch.nn.functional
        inputs = [self.torch.from_numpy(a)[None] for a in task.inputs]
        result = [None]

        def run():
            with self.torch.inference_mode():
                if task.op == base.ATTENTION:
                    result[0] = functional.scaled_dot_product_attention(*inputs,
                                                                        is_causal=task.causal)
                else:
                    result[0] = functional.silu(inputs[0])
        return run, lambda: result[0][0].numpy()


class Sessions(Peer):
    """A peer that fixes the number of threads when a model is compiled: one model for each."""

    def __init__(self):
        self.count, self.compiled = 1, {}

    def set_threads(self, count):
        self.count = count

    def make(self, task):
        self.compiled.clear()
        result = [None]

        def run():
            if self.count not in self.compiled:
                self.compiled[self.count] = self.compile(task, self.count)
            result[0] = self.compiled[self.count]()
        return run, lambda: np.asarray(result[0]).reshape(task.shape)


class OnnxRuntime(Sessions):
    """Its fused MultiHeadAttention, and Sigmoid and Mul, which it fuses to QuickGelu."""

    def __init__(self):
        super().__init__()
        import onnx
        import onnxruntime
        self.onnx, self.runtime = onnx, onnxruntime
        self.name = f"ONNX Runtime {onnxruntime.__version__}"

    def compile(self, task, threads):
        helper = self.onnx.helper
        f32 = self.onnx.TensorProto.FLOAT
        feeds = {}
        if task.op == base.ATTENTION:
            heads, length, size = task.shape
            # q as batch × length × heads · size, k and v as batch × heads × length × size.
            feeds["q"] = np.ascontiguousarray(
                task.inputs[0].transpose(1, 0, 2)).reshape(1, length, heads * size)
            feeds["k"], feeds["v"] = (a[None] for a in task.inputs[1:])
            nodes = [helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"],
                                      domain="com.microsoft", num_heads=heads,
                                      unidirectional=int(task.causal))]
        else:
            feeds["x"] = task.inputs[0]
            nodes = [helper.make_node("Sigmoid", ["x"], ["s"]),
                     helper.make_node("Mul", ["x", "s"], ["y"])]
        graph = helper.make_graph(
            nodes, "peer", [helper.make_tensor_value_info(n, f32, a.shape) for n, a in
                            feeds.items()], [helper.make_tensor_value_info("y", f32, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                        helper.make_opsetid("com.microsoft", 1)],
                                  ir_version=9)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = threads
        session = self.runtime.InferenceSession(model.SerializeToString(), options,
                                                providers=["CPUExecutionProvider"])
        if task.op == base.SIGMOID_MUL:
            return lambda: session.run(None, feeds)[0]
        # Back to heads first only when somebody looks, not in what is timed.
        return lambda: LazyHeads(session.run(None, feeds)[0], task.shape)


class LazyHeads:
    """length × heads · size, seen as heads × length × size when it becomes an array."""

    def __init__(self, array, shape):
        self.array, self.shape = array, shape

    def __array__(self, *_, **__):
        heads, length, size = self.shape
        return self.array.reshape(length, heads, size).transpose(1, 0, 2)


class OpenVino(Sessions):
    def __init__(self):
        super().__init__()
        import openvino
        from openvino import opset13
        self.core, self.ops, self.openvino = openvino.Core(), opset13, openvino
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def compile(self, task, threads):
        ops = self.ops
        shape = [1, *task.shape]
        inputs = [ops.parameter(shape, np.float32) for _ in task.inputs]
        if task.op == base.ATTENTION:
            result = ops.scaled_dot_product_attention(*inputs, causal=task.causal)
        else:
            result = ops.swish(inputs[0])
        model = self.openvino.Model([result], inputs, "peer")
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        for index, array in enumerate(task.inputs):
            request.set_input_tensor(index, self.openvino.Tensor(array.reshape(shape),
                                                                 shared_memory=True))

        def run():
            request.infer()
            return request.get_output_tensor().data
        return run


def peers(library, configs):
    found = [Jitattn(library, config) for config in configs]
    missing = []
    for kind in (NumPy, PyTorch, OnnxRuntime, OpenVino):
        try:
            found.append(kind())
        except ImportError as error:
            missing.append(f"{kind.__name__}: {error}")
    return found, missing


def hold(task, everyone, thread_counts, rounds):
    """Rows of one contest, ours first."""
    contenders, rows = [], []
    for peer in everyone:
        row = {"task": task.describe(), "by": peer.name, "why_not": None}
        rows.append(row)
        try:
            run, result = peer.make(task)
            for count in thread_counts:
                peer.set_threads(count)
                run()
                error = float(np.abs(np.asarray(result()) - task.truth).max())
                if not error < 2e-3:
                    raise RuntimeError(f"wrong result: off by {error:g} with {count} threads")
        except Exception as error:  # whatever a peer throws is why it is not in the race
            row["why_not"] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        for count in thread_counts:
            contender = base.Contender(peer.name, run,
                                       lambda peer=peer, count=count: peer.set_threads(count))
            contender.row, contender.count = row, count
            contenders.append(contender)
    base.race(contenders, rounds)
    for row in rows:
        runs = [c for c in contenders if c.row is row]
        if runs:
            best = min(runs, key=base.Contender.best)
            row.update(threads=best.count, seconds_min=best.best(),
                       seconds_median=float(np.median(best.seconds)))
    ours = min((r for r in rows if r["by"].startswith("jitattn") and "seconds_min" in r),
               key=lambda r: r["seconds_min"])
    for row in rows:
        if "seconds_min" in row:
            row["ours_faster"] = row["seconds_min"] / ours["seconds_min"]
            if task.op == base.ATTENTION:
                row["gflops"] = task.flops() / row["seconds_min"] * 1e-9
    return rows


def print_rows(rows):
    print(rows[0]["task"])
    for row in rows:
        if row["why_not"]:
            print(f"  {row['by']:<28} {row['why_not']}")
        else:
            speed = f"{row['gflops']:>8.1f} GFLOP/s" if "gflops" in row else ""
            print(f"  {row['by']:<28} {row['threads']:>3} thr {row['seconds_min'] * 1e6:>10.1f} "
                  f"{row['seconds_median'] * 1e6:>10.1f} us {row['ours_faster']:>7.2f} x {speed}")


def shape(text):
    sizes = tuple(int(size) for size in text.split("x"))
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text}: HEADSxLENGTHxSIZE, or ROWSxCOLS for sigmoid-mul")
    return sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--shape", type=shape, nargs="+",
                        default=[(8, 128, 64), (8, 512, 64), (2, 1024, 128), (1, 512, 512),
                                 (4096, 4096)],
                        help="HEADSxLENGTHxSIZE: attention; ROWSxCOLS: sigmoid-mul")
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("--config", nargs="+", choices=["tuned", "default"], default=["tuned"])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--library", default=os.path.join(base.ROOT, "build", "libjitattn.so"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not os.path.exists(options.library):
        sys.exit(f"peers: {options.library} is not there: ./dev build makes it")
    everyone, missing = peers(options.library, options.config)
    counts = sorted({1, options.threads})
    results = []
    if not options.json:
        print(f"{base.cpu_name()}; fastest and median of {options.rounds} interleaved rounds; "
              "x: how many times as fast ours is")
        for line in missing:
            print(f"left out: {line}")
    for sizes in options.shape:
        op = base.ATTENTION if len(sizes) == 3 else base.SIGMOID_MUL
        task = Task(op, sizes, options.causal and op == base.ATTENTION, options.seed)
        rows = hold(task, everyone, counts, options.rounds)
        results += rows
        if not options.json:
            print_rows(rows)
    if options.json:
        print(json.dumps({"cpu": base.cpu_name(), "missing": missing, "rows": results}, indent=2))


if __name__ == "__main__":
    main()
