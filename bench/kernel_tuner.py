#!/usr/bin/env python3
"""Runs Kernel Tuner's strategies on recorded spaces, in its simulation mode, to compare them with
jitattn's.

Writes a line for each run, with the time of the best point found:
file, space, strategy, budget, repeat, evaluations, best_time_ms. The command

    VENV/bin/python bench/kernel_tuner.py --out kernel_tuner.csv FILES
    jitattn replay FILES --against kernel_tuner.csv

adds Kernel Tuner to the tables. Both commands need the same names of FILES. VENV is a Python
environment with kernel_tuner and scikit-learn (for Kernel Tuner's Bayesian optimisation).

A run is tune_kernel(simulation_mode=True, strategy_options={"max_fevals": budget}) with a strategy's own
defaults; its seed is the number of the repeat. Kernel Tuner reads the recording and builds its search
space in each run. Here both are cached: otherwise a run would take seconds, its search milliseconds.
"""

import argparse
import contextlib
import csv
import gzip
import io
import json
import os
import random
import sys
import tempfile
import time
import warnings

sys.path.pop(0)  # drops this file's folder, in which `kernel_tuner` would be this file
try:
    import numpy as np
    from kernel_tuner import interface, util
    from kernel_tuner.searchspace import Searchspace
except ImportError as missing:
    print(f"kernel_tuner: {missing}; python3 -m venv VENV && "
          "VENV/bin/pip install kernel_tuner scikit-learn")
    sys.exit(0)

# All strategies with one objective and a budget that need no further package. (tune_kernel's
# default, brute_force, evaluates every point and has no budget.)
STRATEGIES = ["random_sample", "minimize", "basinhopping", "diff_evo",
              "genetic_algorithm", "greedy_mls", "ordered_greedy_mls", "greedy_ils", "mls",
              "dual_annealing", "pso", "simulated_annealing", "firefly_algorithm", "bayes_opt",
              "hybrid_vndx", "adaptive_tabu_greywolf"]
COLUMNS = ["file", "space", "strategy", "budget", "repeat", "evaluations", "best_time_ms"]


class Space:
    """A recorded space, converted once into the arguments of Kernel Tuner."""

    def __init__(self, path, folder):
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt") as file:
            text = file.read()
        try:
            recording = json.loads(text)
        except json.JSONDecodeError:  # an interrupted tuner leaves the end open
            recording = json.loads(text.rstrip().rstrip(",") + "}}")
        # The lists of values in a file may have values of no recorded point; its keys are the points.
        self.cache_path = os.path.join(folder, "recording.json")
        with open(self.cache_path, "w", encoding="utf-8") as file:
            json.dump(recording, file)
        self.keys = recording["tune_params_keys"]
        self.arguments = util.infer_args_from_cache(recording)
        self.arguments["tune_params"] = {key: recording["tune_params"][key] for key in self.keys}
        self.restrictions = [util.infer_restrictions_from_cache(recording)]
        self.label = f"{recording['kernel_name']} on {recording['device_name']}"

    def run(self, strategy, budget, seed):
        """The distinct evaluations of a run, and the best time among them; None if all failed."""
        random.seed(seed)
        np.random.seed(seed)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results, _ = interface.tune_kernel(
                **self.arguments, cache=self.cache_path, restrictions=self.restrictions,
                simulation_mode=True, quiet=True, lang="C", strategy=strategy,
                strategy_options={"max_fevals": budget})
        found = {}
        for result in results:
            failed = "__error__" in result or not isinstance(result["time"], (int, float))
            found[tuple(result[key] for key in self.keys)] = None if failed else result["time"]
        times = [value for value in list(found.values())[:budget] if value is not None]
        return min(len(found), budget), min(times, default=None)


def keep_what_is_slow():
    """Caches the parsed file and the search space, which tune_kernel makes anew in every call."""
    process_cache = util.process_cache
    kept = {}

    def once(what, key, make):
        if kept.get(what, (None,))[0] != key:
            kept[what] = (key, make())
        return kept[what][1]

    util.process_cache = lambda path, kernel, options, runner: once(
        "cache", kernel.kernel_name + str(os.stat(path).st_mtime_ns),
        lambda: process_cache(path, kernel, options, runner))
    util.close_cache = lambda path: None  # the file is complete already
    interface.Searchspace = lambda parameters, restrictions, threads, **options: once(
        "space", id(parameters), lambda: Searchspace(parameters, restrictions, threads, **options))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE", help="Kernel Tuner caches, .json or .json.gz")
    parser.add_argument("--out", required=True, metavar="FILE", help="output file, CSV")
    parser.add_argument("--strategies", default=",".join(STRATEGIES), metavar="A,B,...")
    parser.add_argument("--budgets", default="18,36,50,100", metavar="N,M,...",
                        help="distinct evaluations (18,36,50,100)")
    parser.add_argument("--repeats", type=int, default=100, help="runs of each (100)")
    parser.add_argument("--append", action="store_true", help="append to the file of --out")
    flags = parser.parse_args()

    keep_what_is_slow()
    budgets = [int(text) for text in flags.budgets.split(",")]
    new = not (flags.append and os.path.exists(flags.out))
    with open(flags.out, "w" if new else "a", newline="", encoding="utf-8") as out, \
            tempfile.TemporaryDirectory() as folder:
        writer = csv.writer(out)
        if new:
            writer.writerow(COLUMNS)
        for path in flags.files:
            space = Space(path, folder)
            for strategy in flags.strategies.split(","):
                began = time.monotonic()
                for budget in budgets:
                    for repeat in range(flags.repeats):
                        evaluations, best = space.run(strategy, budget, seed=repeat)
                        writer.writerow([path, space.label, "kt:" + strategy, budget, repeat, evaluations,
                                         "" if best is None else best])
                out.flush()
                print(f"{path} {strategy}: {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
