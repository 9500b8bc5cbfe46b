"""NumPy, Numba, torch, ONNX Runtime and OpenVINO as methods of `jitattn compare`.

The command starts this script with a socket as standard input and output, and the descriptor of a
file that holds the operands. Each line of input is a question, a JSON object. Each answer is a JSON
object, too; {"error": …} if the question cannot be answered.
"""

import ctypes
import json
import mmap
import os
import signal
import sys
import time

if sys.path and sys.path[0] == "":
    del sys.path[0]  # modules in the current folder must not shadow installed ones
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command handles it and ends this process
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # packages' output must not mix with answers


def openblas_thread_setter():
    """The function that sets the threads of NumPy's OpenBLAS; None if NumPy has no OpenBLAS."""
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
    """Copies of the operands in this process's memory, one per rotating set. bf16, which NumPy
    lacks, is stored as uint16."""

    def __init__(self, file, message):
        problem = message["problem"]
        self.op, self.dtype = problem["op"], problem["dtype"]
        if self.op not in ("attention", "sigmoid-mul"):
            raise NotImplementedError(f"attention and sigmoid-mul only, not {self.op}")
        self.is_attention = self.op == "attention"
        plain = {"function": "silu", "gate": "none", "clamped": "no", "out_dtype": "same"}
        if any(problem.get(key, word) != word for key, word in plain.items()):
            raise NotImplementedError("SiLU of one input and one type only")
        self.memory = mmap.mmap(file, message["bytes"])
        arrays = {of["name"]: self.array(of) for of in message["arrays"]}
        self.shared_output = arrays["out"]
        names = ("q", "k", "v") if self.is_attention else ("x",)
        self.inputs = [[arrays[name].copy() for name in names] for _ in range(message["sets"])]
        if self.is_attention:
            self.read_attention(problem, arrays)

    def array(self, of):
        dtypes = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": np.uint16}
        if of["dtype"] not in dtypes:
            raise NotImplementedError(f"{', '.join(dtypes)} only, not {of['dtype']}")
        dtype = dtypes[of["dtype"]]
        shape = of["shape"] if self.is_attention else of["shape"][2:]
        return np.frombuffer(self.memory, dtype, int(np.prod(shape)), of["offset"]).reshape(shape)

    def read_attention(self, problem, arrays):
        """Options, as `jitattn bench` has them: scale 1/√d, masks aligned bottom right."""
        self.causal = problem["mask"] == "causal"
        self.group = problem["heads"] // problem["kv_heads"]
        self.offset = problem["kv_len"] - problem["q_len"]
        self.scale = problem["head_dim"] ** -0.5
        self.softcap = 50.0 if problem.get("softcap", "no") == "yes" else None
        self.sinks = arrays["sinks"].reshape(-1).copy() if "sinks" in arrays else None
        options = {"window": problem["mask"] == "window", "chunk": problem.get("chunk", 0) != 0,
                   "bias": "bias" in arrays, "alibi": "slopes" in arrays,
                   "softcap": self.softcap is not None, "sinks": self.sinks is not None,
                   "keys of another type": arrays["k"].dtype != arrays["q"].dtype}
        known = {"q", "k", "v", "bias", "slopes", "sinks", "out"}
        self.options = {name for name, used in options.items() if used}
        self.options |= arrays.keys() - known  # further inputs and results
        self.has_mask = bool(self.options & {"window", "chunk", "bias", "alibi"})
        if self.has_mask:
            self.read_masks(problem, arrays)

    def read_masks(self, problem, arrays):
        """All masks as one: `seen` [queries][keys], and what is added to scores, [1 or
        heads][queries][keys] of `added_type`, or None."""
        self.seen = self.visible(problem["q_len"], problem["kv_len"]) if self.causal else True
        at = np.arange(problem["q_len"])[:, None] + self.offset
        keys = np.arange(problem["kv_len"])[None, :]
        if problem.get("chunk", 0) != 0:
            self.seen = self.seen & (keys // problem["chunk"] == at // problem["chunk"])
        if problem["mask"] == "window":
            left, right = (problem.get(name, 0) for name in ("window_left", "window_right"))
            self.seen = (keys >= at - left) & (keys <= at + right)
        self.added, self.added_type = None, self.dtype
        if problem.get("bias") == "bool":
            seen = arrays["bias"][0, 0].view(np.uint8)[:, :problem["kv_len"]] != 0
            self.seen = self.seen & seen
        elif "bias" in arrays:
            self.added = self.numbers(arrays["bias"][0])
            self.added_type = self.dtype if problem["bias"] == "own" else "f32"
        if "slopes" in arrays:
            slopes = arrays["slopes"].reshape(-1, 1, 1)
            self.added = (0 if self.added is None else self.added) - slopes * np.abs(keys - at)
            self.added_type = "f32"
        self.seen = np.broadcast_to(self.seen, (problem["q_len"], problem["kv_len"]))

    def numbers(self, array):
        """bf16 as float32."""
        if array.dtype != np.uint16:
            return array
        return (array.astype(np.uint32) << 16).view(np.float32)

    def mask(self):
        """Added to scores; −∞ hides a key. [1 or heads][queries][keys]"""
        added = np.zeros((1, 1, 1), np.float32) if self.added is None else self.added
        return np.where(self.seen, added, -np.inf)

    def allow(self, *names):
        """The options of attention that a package has."""
        if self.is_attention and not self.options <= set(names):
            others = sorted(self.options - set(names))
            raise NotImplementedError(f"its attention has no {', '.join(others)}")

    def new_outputs(self):
        return [np.empty_like(self.shared_output) for _ in self.inputs]

    def visible(self, q_len, kv_len):
        return np.arange(kv_len)[None, :] <= np.arange(q_len)[:, None] + self.offset

    def demand(self, *dtypes):
        if self.dtype not in dtypes:
            raise NotImplementedError(f"{', '.join(dtypes)} only, not {self.dtype}")

    def repeated(self, inputs):
        """The queries, and keys and values repeated for each query head."""
        q, k, v = inputs
        return (q, *(np.repeat(a, self.group, axis=1) if self.group > 1 else a for a in (k, v)))


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
        problem.demand("f32", "f64", "f16")
        problem.allow("window", "chunk", "bias", "alibi", "softcap", "sinks")
        make = self.attention if problem.is_attention else self.sigmoid_mul
        return [make(problem, i, o) for i, o in zip(problem.inputs, outputs)]

    def attention(self, problem, inputs, out):
        q, k, v = inputs  # [batch][heads][length][size]
        batch, heads, q_len, _ = q.shape
        groups, kv_len = k.shape[1], k.shape[2]
        by_head = (heads, 1, 1)  # of something for each head, beside the scores
        if batch * heads == 1:
            q, k, v, out = (a[0, 0] for a in (q, k, v, out))
            by_head = (1, 1)
        elif problem.group > 1:
            split = (batch, groups, problem.group)
            q, out = (a.reshape(split + a.shape[2:]) for a in (q, out))
            k, v = k[:, :, None], v[:, :, None]
            by_head = (groups, problem.group, 1, 1)
        transposed = k.swapaxes(-1, -2)
        scores = np.empty(q.shape[:-1] + (kv_len,), q.dtype)
        scale, bias, empty_rows = q.dtype.type(problem.scale), None, False
        if problem.has_mask:
            bias = problem.mask().astype(q.dtype)
            empty_rows = not (bias > -np.inf).any(axis=-1).all()
            bias = bias.reshape(by_head[:-2] + bias.shape[1:]) if len(bias) > 1 else bias[0]
        elif problem.causal:
            visible = problem.visible(q_len, kv_len)
            bias = np.where(visible, 0, -np.inf).astype(q.dtype)
            empty_rows = not visible.any(axis=1).all()
        cap, sinks = problem.softcap, problem.sinks
        if sinks is not None:
            sinks, empty_rows = sinks.astype(q.dtype).reshape(by_head), False

        def run():
            np.matmul(q, transposed, out=scores)
            np.multiply(scores, scale, out=scores)
            if cap is not None:
                np.divide(scores, q.dtype.type(cap), out=scores)
                np.tanh(scores, out=scores)
                np.multiply(scores, q.dtype.type(cap), out=scores)
            if bias is not None:
                np.add(scores, bias, out=scores)
            largest = scores.max(axis=-1, keepdims=True)
            if sinks is not None:
                largest = np.maximum(largest, sinks)
            if empty_rows:
                largest[largest == -np.inf] = 0
            np.subtract(scores, largest, out=scores)
            np.exp(scores, out=scores)
            total = scores.sum(axis=-1, keepdims=True)
            if sinks is not None:
                total += np.exp(sinks - largest)
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
        problem.demand("f32", "f64")
        problem.allow()
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
        problem.allow("window", "chunk", "bias", "alibi")

        def tensor(array):
            if problem.dtype == "bf16":
                return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
            return torch.from_numpy(array)

        def array(result):
            if problem.dtype == "bf16":
                return result.view(torch.int16).numpy().view(np.uint16)
            return result.numpy()
        runs = []
        for inputs, out in zip(problem.inputs, outputs):
            if not problem.is_attention:
                runs.append(lambda x=tensor(inputs[0]), t=tensor(out): torch._C._nn.silu(x, out=t))
                continue
            q, k, v = (tensor(a) for a in problem.repeated(inputs))  # outside the timed part
            options = {"scale": problem.scale}
            if problem.has_mask:
                options["attn_mask"] = self.mask(problem, q.dtype)
            elif problem.causal and problem.offset == 0:
                options["is_causal"] = True  # aligned top left, which is the same here
            elif problem.causal:
                options["attn_mask"] = torch.from_numpy(problem.visible(q.shape[2], k.shape[2]))

            # torch allocates a new result for each call; the last one is checked.
            def run(q=q, k=k, v=v, options=options, index=len(runs)):
                result = functional.scaled_dot_product_attention(q, k, v, **options)
                outputs[index] = array(result)
            runs.append(run)
        return runs

    def mask(self, problem, dtype):
        """Booleans, or numbers of the queries' type, which must hold them exactly."""
        if problem.added is None:
            return self.torch.from_numpy(problem.seen.copy())
        if problem.dtype in ("bf16", "f16") and problem.added_type != problem.dtype:
            raise NotImplementedError(f"a mask of f32 needs operands of f32, not {problem.dtype}")
        return self.torch.from_numpy(problem.mask()).to(dtype)[None]


# ---- ONNX Runtime and OpenVINO: models, compiled for a number of threads --------------------------

class Sessions:
    """compile(problem, inputs, threads) returns a function whose result has the output's shape."""

    options = ("window", "chunk", "bias", "alibi")

    def __init__(self):
        self.has_threads, self.count, self.compiled = True, 1, {}

    def threads(self, count):
        self.count = count
        if count not in self.compiled:
            self.compiled[count] = [self.compile(self.problem, inputs, count)
                                    for inputs in self.problem.inputs]

    def prepare(self, problem, outputs):
        problem.demand(*self.dtypes)
        problem.allow(*self.options)
        if problem.is_attention and problem.causal and problem.offset != 0 and not problem.has_mask:
            raise NotImplementedError("causal attention needs as many queries as keys here")
        self.problem = problem
        self.compiled.clear()
        self.threads(self.count)

        def run(index):
            outputs[index] = self.compiled[self.count][index]()
        return [lambda index=index: run(index) for index in range(len(problem.inputs))]


class OnnxRuntime(Sessions):
    """ONNX Runtime: its fused MultiHeadAttention; Sigmoid and Mul, which it fuses to QuickGelu."""

    def __init__(self):
        super().__init__()
        import onnx
        import onnxruntime
        self.onnx, self.runtime, self.version = onnx, onnxruntime, onnxruntime.__version__
        self.dtypes = ("f32",)

    def compile(self, problem, inputs, threads):
        helper, f32 = self.onnx.helper, self.onnx.TensorProto.FLOAT
        if problem.is_attention:
            q, k, v = problem.repeated(inputs)
            batch, heads, length, size = q.shape
            # q as batch × length × heads · size, k and v as batch × heads × length × size.
            feeds = {"q": np.ascontiguousarray(q.swapaxes(1, 2)).reshape(batch, length, -1),
                     "k": k, "v": v}
            names = ["q", "k", "v"]
            if problem.has_mask:
                feeds["mask"] = problem.mask().astype(np.float32)[None]
                names += ["", "", "mask"]  # no bias of projections, no padding
            nodes = [helper.make_node("MultiHeadAttention", names, ["y"],
                                      domain="com.microsoft", num_heads=heads,
                                      scale=float(problem.scale),
                                      unidirectional=int(problem.causal and not problem.has_mask))]
        else:
            feeds = {"x": inputs[0]}
            nodes = [helper.make_node("Sigmoid", ["x"], ["s"]),
                     helper.make_node("Mul", ["x", "s"], ["y"])]
        graph = helper.make_graph(
            nodes, "jitattn",
            [helper.make_tensor_value_info(n, f32, a.shape) for n, a in feeds.items()],
            [helper.make_tensor_value_info("y", f32, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                        helper.make_opsetid("com.microsoft", 1)],
                                  ir_version=9)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = threads
        session = self.runtime.InferenceSession(model.SerializeToString(), options,
                                                providers=["CPUExecutionProvider"])
        if not problem.is_attention:
            return lambda: session.run(None, feeds)[0]
        # A view with heads first. The copy is made when the result is fetched, outside timing.
        return lambda: session.run(None, feeds)[0].reshape(batch, length, heads, -1).swapaxes(1, 2)


class OpenVino(Sessions):
    def __init__(self):
        super().__init__()
        import openvino
        from openvino import opset13
        self.openvino, self.ops, self.core = openvino, opset13, openvino.Core()
        self.version = openvino.__version__.split("-")[0]
        self.dtypes = ("f32", "bf16", "f16")

    def compile(self, problem, inputs, threads):
        ops, kind = self.ops, getattr(self.openvino.Type, problem.dtype)
        arrays = list(problem.repeated(inputs)) if problem.is_attention else inputs
        if problem.is_attention and problem.has_mask:
            arrays.append(self.mask(problem))
        parameters = [ops.parameter(a.shape, kind) for a in arrays]
        if problem.is_attention:
            if abs(problem.scale * arrays[0].shape[3] ** 0.5 - 1) > 1e-6:
                raise NotImplementedError("only the scale 1/√head_dim is supported")
            result = ops.scaled_dot_product_attention(
                *parameters, causal=problem.causal and not problem.has_mask)
        else:
            result = ops.swish(parameters[0], ops.constant(1, kind))
        model = self.openvino.Model([result], parameters, "jitattn")
        compiled = self.core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": problem.dtype,
            "ENABLE_CPU_PINNING": False})  # pins this thread, whose affinity all threads inherit
        request = compiled.create_infer_request()
        for index, array in enumerate(arrays):
            if problem.dtype == "bf16":
                tensor = self.openvino.Tensor(array, array.shape, kind)
            else:
                tensor = self.openvino.Tensor(array, shared_memory=True)
            request.set_input_tensor(index, tensor)

        def run(keep=arrays):  # tensors do not own the arrays' memory
            request.infer()
            data = request.get_output_tensor().data
            return data.view(np.uint16) if problem.dtype == "bf16" else data
        return run

    def mask(self, problem):
        if problem.dtype != "f32":
            raise NotImplementedError(f"masks for f32 only here, not {problem.dtype}")
        return problem.mask().astype(np.float32)[None]


# ---- Answering ------------------------------------------------------------------------------------

KINDS = {"numpy": NumPy, "numba": Numba, "torch": Torch, "onnxruntime": OnnxRuntime,
         "openvino": OpenVino}


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

    def time_each(self, message):
        runs = self.runs[message["method"]]
        self.methods[message["method"]].threads(message["threads"])
        clock, each = time.perf_counter, []
        for _ in range(message["calls"]):
            run = runs[self.next % len(runs)]
            begin = clock()
            run()
            each.append(clock() - begin)
            self.next += 1
        return {"each": each}

    def poison(self, message):
        outputs = self.outputs[message["method"]]
        for index, out in enumerate(outputs):
            if not out.flags.writeable:  # memory of the package; its next run replaces the array
                out = outputs[index] = out.copy()
            out.fill(0x7fc0 if self.problem.dtype == "bf16" else np.nan)
        self.next = 0
        return {}

    def result(self, message):
        np.copyto(self.problem.shared_output, self.outputs[message["method"]][0])
        return {}


def describe(error):
    return f"{type(error).__name__}: {error}".splitlines()[0]


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
                "time_each": peers.time_each,
                "poison": peers.poison, "result": peers.result}
    for line in sys.stdin:
        try:
            message = json.loads(line)
            answer(**requests[message["do"]](message))
        except Exception as error:
            answer(error=describe(error))


main()
