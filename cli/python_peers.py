"""NumPy, Numba and torch, for `jitattn compare`: runs what it is asked to, when it is its turn.

The command starts this with a socket as standard input and output, and the number of a file that
holds the operands. Each line is a JSON object, and so is the answer; {"error": …} where it cannot be.
"""

import ctypes
import json
import mmap
import os
import signal
import sys
import time

if sys.path and sys.path[0] == "":
    del sys.path[0]  # what lies in the folder where the command runs is not meant
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command hears it, and ends this process
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever a package prints is no answer


def openblas_thread_setter():
    """OpenBLAS's own switch in the library that NumPy has loaded; None if there is none."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "openblas" in line.lower()}
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                setter = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
                if setter is not None:
                    return setter
    return None


class Problem:
    """Copies of the operands, in memory of this process: one set, or as many as rotate."""

    def __init__(self, file, message):
        self.causal, self.group = message["causal"], message["group"]
        self.offset, self.scale = message["offset"], message["scale"]
        self.is_attention = message["op"] == "attention"
        dtype = {"f32": np.float32, "f64": np.float64}[message["dtype"]]
        self.memory = mmap.mmap(file, message["bytes"])
        arrays = [np.frombuffer(self.memory, dtype, int(np.prod(shape)), at).reshape(shape)
                  for shape, at in zip(message["shapes"], message["offsets"])]
        self.shared_output = arrays[-1]
        self.inputs = [[a.copy() for a in arrays[:-1]] for _ in range(message["sets"])]

    def new_outputs(self):
        return [np.empty_like(self.shared_output) for _ in self.inputs]

    def visible(self, q_len, kv_len):
        return np.arange(kv_len)[None, :] <= np.arange(q_len)[:, None] + self.offset


# ---- NumPy: one temporary, every step in place ----------------------------------------------------

class NumPy:
    def __init__(self):
        self.version = np.__version__
        self.set_threads = openblas_thread_setter()
        self.has_threads = self.set_threads is not None

    def threads(self, count):
        if self.set_threads is not None:
            self.set_threads(count)

    def prepare(self, problem, outputs):
        make = self.attention if problem.is_attention else self.sigmoid_mul
        return [make(problem, i, o) for i, o in zip(problem.inputs, outputs)]

    def attention(self, problem, inputs, out):
        q, k, v = inputs  # [batch][heads][length][size]
        batch, heads, q_len, _ = q.shape
        groups, kv_len = k.shape[1], k.shape[2]
        if batch * heads == 1:
            q, k, v, out = (a[0, 0] for a in (q, k, v, out))
        elif problem.group > 1:
            split = (batch, groups, problem.group)
            q, out = (a.reshape(split + a.shape[2:]) for a in (q, out))
            k, v = k[:, :, None], v[:, :, None]
        transposed = k.swapaxes(-1, -2)
        scores = np.empty(q.shape[:-1] + (kv_len,), q.dtype)
        scale, bias, empty_rows = q.dtype.type(problem.scale), None, False
        if problem.causal:
            visible = problem.visible(q_len, kv_len)
            bias = np.where(visible, 0, -np.inf).astype(q.dtype)
            empty_rows = not visible.any(axis=1).all()

        def run():
            np.matmul(q, transposed, out=scores)
            np.multiply(scores, scale, out=scores)
            if bias is not None:
                np.add(scores, bias, out=scores)
            largest = scores.max(axis=-1, keepdims=True)
            if empty_rows:
                largest[largest == -np.inf] = 0
            np.subtract(scores, largest, out=scores)
            np.exp(scores, out=scores)
            total = scores.sum(axis=-1, keepdims=True)
            if empty_rows:
                total[total == 0] = 1
            np.divide(scores, total, out=scores)
            np.matmul(scores, v, out=out)
        return run

    def sigmoid_mul(self, problem, inputs, out):
        x, one = inputs[0], inputs[0].dtype.type(1)

        def run():
            np.negative(x, out=out)
            np.exp(out, out=out)
            np.add(out, one, out=out)
            np.divide(x, out, out=out)
        return run


# ---- Numba: loops over rows in parallel -----------------------------------------------------------

class Numba:
    def __init__(self):
        import numba
        self.numba, self.version, self.has_threads = numba, numba.__version__, True

        @numba.njit(parallel=True, fastmath=True)
        def attention(q, k, v, out, scale, zero, group, offset):
            heads, q_len, head_dim = q.shape
            kv_len, value_dim = v.shape[1], v.shape[2]
            for row in numba.prange(heads * q_len):
                head, i = row // q_len, row % q_len
                kv = head // group
                visible = min(kv_len, max(0, i + offset + 1))
                scores = np.empty(kv_len, q.dtype)
                largest, total = zero, zero
                for j in range(visible):
                    dot = zero
                    for d in range(head_dim):
                        dot += q[head, i, d] * k[kv, j, d]
                    scores[j] = dot * scale
                    largest = scores[j] if j == 0 else max(largest, scores[j])
                for j in range(visible):
                    scores[j] = np.exp(scores[j] - largest)
                    total += scores[j]
                for d in range(value_dim):
                    out[head, i, d] = zero
                for j in range(visible):
                    weight = scores[j] / total
                    for d in range(value_dim):
                        out[head, i, d] += weight * v[kv, j, d]

        @numba.njit(parallel=True, fastmath=True)
        def sigmoid_mul(x, out, one):
            for i in numba.prange(x.size):
                out[i] = x[i] / (one + np.exp(-x[i]))

        self.attention, self.sigmoid_mul = attention, sigmoid_mul

    def threads(self, count):
        self.numba.set_num_threads(min(count, self.numba.config.NUMBA_NUM_THREADS))

    def prepare(self, problem, outputs):
        runs = []
        for inputs, out in zip(problem.inputs, outputs):
            kind = out.dtype.type
            if problem.is_attention:
                q, k, v, o = (a.reshape((-1,) + a.shape[2:]) for a in (*inputs, out))
                offset = problem.offset if problem.causal else k.shape[1]
                args = (q, k, v, o, kind(problem.scale), kind(0), problem.group, offset)
                runs.append(lambda args=args: self.attention(*args))
            else:
                args = (inputs[0].reshape(-1), out.reshape(-1), kind(1))
                runs.append(lambda args=args: self.sigmoid_mul(*args))
        return runs


# ---- torch ----------------------------------------------------------------------------------------

class Torch:
    def __init__(self):
        import torch
        self.torch, self.version, self.has_threads = torch, torch.__version__, True

    def threads(self, count):
        self.torch.set_num_threads(count)

    def prepare(self, problem, outputs):
        torch, functional = self.torch, self.torch.nn.functional
        runs = []
        for inputs, out in zip(problem.inputs, outputs):
            tensors, target = [torch.from_numpy(a) for a in inputs], torch.from_numpy(out)
            if not problem.is_attention:
                runs.append(lambda x=tensors[0], t=target: torch._C._nn.silu(x, out=t))
                continue
            q, k, v = tensors
            if problem.group > 1:  # outside of what is timed
                k, v = (a.repeat_interleave(problem.group, dim=1) for a in (k, v))
            options = {}
            if problem.causal and problem.offset == 0:
                options["is_causal"] = True  # aligned top left, which is the same here
            elif problem.causal:
                options["attn_mask"] = torch.from_numpy(problem.visible(q.shape[2], k.shape[2]))

            # It makes its own result; what is looked at is the last one.
            def run(q=q, k=k, v=v, options=options, index=len(runs)):
                result = functional.scaled_dot_product_attention(q, k, v, **options)
                outputs[index] = result.numpy()
            runs.append(run)
        return runs


# ---- Answering ------------------------------------------------------------------------------------

KINDS = {"numpy": NumPy, "numba": Numba, "torch": Torch}


class Peers:
    def __init__(self, file, names):
        self.file, self.methods, self.next = file, {}, 0
        self.problem, self.runs, self.outputs = None, {}, {}
        self.hello = {"python": sys.version.split()[0], "methods": {}}
        for name in names:
            try:
                method = KINDS[name]()
                self.methods[name] = method
                self.hello["methods"][name] = {"version": method.version,
                                               "has_threads": method.has_threads}
            except Exception as error:
                self.hello["methods"][name] = {"error": describe(error)}

    def set_problem(self, message):
        self.runs, self.outputs = {}, {}
        self.problem = Problem(self.file, message)
        return {}

    def prepare(self, message):
        name = message["method"]
        self.outputs[name] = self.problem.new_outputs()
        self.runs[name] = self.methods[name].prepare(self.problem, self.outputs[name])
        self.runs[name][0]()  # compiles, wakes threads
        return {}

    def time(self, message):
        runs, calls = self.runs[message["method"]], message["calls"]
        self.methods[message["method"]].threads(message["threads"])

        def call():
            runs[self.next % len(runs)]()
            self.next += 1
        if message["warm"]:
            call()
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        return {"seconds": (time.perf_counter() - begin) / calls}

    def poison(self, message):
        for out in self.outputs[message["method"]]:
            out.fill(np.nan)
        self.next = 0
        return {}

    def result(self, message):
        np.copyto(self.problem.shared_output, self.outputs[message["method"]][0])
        return {}


def describe(error):
    return f"{type(error).__name__}: {error}"


def answer(**fields):
    print(json.dumps(fields), file=answers, flush=True)


def main():
    global np
    names = sys.argv[2].split(",")
    try:
        import numpy as np
    except Exception as error:
        answer(python=sys.version.split()[0],
               methods={name: {"error": describe(error)} for name in names})
        return
    peers = Peers(int(sys.argv[1]), names)
    answer(**peers.hello)
    requests = {"problem": peers.set_problem, "prepare": peers.prepare, "time": peers.time,
                "poison": peers.poison, "result": peers.result}
    for line in sys.stdin:
        try:
            message = json.loads(line)
            answer(**requests[message["do"]](message))
        except Exception as error:
            answer(error=describe(error))


main()
