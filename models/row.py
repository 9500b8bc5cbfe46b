"""What a row of `./dev models` is, and what it reports.

A row is one real model in one program, with jitattn and without it. Its module, models/NAME.py, has

    TITLE = "MiniLM-L6 in transformers"
    PACKAGES = ["torch==2.15.0", ...]      for pip, with the weights' package
    def run(report: Report) -> None

and is run in a process of its own by models/run.py, within build-models/venv. What cannot be had
raises Missing: the row is named as skipped. Everything else that is raised is a failure.
"""

from __future__ import annotations

import dataclasses
import random
import statistics
import time
from collections.abc import Callable, Sequence


class Missing(Exception):
    """A package, or a program, that this row needs cannot be had here."""


@dataclasses.dataclass
class Right:
    """One comparison of results: `value` keeps `rule`, or not."""

    what: str
    value: str
    rule: str
    ok: bool


@dataclasses.dataclass
class Ratio:
    """Time of the program without jitattn over that with it, of runs in turn."""

    median: float
    low: float  # 95 % interval of the median
    high: float


@dataclasses.dataclass
class Speed:
    """One measurement. `share`: attention's part of the time without jitattn. `bound`: the ratio
    that an attention would give that takes no time (a stub)."""

    what: str
    ratio: Ratio
    floor: float | None
    share: float | None = None
    bound: Ratio | None = None

    @property
    def ok(self) -> bool:
        return self.floor is None or self.ratio.median >= self.floor


@dataclasses.dataclass
class Report:
    rights: list[Right] = dataclasses.field(default_factory=list)
    speeds: list[Speed] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)  # what was taken, what not and why

    def right(self, what: str, value: str, rule: str, ok: bool) -> None:
        self.rights.append(Right(what, value, rule, bool(ok)))

    def speed(self, what: str, ratio: Ratio, floor: float | None = None, *,
              share: float | None = None, bound: Ratio | None = None) -> None:
        self.speeds.append(Speed(what, ratio, floor, share, bound))

    def note(self, text: str) -> None:
        self.notes.append(text)


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turn(ways: Sequence[Callable[[], object]], rounds: int = 9) -> list[list[float]]:
    """Seconds of each way in each round; the order within a round is drawn. One round before the
    first is not counted."""
    order = list(range(len(ways)))
    draw = random.Random(1)
    times: list[list[float]] = [[] for _ in ways]
    for round_number in range(rounds + 1):
        draw.shuffle(order)
        for way in order:
            taken = seconds(ways[way])
            if round_number > 0:
                times[way].append(taken)
    return times


def ratio(without: Sequence[float], with_: Sequence[float]) -> Ratio:
    """The median over the rounds of without / with_, and its interval by order statistics."""
    values = sorted(a / b for a, b in zip(without, with_, strict=True))
    n = len(values)
    # Ranks k and n + 1 - k hold the median with at least 95 % (binomial distribution, p = 1/2).
    skip, tail, term = 0, 0.0, 0.5**n
    while skip < (n - 1) // 2 and tail + term <= 0.025:
        tail += term
        skip += 1
        term *= (n - skip + 1) / skip
    low = max(skip - 1, 0)
    return Ratio(statistics.median(values), values[low], values[n - 1 - low])
