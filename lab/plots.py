"""Draws the JSON that jitattn's commands write as SVG, PNG and one HTML page.

A file is checked by a rule of RULES and becomes a Source. Each function of KINDS turns Sources into
Pictures. A Picture has a Matplotlib figure, its texts, and a table of the numbers behind it.
`jitattn plot` and `jitattn report` run this script with their own flags (docs/plots.md).
"""

import sys

if sys.path and sys.path[0] == "":
    del sys.path[0]  # modules in the current folder must not shadow installed ones

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this without a traceback

import argparse
import collections
import contextlib
import datetime
import difflib
import functools
import gzip
import html
import io
import json
import logging
import math
import os
import re
import stat
import textwrap
import warnings
import zlib

NO_MATPLOTLIB = 69  # exit code: this Python has no Matplotlib, or one that is too old

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # no warnings about an unwritable home
try:
    import matplotlib as mpl
    import matplotlib.figure
    import numpy as np
    from matplotlib import ticker
except ImportError:
    sys.exit(NO_MATPLOTLIB)
if [int(part) for part in mpl.__version__.split(".")[:2]] < [3, 6]:
    sys.exit(NO_MATPLOTLIB)

MAX_BYTES = 512 << 20  # of a file after decompression
MOST_ROWS, MOST_PANELS, MOST_TABLE_ROWS = 48, 24, 400
UNSTABLE = 0.1  # above this coefficient of variation a row is called unstable

# Okabe and Ito's colours without yellow. Dashes and markers differ along with the colours, so that
# lines can be told apart by any of them.
INK, FAINT, GRID, PAPER, PALE = "#1a1a1a", "#6b6b6b", "#dcdcdc", "#ffffff", "#c9c9c9"
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, GREY = "#e69f00", "#56b4e9", "#4d4d4d"
COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (8, 2, 1.5, 2, 1.5, 2)))
MARKERS = "osD^vPX"

STYLE = {
    "figure.facecolor": PAPER, "savefig.facecolor": PAPER, "font.family": "DejaVu Sans",
    "font.size": 8.5, "text.color": INK, "text.parse_math": False, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "axes.titlesize": 8.5, "axes.titleweight": "bold", "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "grid.color": GRID, "grid.linewidth": 0.7, "xtick.color": FAINT, "ytick.color": FAINT,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "legend.frameon": False,
    "legend.fontsize": 8, "legend.handlelength": 2.6, "lines.linewidth": 1.5,
    "lines.markersize": 4.5, "svg.fonttype": "none", "svg.hashsalt": "jitattn",
}


class Bad(Exception):
    """An error in an input file, or at the place where a picture should be written."""


class Misuse(Exception):
    """An error in the flags."""


# ---- Words ---------------------------------------------------------------------------------------


def clean(text):
    """`text` on one line, without control characters, which terminals obey and XML forbids."""
    return "".join(c if c.isprintable() else " " for c in text)


def short(text, most):
    """`text`, shortened to `most` characters if it is longer, with … in the middle."""
    tail = (most - 1) // 2
    return text if len(text) <= most else text[:most - 1 - tail] + "…" + text[len(text) - tail:]


def slug(text):
    """`text` reduced to letters, digits and '-', for the name of a file or of an element."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:80].strip("-")


def distinct(name, names):
    """`name`, or name-2, name-3 … if `names` has it already."""
    return next(one for one in [name, *(f"{name}-{i}" for i in range(2, len(names) + 3))]
                if one not in names)


def stem(path):
    return clean(os.path.splitext(os.path.basename(path))[0])


def number(value):
    return f"{value + 0.0:.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


def seconds(value):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= 0.9999 * scale:  # 0.9999999 ms is 1 ms
            return f"{value / scale:.4g} {unit}"
    return f"{value * 1e9:.4g} ns"


def count_word(value):
    """A number of elements: "400", "16 Ki", "1 Mi"."""
    for unit, least, step in (("Mi", 1 << 20, 1 << 20), ("Ki", 1 << 14, 1 << 10)):
        if value >= least and value % step == 0:
            return f"{value / step:g} {unit}"
    return f"{value:g}"


def percent(value):
    return f"{100 * value:.3g} %"


def factor(value):
    return f"×{value:.3g}"


def some(count, noun):
    return f"{count} {noun}{'' if count == 1 else 's'}"


def cut(items, most, caption, noun):
    """The first `most` items, and the caption, which says so if there are more."""
    more = f" The first {most} of {len(items)} {noun}." if len(items) > most else ""
    return list(items)[:most], caption + more


# ---- Rules ---------------------------------------------------------------------------------------


def check(value, rule, place):
    """The parts of `value` that `rule` names. A rule is {key: rule}, [rule], or a function of value
    and place. A key that ends in '?' may be missing or null; its value is then None. Bad names the
    place and the value that breaks the rule."""
    if isinstance(rule, list):
        need(isinstance(value, list), value, place, "is not an array")
        return [check(item, rule[0], f"{place}[{i}]") for i, item in enumerate(value)]
    if not isinstance(rule, dict):
        return rule(value, place)
    need(isinstance(value, dict), value, place, "is not an object")
    found = {}
    for key, inner in rule.items():
        name = key.rstrip("?")
        if key != name and value.get(name) is None:
            found[name] = None
            continue
        if name not in value:
            raise Bad(f"{place or 'the document'}: the key '{name}' is missing")
        found[name] = check(value[name], inner, f"{place}.{name}" if place else name)
    return found


def need(good, value, place, rule):
    if not good:
        shown = short(clean(json.dumps(value)[:1000]), 60)
        raise Bad(f"{place or 'the document'}: {shown} {rule}")


def anything(value, place):
    return value


def text(value, place):
    need(isinstance(value, str), value, place, "is not a string")
    return clean(value)


def real(value, place, least=-1e30):
    need(isinstance(value, (int, float)) and not isinstance(value, bool), value, place,
         "is not a number")
    need(least <= value <= 1e30, value, place, f"is not between {least:g} and 1e+30")
    return float(value)


share = functools.partial(real, least=0)
positive = functools.partial(real, least=1e-30)


def count(value, place):
    need(share(value, place) == int(value) <= 10**9, value, place, "is not a whole number up to 1e9")
    return int(value)


def each(rule):
    """The rule for an object whose values all follow `rule`."""
    def check_all(value, place):
        need(isinstance(value, dict), value, place, "is not an object")
        return {key: check(item, rule, f"{place}[{short(clean(json.dumps(key)), 60)}]")
                for key, item in value.items()}
    return check_all


BENCH_ROWS = [{"op": text, "dtype": text, "describe": text, "isa": text, "threads": count,
               "asked?": text, "gflops?": positive, "gbytes_per_s?": positive, "bound?": text,
               "peak?": positive, "fraction?": share, "floor_of?": text, "floor?": real,
               "aim?": real, "times?": [share]}]
BALANCE = {"wins": count, "ties": count, "losses": count}
RULES = {  # for the commands' JSON and for the two formats of recorded spaces
    "tune": {"problems": [{
        "record": {"problem": {"describe": text}, "strategy": text, "seed": count},
        "log": [{"number": count, "phase": text, "evaluation": {
            "config": each(anything), "status": text, "seconds_min?": positive,
            "cv?": share}}]}]},
    "compare": {"rows": [{
        "problem": {"op": text, "dtype": text, "q_len?": count, "rows?": count, "cols?": count},
        "method": text, "seconds": {"min?": positive, "p50?": positive, "p95?": positive,
                                    "cv?": share},
        "speedup?": positive, "speedup_over?": text, "unstable?": anything, "note?": text}]},
    "compare --strategies": {"rows": [{
        "space": text, "strategy": text, "budget": count, "regret_p10": share, "regret_p50": share,
        "regret_p90": share, **BALANCE}]},
    "replay": {"files": [{"path": text}], "strategies": [{
        "name": text, "scores": [real],
        "curves": [{"p10": [share], "p50": [share], "p90": [share]}],
        "budgets": [{"budget": count, "against_all": BALANCE,
                     "files": [{"mean": share, "tenth_percentile": share}]}]}]},
    "bench": {"rows": BENCH_ROWS},
    "roofline": {"roofs": [{"op": text, "dtype": text, "isa": text, "threads": count,
                            "fma_gflops": share, "rows": BENCH_ROWS,
                            "levels": [{"level": text, "gbytes_per_s?": positive}]}]},
    "cache": {"device_name?": text, "kernel_name?": text, "tune_params_keys": [anything],
              "tune_params": each([anything]), "cache": each(each(anything))},
    "T4": {"results": [{"configuration": each(anything), "times?": {"runtimes?": [share]},
                        "measurements?": [{"name?": text, "value?": anything, "unit?": text}],
                        "invalidity?": text}]},
}


# ---- Files ---------------------------------------------------------------------------------------


class Source:
    """An input file. `kind`: a key of RULES. `data`: the parts that the rule names. `facts`: the
    file's origin, as (name, value). `spaces`: recorded spaces, or those that a tuning searched."""

    def __init__(self, path):
        self.path, self.spaces = path, []
        try:
            root = parse(read_text(path))
            self.kind = kind_of(root)
            self.data = check(root, RULES[self.kind], "")
            self.facts = [(name, clean(str(value))) for name, value in facts_of(root)]
            READERS.get(self.kind, lambda source: None)(self)
        except Bad as error:
            raise Bad(f"{clean(path)}: {error}")
        except RecursionError:
            raise Bad(f"{clean(path)}: values are nested too deep")

    @property
    def what(self):
        recorded = self.kind in ("cache", "T4")
        return f"recorded space ({self.kind})" if recorded else f"jitattn {self.kind} --json"


def of_kind(sources, *kinds):
    return [source for source in sources if source.kind in kinds]


def read_text(path):
    try:
        mode = os.stat(path).st_mode  # reading a FIFO or a device may never end
        if not stat.S_ISREG(mode):
            raise Bad("is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if data[:2] == b"\x1f\x8b":
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise Bad(f"longer than {MAX_BYTES >> 20} MiB")
        return data.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Bad(f"invalid gzip: {error}")
    except OSError as error:
        raise Bad(error.strerror or str(error))
    except UnicodeDecodeError as error:
        raise Bad(f"byte {error.start}: invalid UTF-8")


def parse(text):
    def refuse(word):
        raise Bad(f"{word} is not a JSON number")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        if '"tune_params_keys"' in text and not text.endswith("}}"):
            with contextlib.suppress(Bad):  # an interrupted tuner omits the closing brackets
                return parse(text.rstrip(" \t\r\n,") + "}}")
        raise Bad(f"line {error.lineno}, column {error.colno}: invalid JSON ({error.msg}); "
                  "pictures are made from the commands' --json output")
    except ValueError:
        raise Bad("a number has too many digits")


def kind_of(root):
    if isinstance(root, dict) and "tune_params_keys" in root:
        return "cache"
    if isinstance(root, dict) and "results" in root:
        return "T4"
    if not isinstance(root, dict) or "jitattn" not in root or "command" not in root:
        raise Bad("neither a recorded space nor the JSON of tune, compare, replay, bench or "
                  "roofline")
    command = text(root["command"], "command")
    if command not in ("tune", "compare", "replay", "bench", "roofline"):
        raise Bad(f"the JSON of jitattn {command} gives no pictures")
    return "compare --strategies" if command == "compare" and "ranking" in root else command


def facts_of(root):
    machine = root["machine"] if isinstance(root.get("machine"), dict) else root
    for name, value in (("version", root.get("jitattn")), ("machine", machine.get("brand")),
                        ("machine", root.get("device_name")), ("problem", root.get("kernel_name")),
                        ("cores", machine.get("physical_cores")), ("seed", root.get("seed")),
                        ("repeats", root.get("repeats")), ("warning", machine.get("flags")),
                        ("warning", root.get("machine_flags"))):
        if value not in (None, [], ""):
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else value


# ---- Spaces --------------------------------------------------------------------------------------


class Space:
    """A search space with measured points. `parameters`: (name, labels of the values in order). For
    each point, `where` has the indices of its values, `cost` its seconds (infinite if it failed),
    and `samples` all its samples."""

    def __init__(self, name, domains, points):
        """`domains`: values by parameter. `points`: (values by parameter, cost, samples); of equal
        points, the fastest counts."""
        self.name, self.parameters, places = name, [], []
        for parameter, values in domains.items():
            values = list({identity(value): value for value in values}.values())
            if all(isinstance(value, (int, float)) for value in values):
                values.sort()
            labels = [clean(value if isinstance(value, str) else json.dumps(value))
                      for value in values]
            self.parameters.append((clean(parameter), labels))
            places.append({identity(value): i for i, value in enumerate(values)})
        found = {}
        for i, (values, cost, samples) in enumerate(points):
            where = []
            for parameter, place in zip(domains, places):
                at = place.get(identity(values[parameter])) if parameter in values else None
                need(at is not None, values.get(parameter), f"point {i}",
                     f"is not a value of the parameter '{clean(parameter)}'")
                where.append(at)
            if cost < found.get(tuple(where), (math.inf,))[0] or tuple(where) not in found:
                found[tuple(where)] = (cost, samples)
        self.where = np.array(list(found), dtype=int).reshape(len(found), len(self.parameters))
        self.cost = np.array([cost for cost, _ in found.values()])
        self.samples = [np.array(samples) for _, samples in found.values()]


def identity(value):
    """A key that is equal for equal values of a parameter: 1 equals 1.0, but not true."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real(value, "a parameter") if is_number else json.dumps(value)


def cache_space(source):
    """Reads Kernel Tuner's cache, which `jitattn tune --record` also writes; times in ms."""
    data, points = source.data, []
    domains = {}
    for key in data["tune_params_keys"]:
        need(isinstance(key, str) and key in data["tune_params"], key, "tune_params_keys",
             "has no values in tune_params")
        domains[key] = data["tune_params"][key]
    for key, entry in data["cache"].items():
        place = f"cache[{short(clean(json.dumps(key)), 60)}]"
        time = check(entry, {"time": anything, "times?": [share], "timestamp?": text}, place)
        failed = isinstance(time["time"], str) or real(time["time"], place) >= 1e20
        cost = math.inf if failed else positive(time["time"], f"{place}.time") / 1e3
        points.append((time["timestamp"] or "", entry, cost, np.array(time["times"] or []) / 1e3))
    points.sort(key=lambda point: point[0])  # in order of time, if the file has timestamps
    source.spaces.append(Space(stem(source.path), domains, [point[1:] for point in points]))


def t4_space(source):
    """Reads T4 results. A point's time is its measurement `time`, else the mean of its samples."""
    domains, points = collections.defaultdict(list), []
    units = {"mic": 1e-6, "us": 1e-6, "nan": 1e-9, "ns": 1e-9, "sec": 1, "s": 1}
    for i, result in enumerate(source.data["results"]):
        for key, value in result["configuration"].items():
            domains[key].append(value)
        samples = np.array((result["times"] or {}).get("runtimes") or []) / 1e3
        cost = samples.mean() if len(samples) else 0
        for one in result["measurements"] or []:
            if one["name"] == "time" and one["value"]:
                unit = units.get((one["unit"] or "ms")[:3], 1e-3)
                cost = real(one["value"], f"results[{i}].measurements") * unit
        works = result["invalidity"] == "correct"
        need(cost > 0 or not works, cost, f"results[{i}]", "is not a time above 0")
        points.append((result["configuration"], cost if works else math.inf, samples))
    source.spaces.append(Space(stem(source.path), domains, points))


def tuned_spaces(source):
    """Makes a space of each tuning's evaluations, if a field of the configuration varies."""
    for problem in source.data["problems"]:
        problem["run"] = "{strategy}, seed {seed}".format(**problem["record"])
        problem["search"] = [{"number": one["number"], **one["evaluation"]}
                             for one in problem["log"] if one["phase"] == "search"]
        domains, points = collections.defaultdict(list), []
        for one in problem["search"]:
            for key, value in one["config"].items():
                domains[key].append(value)
            points.append((one["config"], one["seconds_min"]
                           if one["status"] == "ok" and one["seconds_min"] else math.inf, []))
        domains = {key: values for key, values in domains.items()
                   if len(set(map(identity, values))) > 1}
        if domains:
            name = f"{problem['record']['problem']['describe']}, {problem['run']}"
            source.spaces.append(Space(name, domains, points))


def compare_rows(source):
    """Adds to each row of compare its panel (`group`) and its size (`n`)."""
    for i, row in enumerate(source.data["rows"]):
        problem = row["problem"]
        row["group"] = f"{problem['op']} {problem['dtype']}"
        row["n"] = problem["q_len"] or (problem["rows"] or 0) * (problem["cols"] or 0)
        need(row["n"] > 0, row["n"], f"rows[{i}].problem", "is not a size")
        row.update(row.pop("seconds"))


def bench_rows(source):
    """Collects the rows of bench or roofline in one list, and adds their names in pictures."""
    roofs = source.data.get("roofs", [])
    parts = roofs if source.kind == "roofline" else [source.data]
    source.rows = [row for part in parts for row in part["rows"]]
    for part in roofs + source.rows:
        threads = some(part["threads"], "thread")
        part["roof"] = f"{part['op']} {part['dtype']}, {part['isa']}, {threads}"
    for row in source.rows:
        asked = f", {row['asked']}" if row["asked"] not in (None, "tuned") else ""
        known = f"{row['op']} {row['dtype']} "
        row["name"] = f"{row['describe']}, {row['threads']} thr{asked}"
        row["short"] = re.sub("^" + re.escape(known), "", row["describe"]) + asked
        both = row["gflops"] and row["gbytes_per_s"]
        row["intensity"] = row["gflops"] / row["gbytes_per_s"] if both else None
        if row["floor_of"] != "fraction":
            row["floor"] = row["aim"] = None


READERS = {"cache": cache_space, "T4": t4_space, "tune": tuned_spaces, "compare": compare_rows,
           "bench": bench_rows, "roofline": bench_rows}


# ---- Drawing -------------------------------------------------------------------------------------


class Picture:
    """A figure with its title, its caption and its table. `columns` of the table: those that begin
    with '>' hold numbers. `series`: identifiers of the drawn elements, which the SVG also has."""

    def __init__(self, name, title, caption, figure, columns, rows):
        self.kind, self.name, self.title, self.caption = "", slug(name), title, caption
        self.figure, self.columns, self.rows = figure, columns, rows[:MOST_TABLE_ROWS]
        self.panels = sum(axes.get_label() != "<colorbar>" for axes in figure.axes)
        self.series = []
        for artist in figure.findobj(lambda artist: artist.get_gid()):
            artist.set_gid(distinct(artist.get_gid(), self.series))
            self.series.append(artist.get_gid())
        width = figure.get_figwidth()
        self.words = [
            figure.suptitle(textwrap.fill(short(title, 200), int(width * 11)), x=0.01, ha="left",
                            size=10, weight="bold"),
            figure.supxlabel(textwrap.fill(caption, int(width * 15)), x=0.01, ha="left", size=7.5,
                             color=FAINT)]
        lines = sum(words.get_text().count("\n") + 1 for words in self.words)
        figure.set_figheight(figure.get_figheight() + 0.15 * lines + 0.15)

    def render(self, form, words=True):
        """The picture's bytes as "png" or "svg"; without its texts if a page shows them itself."""
        for one in self.words:
            one.set_visible(words)
            one.set_in_layout(words)
        out = io.BytesIO()
        svg = {"Title": self.title, "Creator": None, "Date": None, "Format": None, "Type": None}
        self.figure.savefig(out, format=form, dpi=200,
                            metadata=svg if form == "svg" else {"Software": None})
        return re.sub(rb"^(<\?xml[^>]*>\s*)<!DOCTYPE[^>]*>\s*", rb"\1", out.getvalue())


def look(i):
    return dict(color=COLORS[i % 7], linestyle=DASHES[(i + i // 7) % 5], marker=MARKERS[i % 7])


def mark(artists, *words):
    """Names a drawn element, for tests and for people who edit the SVG."""
    artist = artists[0] if isinstance(artists, (list, tuple)) else artists
    artist.set_gid("-".join(filter(None, map(slug, words))))


def grid(panels, columns, width, height, **shared):
    """A figure with `panels` panels, and the panels; `width` and `height` of a panel in inches."""
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure = mpl.figure.Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
    axes = figure.subplots(rows, columns, squeeze=False, **shared).flatten()
    for spare in axes[panels:]:
        spare.remove()
    return figure, list(axes[:panels])


def grow(figure, width=0.0, height=0.0):
    figure.set_size_inches(figure.get_figwidth() + width, figure.get_figheight() + height)


def named_rows(axes, names, most):
    """Labels the rows from the top down, and makes room for the names at the left."""
    names = [short(name, most) for name in names]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    grow(axes.figure, width=0.068 * max(map(len, names)))


def legend(panels, above=False):
    """Adds one legend for all panels, to the right of the first row, or above the first panel."""
    found = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            found.setdefault(short(label, 40), handle)
    figure = panels[0].figure
    place = dict(borderaxespad=0, loc="upper left", bbox_to_anchor=(1.02, 1))
    if above:
        place = dict(borderaxespad=0.2, loc="lower left", bbox_to_anchor=(0, 1), ncol=len(found),
                     columnspacing=1.4)
        grow(figure, height=0.25)
    elif found:
        grow(figure, width=0.066 * max(map(len, found)) + 0.6,
             height=max(0, 0.19 * len(found) + 0.5 - figure.get_figheight()))
    if found:
        corner = panels[min(len(panels), panels[0].get_gridspec().ncols) - 1]
        corner.legend(list(found.values()), list(found), **place)


def once(axes, label):
    """`label` for the legend, or "" if the panel has it already."""
    return "" if label in axes.get_legend_handles_labels()[1] else label


def outer_labels(panels, x, y):
    """Adds axis labels at the left of each row and under the last panel of each column."""
    columns = panels[0].get_gridspec().ncols
    for i, axes in enumerate(panels):
        last = i + columns >= len(panels)
        axes.set_xlabel(x if last else "")
        axes.set_ylabel("" if i % columns else y)
        axes.tick_params(axis="x", labelbottom=last)


def linear_axis(axis, word, ticks=5):
    axis.set_major_locator(ticker.MaxNLocator(ticks, steps=(1, 2, 5, 10)))
    axis.set_major_formatter(lambda value, _: word(value))


def log_axis(axis, low, high, word, room=0.05):
    """A logarithmic axis from a little below `low` to a little above `high`, with ticks at 1, 2, 5
    … or, over many decades, at powers of ten."""
    room = max((high / low)**room, 1.004)
    decades = math.log10(high / low)
    axis.axes.set(**{f"{axis.axis_name}scale": "log",
                     f"{axis.axis_name}lim": (low / room, high * room)})
    axis.set_major_locator(
        ticker.MaxNLocator(5, steps=(1, 2, 5, 10)) if decades < 0.7
        else ticker.LogLocator(subs=(1, 2, 5) if decades < 3.2 else (1,), numticks=12))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(lambda value, _: word(value))


def size_axis(axes, sizes):
    """A logarithmic axis of sizes, with at most nine ticks at powers of two."""
    low, high = min(sizes), max(sizes)
    log_axis(axes.xaxis, low, high, count_word, 0.02)
    powers = [2**k for k in range(60) if low <= 2**k <= high] or [low]
    axes.xaxis.set_major_locator(ticker.FixedLocator(powers[::-(-len(powers) // 9)]))
    axes.set_xlabel("N")


def draw_band(axes, x, low, high, color, *words, step=None):
    mark(axes.fill_between(x, low, high, step=step, linewidth=0.5,
                           facecolor=mpl.colors.to_rgba(color, 0.15),
                           edgecolor=mpl.colors.to_rgba(color, 0.5)), "band", *words)


def values_in(axes):
    return [y for line in axes.get_lines() for y in line.get_ydata() if y > 0]


# ---- Convergence ---------------------------------------------------------------------------------


def convergence(sources):
    return curves_over_all(sources) + tunings(sources)


def gather_curves(sources):
    """{strategy: {space: [p10, p50, p90] by evaluation}}, best strategy first; and the spaces."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for source in of_kind(sources, "replay"):
        for strategy in source.data["strategies"]:
            for file, curve in zip(source.data["files"], strategy["curves"]):
                need(len({len(part) for part in curve.values()}) == 1, strategy["name"],
                     clean(source.path), "has curves of unequal lengths")
                if curve["p50"]:
                    found[strategy["name"]][stem(file["path"])].append(
                        np.array([curve["p10"], curve["p50"], curve["p90"]]))
    curves = {strategy: {space: average(many) for space, many in spaces.items()}
              for strategy, spaces in found.items()}
    order = sorted(curves, key=lambda strategy: -average(curves[strategy].values())[1].mean())
    spaces = dict.fromkeys(space for strategy in order for space in curves[strategy])
    return {strategy: curves[strategy] for strategy in order}, list(spaces)


def average(curves):
    """The mean curve; at each evaluation, over the curves that are long enough."""
    curves = list(curves)
    longest = max(curve.shape[1] for curve in curves)
    return np.nanmean([np.pad(curve, ((0, 0), (0, longest - curve.shape[1])),
                              constant_values=np.nan) for curve in curves], axis=0)


def curve_figure(panels, order, band, width, height, background=()):
    """`panels`: (title, {strategy: curve})."""
    columns = 2 if len(panels) == 4 else 4 if len(panels) > 6 else 3
    figure, all_axes = grid(len(panels), columns, width, height, sharex=True,
                            sharey=bool(background))
    most = max(curve.shape[1] for _, curves in panels for curve in curves.values())
    for (title, curves), axes in zip(panels, all_axes):
        for curve in background:
            axes.step(range(1, curve.shape[1] + 1), curve[1], where="post", color=PALE,
                      linewidth=0.8)
        for strategy, curve in curves.items():
            style, x = look(order.index(strategy)), range(1, curve.shape[1] + 1)
            if band:
                draw_band(axes, x, curve[0], curve[2], style["color"], title, strategy, step="post")
            mark(axes.step(x, curve[1], where="post", **style, markevery=max(1, len(x) // 6),
                           label=strategy), "line", title, strategy)
        low = min(curve[0 if band else 1].min() for curve in [*curves.values(), *background])
        axes.set_ylim(low - 0.04 * (1.001 - low), 1 + 0.04 * (1.001 - low))
        linear_axis(axes.yaxis, percent)
        evaluation_axis(axes, most)
        axes.set_title(short(title, 32), size=8)
    outer_labels(all_axes, "distinct evaluations", "fraction of the optimum"[9 * (height < 3):])
    if not background:
        legend(all_axes)
    return figure


def evaluation_axis(axes, most):
    log_axis(axes.xaxis, 1, max(most, 2), number, 0.02)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5), numticks=20))


def curve_table(panels):
    most = max(curve.shape[1] for _, curves in panels for curve in curves.values())
    marks = [n for n in (step * 10**k for k in range(7) for step in (1, 2, 5)) if n < most] + [most]
    rows = [[title, strategy] + ["{1:.4f} ({0:.4f}–{2:.4f})".format(*curve[:, n - 1])
                                 if n <= curve.shape[1] else "" for n in marks]
            for title, curves in panels for strategy, curve in curves.items()]
    return ["of", "strategy", *(f">{n}" for n in marks)], rows


def curves_over_all(sources):
    curves, spaces = gather_curves(sources)
    if not curves:
        return []
    means = {strategy: average(by_space.values()) for strategy, by_space in curves.items()}
    over = f"on {spaces[0]}" if len(spaces) == 1 else f"mean over {len(spaces)} spaces"
    what = f"Optimum ÷ best so far, {over}: median of the repeats"
    band = "; band: 10th to 90th percentile"
    few = len(means) <= 3  # with more curves, bands would hide each other
    table = curve_table([(over, means)])
    pictures = [Picture("convergence", "Convergence of search strategies",
                        f"{what}{band if few else ''}.",
                        curve_figure([("", means)], list(means), few, 5.4, 3.5), *table)]
    if not few:
        shown, caption = cut(means, MOST_PANELS, f"{what}{band}; grey: the others.", "strategies")
        figure = curve_figure([(strategy, {strategy: means[strategy]}) for strategy in shown],
                              list(means), True, 2.4, 1.8, means.values())
        pictures.append(Picture("convergence-bands", "Convergence of each search strategy", caption,
                                figure, *table))
    return pictures


def curves_by_space(sources):
    curves, spaces = gather_curves(sources)
    if len(spaces) < 2:
        return []
    panels = [(space, {strategy: by_space[space] for strategy, by_space in curves.items()
                       if space in by_space}) for space in spaces]
    few = len(curves) <= 3
    caption = ("Optimum ÷ best so far: median of the repeats"
               f"{'; band: 10th to 90th percentile' if few else ''}.")
    shown, caption = cut(panels, MOST_PANELS, caption, "spaces")
    return [Picture("convergence-spaces", "Convergence on each space", caption,
                    curve_figure(shown, list(curves), few, 2.5, 1.8), *curve_table(panels))]


def tunings(sources):
    """One picture per problem with the best time so far of each tuning."""
    by_problem = collections.defaultdict(list)
    for source in of_kind(sources, "tune"):
        for problem in source.data["problems"]:
            good = [one for one in problem["search"]
                    if one["status"] == "ok" and one["seconds_min"]]
            if good:
                by_problem[problem["record"]["problem"]["describe"]].append((problem, good))
    return [tuning(name, runs) for name, runs in by_problem.items()]


def tuning(name, runs):
    figure, (axes,) = grid(1, 1, 5.4, 3.4)
    rows, lows, highs = [], [], []
    caption = ("Fastest sample of the best configuration so far, by evaluation. Points: single "
               "evaluations, if they lie within the axis.")
    shown, caption = cut(runs, 14, caption, "tunings")
    lowest = min(one["seconds_min"] for _, good in runs for one in good)
    for i, (problem, good) in enumerate(shown):
        x = np.array([max(one["number"], 1) for one in good])
        y = np.array([one["seconds_min"] for one in good])
        best, last = np.minimum.accumulate(y), problem["search"][-1]["number"]
        style = look(i)
        inside = y <= max(3 * lowest, best[0])
        mark(axes.plot(x[inside], y[inside], style["marker"], color=style["color"], alpha=0.45,
                       markersize=3.5, markeredgewidth=0), "points", problem["run"])
        mark(axes.step([*x, last], [*best, best[-1]], where="post", color=style["color"],
                       linestyle=style["linestyle"], linewidth=1.8, label=problem["run"]),
             "line", problem["run"])
        status = collections.Counter(one["status"] for one in problem["search"])
        slow = status.pop("censored", 0)
        rows.append([problem["record"]["strategy"], str(problem["record"]["seed"]), str(last),
                     str(slow), str(sum(status.values()) - status["ok"]), seconds(best[0]),
                     seconds(best[-1])])
    evaluation_axis(axes, max(one["number"] for problem, _ in shown for one in problem["search"]))
    log_axis(axes.yaxis, min(values_in(axes)), max(values_in(axes)), seconds)
    outer_labels([axes], "distinct evaluations", "time")
    legend([axes])
    return Picture(f"convergence-{name}", f"Best so far: {name}", caption, figure,
                   ["strategy", ">seed", ">evaluations", ">dropped as slow", ">failed", ">first",
                    ">best"], rows)


# ---- Methods over sizes --------------------------------------------------------------------------


def over_size(sources, name, title, caption, key, word, label, line=None, band=()):
    """One panel per operation and type, one line per method; unstable points are ringed."""
    rows = [row for source in of_kind(sources, "compare") for row in source.data["rows"]]
    drawn = [row for row in rows if row[key]]
    if not drawn:
        return []
    over = " or ".join(sorted({row["speedup_over"] for row in drawn if row["speedup_over"]}))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    groups = list(dict.fromkeys(row["group"] for row in drawn))[:MOST_PANELS]
    figure, panels = grid(len(groups), 2, *((5.4, 3.4) if len(groups) == 1 else (3.7, 2.6)))
    for group, axes in zip(groups, panels):
        here = [row for row in drawn if row["group"] == group]
        for i, method in enumerate(methods):
            points = sorted((row for row in here if row["method"] == method),
                            key=lambda row: row["n"])
            n = [row["n"] for row in points]
            if band and points:
                ends = [[row[end] or row[key] for row in points] for end in band]
                draw_band(axes, n, *ends, COLORS[i % 7], group, method)
            if points:
                mark(axes.plot(n, [row[key] for row in points], **look(i), label=method),
                     "line", group, method)
        rings = [(row["n"], row[key]) for row in here if row["unstable"] is True]
        if rings:
            mark(axes.plot(*zip(*rings), "o", color=INK, fillstyle="none", markersize=9,
                           label="CV above 0.1"), "unstable", group)
        if line:
            axes.axhline(line, color=FAINT, linewidth=1, zorder=1)
        values = values_in(axes) + [row[end] for row in here for end in band if row[end]]
        log_axis(axes.yaxis, min(values), max(values), word)
        size_axis(axes, [row["n"] for row in here])
        axes.set_ylabel(short(label.format(over=over), 40))
        axes.set_title(group)
    legend(panels)
    cells = collections.defaultdict(lambda: [""] * len(methods))
    for row in rows:
        shaky = " (unstable)" if row["unstable"] is True else ""
        cells[row["group"], row["n"]][methods.index(row["method"])] = (
            f"{row[key]:.4g}{shaky}" if row[key] else row["note"] or "")
    table = [[group, count_word(n), *texts] for (group, n), texts in cells.items()]
    return [Picture(name, title.format(over=over), caption.format(over=over), figure,
                    ["problem", ">N", *(f">{method}" for method in methods)], table)]


RINGED = "Ringed: coefficient of variation above 0.1."
time_over_size = functools.partial(
    over_size, name="time", title="Time over size", key="p50", word=seconds, label="median time",
    caption="Median of the samples; band: fastest to 95th percentile; both axes logarithmic. "
    + RINGED, band=("min", "p95"))
speedup_over_size = functools.partial(
    over_size, name="speedup", title="Speed-up over {over}", key="speedup", word=factor, line=1,
    label="speed-up over {over}",
    caption="Fastest sample of {over} ÷ fastest sample; both axes logarithmic; above 1 is faster. "
    + RINGED)
variation_over_size = functools.partial(
    over_size, name="cv", title="Coefficient of variation over size", key="cv", word=percent,
    line=UNSTABLE, label="coefficient of variation",
    caption="Standard deviation ÷ mean of the samples. Line: 10 %, above which a row is unstable.")


def variation(sources):
    series = []
    for source in sources:
        if source.kind == "tune":
            series += [(problem["run"], [(one["number"], one["cv"]) for one in problem["search"]
                                         if one["cv"]]) for problem in source.data["problems"]]
        elif source.kind in ("cache", "T4"):
            series += [(space.name, [
                (i + 1, samples.std(ddof=1) / samples.mean())
                for i, samples in enumerate(space.samples)
                if len(samples) > 1 and np.ptp(samples) > 0]) for space in source.spaces]
    series = [(name, points) for name, points in series if points]
    pictures = variation_over_size(sources)
    if not series:
        return pictures
    rows = [[name, str(len(points)), percent(float(np.median([cv for _, cv in points]))),
             percent(max(cv for _, cv in points))] for name, points in series]
    caption = "Standard deviation ÷ mean of the samples of each evaluation. Line: 10 %."
    series, caption = cut(series, 14, caption, "runs")
    figure, (axes,) = grid(1, 1, 5.4, 3)
    for i, (name, points) in enumerate(series):
        mark(axes.plot(*zip(*points), MARKERS[i % 7], color=COLORS[i % 7], alpha=0.7, markersize=4,
                       markeredgewidth=0, label=name), "points", name)
    axes.axhline(UNSTABLE, color=FAINT, linewidth=1, zorder=1)
    log_axis(axes.yaxis, min(values_in(axes)), max(values_in(axes)), percent)
    linear_axis(axes.xaxis, number, 8)
    outer_labels([axes], "evaluation", "coefficient of variation")
    legend([axes])
    return pictures + [Picture("cv-evaluations", "Coefficient of variation by evaluation", caption,
                               figure, ["run", ">evaluations", ">median CV", ">greatest CV"], rows)]


# ---- Parameters of a space -----------------------------------------------------------------------

# With f the log time of a point, every point equally likely, and V = Var f (Hoeffding 1948, Sobol
# 1993):
#   alone_i   Var(E[f | xᵢ]) / V                                 first order
#   pair_ij   Var(E[f | xᵢ, xⱼ]) / V − alone_i − alone_j         interaction of the pair
#   total_i   E[Var(f | all but xᵢ)] / V                         first order and every interaction
# On a complete grid this is exact. If points of the grid are missing (constraints, failures, a
# partial search), expectations are over the existing points: alone_i is the correlation ratio η²,
# pairs may be negative, and sums need not be 1. With k groups among n points, a parameter without
# effect gets (k − 1) / (n − 1) by chance. total_i is over the points that have a partner differing
# only in xᵢ; it is None if fewer than half of the points have one.
Importance = collections.namedtuple("Importance", "points grid alone total pairs")


def importance_of(space):
    """The Importance of a space; None if fewer than two points have a time. `alone` and `pairs` are
    (share, share by chance); all are 0 if the times do not vary."""
    where, f = space.where[np.isfinite(space.cost)], np.log(space.cost[np.isfinite(space.cost)])
    points, values = len(f), [len(labels) for _, labels in space.parameters]
    if points < 2:
        return None
    size, mean = math.prod(values), f.mean()
    f = f - mean
    variance = (f * f).mean()
    variance = variance if variance > 1e-24 * mean * mean else 0  # below: rounding errors
    scale = 1 / variance if variance else 0
    by_chance = 1 / (points - 1) if variance and points < size else 0

    def between(groups):
        _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
        sums = np.bincount(group, f)
        return (sums * sums / counts).sum() / points * scale, (len(counts) - 1) * by_chance

    def within(i):
        others = np.delete(where, i, axis=1)
        _, group, counts = np.unique(others, axis=0, return_inverse=True, return_counts=True)
        sums, squares = np.bincount(group.ravel(), f), np.bincount(group.ravel(), f * f)
        many = counts > 1
        if values[i] == 1 or 2 * counts[many].sum() < points:
            return 0 if values[i] == 1 else None
        return (squares - sums * sums / counts)[many].sum() / counts[many].sum() * scale

    alone = [between(where[:, i]) for i in range(len(values))]
    pairs = {}
    for b in range(len(values)):
        for a in range(b):
            found, chance = between(where[:, a] * values[b] + where[:, b])
            pairs[a, b] = (found - alone[a][0] - alone[b][0],
                           max(0, chance - alone[a][1] - alone[b][1]))
    return Importance(points, size, alone, [within(i) for i in range(len(values))], pairs)


def seen_spaces(sources):
    """Yields (space, importance, parameters that vary, the most important ones first)."""
    for space in (space for source in sources for space in source.spaces):
        found = importance_of(space)
        order = [i for i, (_, labels) in enumerate(space.parameters) if 1 < len(labels) <= 1000]
        if found and order:
            order.sort(key=lambda i: -(found.alone[i][0] if found.total[i] is None
                                       else found.total[i]))
            yield space, found, order


def importance(sources):
    return [importance_picture(*seen) for seen in seen_spaces(sources)]


def importance_picture(space, found, order):
    names = [name for name, _ in space.parameters]
    pairs = [(f"{names[a]} × {names[b]}", *pair) for (a, b), pair
             in sorted(found.pairs.items(), key=lambda pair: -pair[1][0]) if {a, b} <= set(order)]
    rows = [[names[i], f"{found.alone[i][0]:.4f}",
             "" if found.total[i] is None else f"{found.total[i]:.4f}", f"{found.alone[i][1]:.4f}"]
            for i in order] + [[name, f"{pair:.4f}", "", f"{chance:.4f}"]
                               for name, pair, chance in pairs]
    caption = ("Share of the variance of log time: functional analysis of variance, exact on the "
               f"whole grid of {found.points} points. Total: with all interactions.")
    if found.points < found.grid:
        caption = (f"Share of the variance of log time among the {found.points} existing points of "
                   f"a grid of {number(found.grid)}: correlation ratios, which need not sum to 1. "
                   "Tick: share by chance of a parameter without effect. Total: mean "
                   "variance where all else is equal, left out where few points have such "
                   "neighbours.")
    order, caption = cut(order, 16, caption, "parameters")
    pairs = [pair for pair in pairs if pair[1] > 0][:len(order)]
    figure, panels = grid(2 if pairs else 1, 2, 2.9, 0.3 * len(order) + 0.8)
    for y, i in enumerate(order):
        bar(panels[0], y, found.alone[i][0], BLUE, "alone", names[i], 0.34, -0.18)
        if found.total[i] is not None:
            bar(panels[0], y, found.total[i], SKY, "total", names[i], 0.34, 0.18)
        if found.alone[i][1]:
            tick(panels[0], found.alone[i][1], y, "by chance", names[i], -0.42, 0.05)
    for y, (name, pair, chance) in enumerate(pairs):
        bar(panels[1], y, pair, ORANGE, "pair", name, 0.5)
        if chance:
            tick(panels[1], chance, y, "by chance", name)
    for axes, title, labels in zip(panels, ("each parameter", "pairs, beyond each alone"),
                                   ([names[i] for i in order], [name for name, *_ in pairs])):
        named_rows(axes, labels, 34)
        axes.set(title=title, xlabel="share of the variance", ylim=(len(order) - 0.4, -0.6))
        axes.set_xlim(left=0)
        linear_axis(axes.xaxis, number, 4)
    legend(panels)
    return Picture(f"importance-{space.name}", f"Importance of parameters: {space.name}", caption,
                   figure, ["parameter or pair", ">alone or pair", ">total", ">by chance"], rows)


def bar(axes, y, width, color, kind, name, height=0.6, shift=0.0, left=0):
    mark(axes.barh(y + shift, width, height, left=left, color=color, label=once(axes, kind)),
         kind, name)


def tick(axes, x, y, kind, name, low=-0.42, high=0.42, dash="-"):
    mark(axes.plot([x, x], [y + low, y + high], color=INK, linewidth=1.5, linestyle=dash,
                   label=once(axes, kind)), kind, name)


def pairs(sources):
    return [pairs_picture(*seen) for seen in seen_spaces(sources) if len(seen[2]) > 1]


def cells_of(space, x, y):
    """log(time ÷ optimum) of the best and the median point of each pair of values, by [y, x]."""
    good = np.isfinite(space.cost)
    f, where = np.log(space.cost[good] / space.cost.min()), space.where[good]
    shape = len(space.parameters[y][1]), len(space.parameters[x][1])
    code = where[:, y] * shape[1] + where[:, x]
    order = np.lexsort((f, code))
    cells, first, counts = np.unique(code[order], return_index=True, return_counts=True)
    best, median = np.full((2, shape[0] * shape[1]), np.nan)
    best[cells], median[cells] = f[order][first], f[order][first + counts // 2]
    return best.reshape(shape), median.reshape(shape)


def pairs_picture(space, found, order):
    """A matrix of heat maps: below the diagonal the best points, above it the medians."""
    shown = order[:8]
    names = [short(space.parameters[i][0], 20) for i in shown]
    labels = [space.parameters[i][1] for i in shown]
    spans = [min(len(values), 16) for values in labels]
    starts = np.cumsum([0] + [span + 0.5 for span in spans])
    inch = min(max(6.5 / starts[-1], 0.08), 0.24)  # size of a cell
    blocks = {(r, c): cells_of(space, shown[c], shown[r])
              for r in range(len(shown)) for c in range(len(shown)) if r != c}
    medians = np.concatenate([median[np.isfinite(median)] for _, median in blocks.values()])
    top = max(np.quantile(medians, 0.9), math.log(1.01))  # without outliers
    figure, (axes,) = grid(1, 1, inch * starts[-1] + 2.6, inch * starts[-1] + 1.2)
    # With few colours the scale is drawn as paths; with many it would be an image.
    colors = dict(cmap=mpl.colormaps["cividis"].resampled(40), norm=mpl.colors.Normalize(0, top))
    for (r, c), (best, median) in blocks.items():
        x, y = (np.linspace(starts[i], starts[i] + spans[i], len(labels[i]) + 1) for i in (c, r))
        axes.fill_between([x[0], x[-1]], y[0], y[-1], color="#e4e4e4", linewidth=0, zorder=0.5)
        many = best.size > 1500  # then an image in the SVG, else a path per cell
        mesh = axes.pcolormesh(x, y, best if r > c else median, **colors, edgecolor=PAPER,
                               linewidth=0 if many else 0.6, rasterized=many)
        if not many:
            mark(mesh, "best" if r > c else "median", names[c], names[r])
    places, words = [], []
    for start, span, values in zip(starts, spans, labels):
        every = -(-len(values) // 16)
        places += list(start + (np.arange(len(values))[::every] + 0.5) * span / len(values))
        words += [short(value, 12) for value in values[::every]]
    axes.set(xlim=(-0.2, starts[-1] - 0.3), ylim=(starts[-1] - 0.3, -0.2), aspect="equal")
    axes.set_xticks(places, words, rotation=90)
    axes.set_yticks(places, words)
    centres = starts[:-1] + np.array(spans) / 2
    turned = any(0.075 * len(name) > inch * span for name, span in zip(names, spans))
    top_names, right_names = axes.secondary_xaxis("top"), axes.secondary_yaxis("right")
    top_names.set_xticks(centres, names, **(dict(rotation=35, ha="left") if turned else {}))
    right_names.set_yticks(centres, names)
    for one in (axes, top_names, right_names):
        one.grid(False)
        one.tick_params(length=0, labelsize=7.5)
        one.spines[:].set_visible(False)
    steps = np.linspace(0, top, 5)
    scale = figure.colorbar(mpl.cm.ScalarMappable(**colors), ax=axes, shrink=0.6, extend="max",
                            ticks=steps, label="time ÷ optimum", pad=0.02)
    scale.ax.set_yticklabels([factor(math.exp(step)) for step in steps])
    scale.outline.set_visible(False)
    scale.solids.set_edgecolor("face")  # no seams between the colours
    rows = [[f"{names[c]}, {names[r]}", f"{labels[c][j]}, {labels[r][i]}",
             f"{math.exp(best[i, j]):.4f}", f"{math.exp(median[i, j]):.4f}"]
            for (r, c), (best, median) in blocks.items() if r > c
            for j, i in zip(*np.nonzero(np.isfinite(best.T)))][:MOST_TABLE_ROWS]
    caption = ("Time ÷ the fastest point of all. Below the diagonal: the best over the other "
               f"parameters; above: their median. Grey: no point. {found.points} points.")
    if len(order) > len(shown):
        caption += f" The {len(shown)} most important of {len(order)} parameters."
    return Picture(f"pairs-{space.name}", f"Pairs of parameters: {space.name}", caption, figure,
                   ["parameters", "values", ">best ÷ optimum", ">median ÷ optimum"], rows)


# ---- Under the machine's limits ------------------------------------------------------------------


def roofs_of(sources):
    """The measured roofs; for rows without one, the FMA rate, if a row has it. The bandwidths in
    rows are not roofs, since each was measured with a buffer of its problem's size."""
    roofs = {roof["roof"]: (roof["fma_gflops"], [(level["level"], level["gbytes_per_s"])
                                                 for level in roof["levels"]
                                                 if level["gbytes_per_s"]])
             for source in of_kind(sources, "roofline") for roof in source.data["roofs"]}
    for source in of_kind(sources, "bench"):
        for row in source.rows:
            if row["peak"] and row["bound"] == "fma" and not roofs.get(row["roof"], (0, 0))[1]:
                roofs[row["roof"]] = (max(row["peak"], roofs.get(row["roof"], (0,))[0]), [])
    return roofs


def roofline(sources):
    rows = [row for source in of_kind(sources, "bench", "roofline") for row in source.rows
            if row["intensity"]]
    return [roof_picture(name, fma, levels, [row for row in rows if row["roof"] == name])
            for name, (fma, levels) in roofs_of(sources).items()
            if (fma or levels) and any(row["roof"] == name for row in rows)]


def roof_picture(name, fma, levels, rows):
    ridges = [fma / rate for _, rate in levels if fma]
    low = min([row["intensity"] for row in rows] + ridges) / 2
    high = max([row["intensity"] for row in rows] + ridges) * 2
    figure, (axes,) = grid(1, 1, 5.4, 3.7)
    for i, (level, rate) in enumerate(levels):
        end = fma / rate if fma else high
        mark(axes.plot([low, end], [low * rate, end * rate], color=GREY, linewidth=1.3,
                       linestyle=DASHES[i % 5], label=f"{level}, {rate:.3g} GB/s"), "roof", level)
    if fma:
        mark(axes.plot([min(ridges, default=low), high], [fma, fma], color=INK, linewidth=2,
                       label=f"FMA, {fma:.4g} GFLOP/s"), "roof", "FMA")
    limits = [(row["intensity"], row["gflops"] / row["fraction"]) for row in rows
              if not levels and row["fraction"]]
    if limits:
        mark(axes.plot(*zip(*limits), "_", color=INK, markersize=9, markeredgewidth=1.5,
                       label="limit of the problem"), "limits")
    few = len(rows) <= 14  # a longer legend would be a mere list
    for i, row in enumerate(rows):
        style = look(i if few else 0)
        mark(axes.plot(row["intensity"], row["gflops"], style["marker"], color=style["color"],
                       markersize=7, markeredgecolor=PAPER, markeredgewidth=0.6,
                       label=row["short"] if few else once(axes, "problem")), "point", row["short"])
    log_axis(axes.xaxis, low, high, number, 0)
    log_axis(axes.yaxis, min(values_in(axes)), max(values_in(axes)), number)
    outer_labels([axes], "flop/byte", "GFLOP/s")
    legend([axes])
    table = [[row["name"], f"{row['intensity']:.2f}", f"{row['gflops']:.1f}",
              "" if row["fraction"] is None else percent(row["fraction"])] for row in rows]
    return Picture(f"roofline-{name}", f"Roofline: {name}",
                   "Operations of the formula per byte of operands, each read or written once; "
                   "speed of the fastest sample. A kernel may exceed the roof of a level if its "
                   "data are in a nearer one.",
                   figure, ["problem", ">flop/byte", ">GFLOP/s", ">share of its limit"], table)


def fraction(sources):
    pictures = []
    for source in of_kind(sources, "bench", "roofline"):
        rows = [row for row in source.rows if row["fraction"] is not None]
        if not rows:
            continue
        table = [[row["name"], row["bound"] or "", f"{row['fraction']:.3f}",
                  *("" if row[key] is None else number(row[key]) for key in ("floor", "aim"))]
                 for row in rows]
        caption = ("Least time by the binding limit ÷ fastest sample. Floor and aim are those of "
                   "this kind of CPU, if there are any.")
        rows, caption = cut(rows, MOST_ROWS, caption, "rows")
        figure, (axes,) = grid(1, 1, 4.8, 0.24 * len(rows) + 0.7)
        for y, row in enumerate(rows):
            kind, color = (("memory bound", ORANGE) if row["bound"] == "memory"
                           else ("FMA bound", BLUE))
            bar(axes, y, row["fraction"], color, kind, row["name"])
            axes.annotate(percent(row["fraction"]), (1.01, y), size=7.5, va="center",
                          xycoords=("axes fraction", "data"))
            for kind, dash in (("floor", "-"), ("aim", (0, (1.5, 1)))):
                if row[kind] is not None:
                    tick(axes, row[kind], y, kind, row["name"], dash=dash)
        named_rows(axes, [row["name"] for row in rows], 60)
        axes.set_xlim(0, max(1, axes.get_xlim()[1]))
        linear_axis(axes.xaxis, percent)
        axes.set_xlabel("share of the limit")
        legend([axes], above=True)
        pictures.append(Picture(f"fraction-{stem(source.path)}",
                                f"Share of the machine's limit: {stem(source.path)}", caption,
                                figure, ["problem", "limit", ">share", ">floor", ">aim"], table))
    return pictures


# ---- Samples -------------------------------------------------------------------------------------


def samples(sources):
    pictures = [space_samples(space) for source in of_kind(sources, "cache", "T4")
                for space in source.spaces]
    for source in of_kind(sources, "bench", "roofline"):
        strips = [(row["name"], [time for time in row["times"] or [] if time > 0])
                  for row in source.rows]
        strips = [strip for strip in strips if strip[1]]
        if strips:
            strips, caption = cut(strips, MOST_ROWS, "Every sample that was timed.", "rows")
            figure, (axes,) = grid(1, 1, 4.8, 0.26 * len(strips) + 0.8)
            pictures.append(Picture(f"samples-{stem(source.path)}",
                                    f"Samples of each problem: {stem(source.path)}", caption,
                                    figure, *draw_strips(axes, strips)))
    return [picture for picture in pictures if picture]


def draw_strips(axes, strips, labels=()):
    """Draws one row of samples per name, with minimum, median and 95th percentile. Returns the
    table's columns and rows."""
    rows = []
    for y, (name, times) in enumerate(strips):
        times = np.sort(times)
        median, high = np.quantile(times, (0.5, 0.95))
        axes.plot([times[0], high], [y, y], color="#b0b0b0", linewidth=1.2, zorder=1.5)
        apart = y + 0.17 * (np.arange(len(times)) % 3 - 1)  # keeps equal samples apart
        mark(axes.plot(times, apart, "o", color=SKY, alpha=0.6, markersize=2.8, markeredgewidth=0,
                       label=once(axes, "sample")), "samples", name)
        for x, shape, color, label in ((times[0], "|", BLUE, "minimum"),
                                       (median, "D", VERMILION, "median"),
                                       (high, "^", GREEN, "95th percentile")):
            axes.plot(x, y, shape, color=color, markersize=9 if shape == "|" else 4.5,
                      markeredgewidth=1.8 if shape == "|" else 0, label=once(axes, label))
        rows.append([name, str(len(times)),
                     *map(seconds, (times[0], median, high, times[-1]))])
    log_axis(axes.xaxis, min(min(times) for _, times in strips),
             max(max(times) for _, times in strips), seconds)
    axes.set_xlabel("time of a sample")
    named_rows(axes, labels or [name for name, _ in strips], 60)
    legend([axes], above=True)
    return ["of", ">samples", ">minimum", ">median", ">95th percentile", ">greatest"], rows


def space_samples(space):
    """The samples of the fastest points, and the distribution of sample ÷ minimum of its point."""
    good = [i for i in np.argsort(space.cost, kind="stable") if np.isfinite(space.cost[i])
            and len(space.samples[i]) > 1 and space.samples[i].min() > 0]
    if not good:
        return None
    shown = good[:20]
    vary = [p for p in range(len(space.parameters))
            if len(shown) == 1 or np.ptp(space.where[shown, p]) > 0]
    names = [space.parameters[p][0] for p in vary]
    values = [[space.parameters[p][1][space.where[i, p]] for p in vary] for i in shown]
    strips = [(" ".join(map("=".join, zip(names, row))), space.samples[i])
              for i, row in zip(shown, values)]
    wide = max(len(name) for name, _ in strips) > 44
    labels = [" · ".join(row) for row in values] if wide else []
    above = np.sort(np.concatenate([space.samples[i] / space.samples[i].min() for i in good]))
    shares = np.arange(1, len(above) + 1) / len(above)
    end = max(np.quantile(above, 0.99), 1.001)
    some_of = slice(0, np.searchsorted(above, end, "right"), max(1, len(above) // 1000))
    figure, panels = grid(2, 2, 3.2, 0.26 * len(shown) + 0.9, width_ratios=(2, 1))
    table = draw_strips(panels[0], strips, labels)
    mark(panels[1].step(above[some_of], shares[some_of], where="post", color=BLUE, linewidth=1.8),
         "all samples")
    panels[1].set(xlim=(1, end), ylim=(0, 1), xlabel="sample ÷ minimum",
                  ylabel="share of the samples")
    linear_axis(panels[1].xaxis, number, 3)
    linear_axis(panels[1].yaxis, percent)
    caption = (f"Left: the {len(shown)} fastest of {some(len(good), 'point')}, named by the values "
               f"that differ{': ' + ' · '.join(names) if wide else ''}. Right: cumulative share of "
               "all samples by sample ÷ minimum of its point, up to the 99th percentile.")
    return Picture(f"samples-{space.name}", f"Samples: {space.name}", caption, figure, *table)


# ---- Strategies against each other ---------------------------------------------------------------


def standings_of(source):
    """{budget: {strategy: [standing on each space]}}; a standing's keys depend on the command."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    if source.kind == "compare --strategies":
        for row in source.data["rows"]:
            found[row["budget"]][row["strategy"]].append(row)
        return found
    for strategy in source.data["strategies"]:
        for at in strategy["budgets"]:
            for i, file in enumerate(at["files"]):
                mean, tenth = file["mean"], file["tenth_percentile"]
                found[at["budget"]][strategy["name"]].append({
                    "regret_p10": None, "regret_p50": 1 / mean - 1 if mean else None,
                    "regret_p90": 1 / tenth - 1 if tenth else None,
                    # The balance is over all files, so it counts once.
                    **(at["against_all"] if i == 0 else dict.fromkeys(BALANCE, 0))})
    return found


def by_budget(sources, name, title, caption, values_of, rank, word, draw, label):
    """One picture per file, one panel per budget, one row per strategy. `values_of`(standings): the
    values of a strategy; `rank`: the sort key of its list of values at all budgets;
    `draw`(axes, y, strategy, values)."""
    sources = of_kind(sources, "replay", "compare --strategies")
    pictures = []
    for source in sources:
        found = {budget: {strategy: values_of(many) for strategy, many in strategies.items()}
                 for budget, strategies in sorted(standings_of(source).items())}
        strategies = list(dict.fromkeys(one for at in found.values() for one in at))
        strategies.sort(key=lambda one: rank([at[one] for at in found.values() if one in at]))
        if not strategies:
            continue
        shown, words = cut(strategies, MOST_ROWS, caption(source), "strategies")
        budgets = list(found)[:12]
        figure, panels = grid(len(budgets), 4, 2.2 if len(budgets) > 1 else 4.2,
                              0.24 * len(shown) + 0.8, sharey=True)
        for axes, budget in zip(panels, budgets):
            for y, strategy in enumerate(shown):
                if strategy in found[budget]:
                    draw(axes, y, strategy, found[budget][strategy])
            axes.set(title=f"{budget} evaluations", xlabel=label)
            axes.set_xlim(left=0)
            axes.grid(axis="y", visible=False)
            axes.tick_params(axis="y", length=0)
            linear_axis(axes.xaxis, word, 4)
        named_rows(panels[0], shown, 30)
        legend(panels)
        rows = [[one] + [word_of(at[one], word) if one in at else "" for at in found.values()]
                for one in strategies]
        of = f": {stem(source.path)}" if len(sources) > 1 else ""
        pictures.append(Picture(name + of, title + of, words, figure,
                                ["strategy", *(f">at {budget}" for budget in found)], rows))
    return pictures


def word_of(values, word):
    return " / ".join("–" if value is None else word(value) for value in values)


def regret(sources):
    def values_of(standings):
        parts = [[one[key] for one in standings if one[key] is not None]
                 for key in ("regret_p10", "regret_p50", "regret_p90")]
        return [sum(part) / len(part) if part else None for part in parts]

    def draw(axes, y, strategy, values):
        low, middle, high = values
        if middle is None:
            return
        mark(axes.plot([middle if end is None else end for end in (low, high)], [y, y], color=SKY,
                       linewidth=4, solid_capstyle="butt"), "spread", strategy)
        mark(axes.plot(middle, y, "o", color=BLUE, markersize=6, clip_on=False), "regret",
             strategy)

    def caption(source):
        spread = ("mean of the runs; bar: to the worst tenth" if source.kind == "replay"
                  else "median of the runs; bar: 10th to 90th percentile")
        return f"Best found ÷ optimum − 1, mean over spaces: {spread}. Each panel has its own axis."

    return by_budget(sources, "regret", "Regret of search strategies", caption, values_of,
                     lambda values: math.inf if values[0][1] is None else values[0][1], percent,
                     draw, "regret")


def wins(sources):
    colors = dict(zip(BALANCE, (BLUE, "#d0d0d0", VERMILION)))

    def draw(axes, y, strategy, values):
        for (kind, color), value, left in zip(colors.items(), values, np.cumsum([0, *values])):
            bar(axes, y, value, color, kind, strategy, 0.68, left=left)

    return by_budget(sources, "wins", "Wins, ties and losses of search strategies",
                     lambda source: "Comparisons that differ significantly count as won or lost, "
                     "the rest as ties.",
                     lambda standings: [sum(one[key] for one in standings) for key in BALANCE],
                     lambda values: sum(one[2] - one[0] for one in values), number, draw,
                     "comparisons")


def score(sources):
    pictures = []
    sources = of_kind(sources, "replay")
    for source in sources:
        scores = {one["name"]: one["scores"] for one in source.data["strategies"] if one["scores"]}
        order = sorted(scores, key=lambda name: -np.mean(scores[name]))
        if not order:
            continue
        rows = [[name, *(f"{of(scores[name]):+.3f}" for of in (np.mean, min, max))]
                for name in order]
        shown, caption = cut(order, MOST_ROWS, "Score of Willemsen et al. (2024); 0: random "
                             "search, 1: the optimum at once. Small points: single spaces; large: "
                             "their mean.", "strategies")
        figure, (axes,) = grid(1, 1, 4.8, 0.26 * len(shown) + 0.7)
        axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
        for y, name in enumerate(shown):
            mark(axes.plot(scores[name], [y] * len(scores[name]), "o", color=SKY, markersize=4,
                           alpha=0.8, markeredgewidth=0, label=once(axes, "a space")),
                 "spaces", name)
            mark(axes.plot(np.mean(scores[name]), y, "D", color=BLUE, markersize=6.5,
                           markeredgecolor=PAPER, markeredgewidth=0.6, label=once(axes, "mean")),
                 "mean", name)
        named_rows(axes, shown, 30)
        linear_axis(axes.xaxis, number, 6)
        axes.set_xlabel("score")
        legend([axes], above=True)
        of = f": {stem(source.path)}" if len(sources) > 1 else ""
        pictures.append(Picture(f"score{of}", f"Score of search strategies{of}", caption, figure,
                                ["strategy", ">mean", ">lowest", ">highest"], rows))
    return pictures


KINDS = {"convergence": convergence, "spaces": curves_by_space, "time": time_over_size,
         "speedup": speedup_over_size, "pairs": pairs, "importance": importance,
         "roofline": roofline, "fraction": fraction, "cv": variation, "samples": samples,
         "regret": regret, "wins": wins, "score": score}


def make_pictures(sources, kinds=()):
    """All pictures of `kinds` (none: of all kinds) that the files give, with distinct names."""
    pictures = []
    for kind, make in KINDS.items():
        for picture in make(sources) if not kinds or kind in kinds else []:
            picture.kind = kind
            picture.name = distinct(picture.name, [one.name for one in pictures])
            pictures.append(picture)
    return pictures


# ---- The page ------------------------------------------------------------------------------------

PAGE_STYLE = """
:root { --paper: #fff; --ink: #1a1a1a; --faint: #6b6b6b; --grid: #dcdcdc;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e8e8e8; --faint: #a6a6a6; --grid: #3a3d42; }
}
@media print { :root { --paper: #fff; --ink: #000; --faint: #444; --grid: #ccc; } }
body { margin: 0 auto; padding: 1.2rem; max-width: 68rem; background: var(--paper);
  color: var(--ink); font: 16px/1.45 Helvetica, Arial, "Liberation Sans", sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
p, figcaption { color: var(--faint); }
figure { margin: 1rem 0 2.5rem; break-inside: avoid; }
.picture, .table { overflow-x: auto; }
.picture svg { max-width: 100%; height: auto; display: block; }
.table { max-height: 24rem; overflow-y: auto; border-top: 1px solid var(--grid); }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem .2rem 0; text-align: left; border-bottom: 1px solid var(--grid);
  vertical-align: top; }
th { position: sticky; top: 0; background: var(--paper); } .n { text-align: right; }
@media (max-width: 45rem) { .picture svg { min-width: 36rem; } }
@media print { .table { max-height: none; overflow: visible; } body { max-width: none; } }
"""


def html_table(columns, rows):
    classes = [' class="n"' if column.startswith(">") else "" for column in columns]
    head = "".join(f"<th{of}>{html.escape(column[bool(of):])}</th>"
                   for of, column in zip(classes, columns))
    body = "\n".join("<tr>" + "".join(f"<td{of}>{html.escape(cell)}</td>"
                                      for of, cell in zip(classes, row)) + "</tr>" for row in rows)
    return (f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>'
            "</table></div>\n")


def inline(picture, prefix):
    """The SVG for a page: without prologue, with prefixed identifiers and the page's colours."""
    svg = picture.render("svg", words=False).decode()
    svg = re.sub(r'( id="|xlink:href="#|url\(#)', rf"\g<1>{prefix}", svg[svg.index("<svg"):])
    for color, name in ((INK, "ink"), (FAINT, "faint"), (GRID, "grid"), (PAPER, "paper")):
        svg = re.sub(rf"(fill|stroke): {color}\b", rf"\1: var(--{name})", svg)
    label = html.escape(picture.title)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def report_page(title, version, sources, pictures):
    title = html.escape(clean(title))
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    files = [[clean(source.path), source.what,
              "; ".join(f"{name}: {value}" for name, value in source.facts)] for source in sources]
    parts = [f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{PAGE_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>Made by jitattn {html.escape(version)}, {now}.</p>
<h2>Files</h2>
{html_table(["file", "made by", "origin"], files)}"""]
    for i, picture in enumerate(pictures):
        parts.append(f"""<h2 id="{picture.name}">{html.escape(picture.title)}</h2>
<figure>
<div class="picture">{inline(picture, f"f{i}-")}</div>
<figcaption>{html.escape(picture.caption)}</figcaption>
{html_table(picture.columns, picture.rows)}</figure>
""")
    return "".join(parts) + "</body>\n</html>\n"


# ---- The command ---------------------------------------------------------------------------------


def check_target(path, inputs):
    """Refuses a path that cannot or must not be written, before anything is drawn."""
    shown = f"-o {clean(path)}"
    if os.path.basename(path)[:1] in ("", "."):
        raise Misuse(f"{shown}: expected a file name that does not begin with a dot")
    if os.path.exists(path) and not os.path.isfile(path):
        raise Bad(f"{shown}: is not a regular file")
    if os.path.exists(path) and any(os.path.samefile(path, one) for one in inputs
                                    if os.path.exists(one)):
        raise Misuse(f"{shown}: is one of the input files")
    if not os.access(os.path.dirname(path) or ".", os.W_OK | os.X_OK):
        raise Bad(f"{shown}: cannot write to its folder")


def write(path, data):
    """Writes the file atomically: a failed write leaves an older file unchanged. A link is
    replaced, and its target stays."""
    new = os.path.join(os.path.dirname(path), f".{os.path.basename(path)[:80]}.{os.getpid()}")
    try:
        try:
            with open(new, "xb") as file:
                file.write(data)
            os.replace(new, path)
        finally:
            if os.path.exists(new):
                os.unlink(new)
    except OSError as error:
        raise Bad(f"cannot write {clean(path)}: {error.strerror}")


def targets_of(output, pictures):
    """[(picture, format, path)]. The extension .svg or .png sets the format; any other output is a
    folder."""
    form = os.path.splitext(output)[1]
    if form in (".svg", ".png"):
        if len(pictures) > 1:
            raise Misuse(f"-o {clean(output)}: these files give {len(pictures)} pictures (see "
                         "--list); choose one with --kind, or name a folder")
        return [(pictures[0], form[1:], output)]
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise Bad(f"-o {clean(output)}: cannot make the folder: {error.strerror}")
    return [(picture, form, os.path.join(output, f"{picture.name}.{form}"))
            for picture in pictures for form in ("svg", "png")]


def put(text):
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def put_json(flags, **values):
    text = json.dumps({"jitattn": flags.version, "command": flags.command, **values}, indent=2)
    put(text.replace("\x7f", "\\u007f"))  # DEL, which terminals obey and json does not escape


def json_path(path):
    """The path as UTF-8, as JSON requires; other bytes are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def describe(picture, **more):
    return {"kind": picture.kind, "name": picture.name, "title": picture.title,
            "panels": picture.panels, "series": picture.series, **more}


def list_pictures(flags, pictures):
    if flags.json:
        return put_json(flags, pictures=list(map(describe, pictures)))
    rows = [("KIND", "PICTURE", "PANELS", "TITLE")]
    rows += [(one.kind, one.name, str(one.panels), one.title) for one in pictures]
    kind, name, panels = (max(len(row[i]) for row in rows) for i in range(3))
    for row in rows:
        put(f"{row[0]:{kind}}  {row[1]:{name}}  {row[2]:>{panels}}  {row[3]}")


def plot(flags, sources, pictures):
    if flags.list:
        return list_pictures(flags, pictures)
    targets = targets_of(flags.output, pictures)
    for _, _, path in targets:
        check_target(path, flags.files)
    written = collections.defaultdict(list)
    for (picture, _, path), data in zip(targets, [one.render(form) for one, form, _ in targets]):
        write(path, data)
        written[picture.name].append(json_path(path))
        if not flags.json:
            put(clean(path))
    if flags.json:
        put_json(flags, pictures=[describe(one, written=written[one.name]) for one in pictures])


def report(flags, sources, pictures):
    page = report_page(flags.title, flags.version, sources, pictures)
    write(flags.output, page.encode("utf-8", "replace"))
    if flags.json:
        return put_json(flags, written=json_path(flags.output),
                        files=list(map(json_path, flags.files)),
                        pictures=list(map(describe, pictures)))
    put(f"{clean(flags.output)}: {some(len(pictures), 'picture')} of {some(len(sources), 'file')}")


def parse_flags(arguments):
    parser = argparse.ArgumentParser(prog="plots.py", allow_abbrev=False)
    parser.add_argument("--version", default="", help="of jitattn")
    parser.add_argument("--kind", default="", help="only these kinds, separated by commas")
    parser.add_argument("--output", default=".")
    parser.add_argument("--title", default="jitattn report")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("command", choices=("plot", "report"))
    parser.add_argument("files", nargs="+")
    return parser.parse_args(arguments)


def run(flags):
    kinds = list(filter(None, flags.kind.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, 1)
            raise Misuse(f"unknown kind of picture '{clean(kind)}': expected one of "
                         f"{', '.join(KINDS)}"
                         + (f"; did you mean {near[0]}?" if near else ""))
    if flags.command == "report":
        check_target(flags.output, flags.files)
    sources = [Source(path) for path in flags.files]
    pictures = make_pictures(sources, kinds)
    if not pictures:
        can = list(dict.fromkeys(picture.kind for picture in make_pictures(sources)))
        raise Bad(f"these files give no picture{' of kind ' + ', '.join(kinds) if kinds else ''}; "
                  f"they give {', '.join(can) or 'none at all: too few numbers'}")
    (plot if flags.command == "plot" else report)(flags, sources, pictures)


def main(arguments):
    warnings.simplefilter("ignore")  # about glyphs that the font lacks
    mpl.rcdefaults()  # ignores the user's matplotlibrc
    mpl.rcParams.update(STYLE)
    try:
        run(parse_flags(arguments))
        return 0
    except (Bad, Misuse) as error:
        message, code = str(error), 2 if isinstance(error, Misuse) else 1
    except MemoryError:
        message, code = "out of memory", 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for the flush at exit
        message, code = f"cannot write the output: {error.strerror}", 1
    print(f"jitattn: {clean(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
