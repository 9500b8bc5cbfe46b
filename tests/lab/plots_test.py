#!/usr/bin/env python3
"""plots.py alone: which files are refused, the contents of pictures, and the written files."""

import contextlib
import gzip
import html.parser
import importlib.util
import io
import json
import math
import os
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SYSTEM_PYTHON = "/usr/bin/python3"  # has Debian's package, where another one may hide it
SKIPPED = 77  # exit code

spec = importlib.util.spec_from_file_location("plots", os.path.join(SOURCE, "lab", "plots.py"))
plots = importlib.util.module_from_spec(spec)
try:
    sys.dont_write_bytecode = True
    spec.loader.exec_module(plots)
except SystemExit:
    if os.path.exists(SYSTEM_PYTHON) and sys.executable != SYSTEM_PYTHON:
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    print("needs Matplotlib: apt-get install python3-matplotlib")
    sys.exit(SKIPPED)
plots.mpl.rcParams.update(plots.STYLE)

HOSTILE = ["<script>alert(1)</script>", "a&b\"c'd", "</title></svg><img src=x onerror=alert(1)>",
           "$x^2$ $\\frac{1}{0}$", "\\alpha_{", "%s%n{}{0}", "../../pwned", "\x1b[31m\x00red\x9b",
           "\u202eright to left \U0001F600 日本語", "\ud800 half", "w" * 3000, "", " "]


def data(name):
    return os.path.join(SOURCE, "tests", "data", "plots", name)


def space_of(costs, values=None):
    """A space from {point: cost}. Its parameters are a, b, …, with `values` or those that occur."""
    count = len(next(iter(costs)))
    names = "abcdefgh"[:count]
    domains = {name: list(range(values[i])) if values else sorted({point[i] for point in costs})
               for i, name in enumerate(names)}
    return plots.Space("space", domains, [(dict(zip(names, point)), cost, [cost, cost])
                                          for point, cost in costs.items()])


def whole_grid(sizes, f):
    """A space whose log time is f."""
    points = [()]
    for size in sizes:
        points = [(*point, i) for point in points for i in range(size)]
    return space_of({point: math.exp(f(*point)) for point in points}, sizes)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, content, name="file"):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else
                       (content if isinstance(content, str) else json.dumps(content)).encode())
        return self.path(name)

    def source(self, content, name="file"):
        return plots.Source(self.file(content, name))

    def pictures(self, content, kind):
        return plots.make_pictures([self.source(content)], [kind])

    def run_main(self, *arguments):
        """Exit code, standard output, error."""
        out, err = io.BytesIO(), io.StringIO()
        stdout = io.TextIOWrapper(out, "utf-8")
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(err):
            code = plots.main(list(arguments))
            stdout.flush()
        return code, out.getvalue().decode(), err.getvalue()


# ---- Words


class Words(unittest.TestCase):
    def test_clean_is_one_line_of_printable_characters(self):
        self.assertEqual(plots.clean("a\nb\x1b[0m\x7f\x9b\u2028µ × 10³"), "a b [0m   µ × 10³")
        self.assertEqual(plots.clean("\ud800x"), " x")

    def test_short_keeps_both_ends(self):
        cut = plots.short("attention-f32-384x128-causal-avx512", 11)
        self.assertEqual((len(cut), cut[:3], cut[-3:], "…" in cut), (11, "att", "512", True))
        self.assertEqual(plots.short("as it is", 8), "as it is")

    def test_units(self):
        self.assertEqual([plots.seconds(x) for x in (1e-5, 9.99999999e-4, 2.5, 3e-9)],
                         ["10 µs", "1 ms", "2.5 s", "3 ns"])
        self.assertEqual([plots.count_word(n) for n in (400, 1024, 16384, 1 << 20)],
                         ["400", "1024", "16 Ki", "1 Mi"])
        self.assertEqual(plots.slug("../a b'c`$(x)"), "a-b-c-x")
        self.assertEqual(plots.distinct("a", ["a", "a-2"]), "a-3")


# ---- Files


class Files(Folder):
    def refused(self, content):
        with self.assertRaises(plots.Bad) as caught:
            self.source(content)
        message = str(caught.exception)
        self.assertTrue(message.startswith(self.path("file") + ": "), message)
        self.assertEqual(message, plots.clean(message))
        return message

    def test_what_is_damaged_is_refused_with_its_place(self):
        bench = {"jitattn": "0", "command": "bench", "rows": [{}]}
        cache = {"tune_params_keys": ["x"], "tune_params": {"x": [1, 2]}, "cache": {}}
        row = {"op": "attention", "dtype": "f32", "describe": "p", "isa": "avx2", "threads": 1}
        for content, part in (
                ("", "line 1"), ("hello\n", "line 1, column 1"), ("{\n  oops", "line 2, column 3"),
                (b"\xff\xfe", "UTF-8"), (b"\x1f\x8b z", "gzip"), ("null", "neither"),
                ("[]", "neither"), ("{}", "neither"), ("[" * 100000, "nested"),
                ("1" * 5000, "neither" if sys.version_info < (3, 10, 7) else "digits"),
                ({"jitattn": "0", "command": "cpu"}, "cpu"),
                ({"jitattn": "0", "command": 3}, "command: 3"),
                (bench, "rows[0]: the key 'op'"), ({**bench, "rows": 3}, "rows: 3"),
                ({**bench, "rows": [{**row, "threads": 1.5}]}, "rows[0].threads: 1.5"),
                ({**bench, "rows": [{**row, "gflops": "x"}]}, 'rows[0].gflops: "x"'),
                ({**bench, "rows": [{**row, "gflops": -1}]}, "rows[0].gflops: -1"),
                ({**bench, "rows": [{**row, "times": [True]}]}, "rows[0].times[0]: true"),
                (json.dumps({**bench, "rows": [{**row, "peak": 1}]}).replace("1}", "NaN}"), "NaN"),
                (json.dumps({**bench, "rows": [{**row, "peak": 1}]}).replace("1}", "1e999}"),
                 "rows[0].peak"),
                ({**cache, "tune_params": {}}, "tune_params_keys"),
                ({**cache, "tune_params_keys": [[]]}, "tune_params_keys"),
                ({**cache, "cache": {"1": {"x": 1}}}, "the key 'time'"),
                ({**cache, "cache": {"1": {"x": 3, "time": 1}}}, "parameter 'x'"),
                ({**cache, "cache": {"1": {"time": 1}}}, "parameter 'x'"),
                ({**cache, "cache": {"1": {"x": 1, "time": 0}}}, 'cache["1"].time: 0')):
            self.assertIn(part, self.refused(content), content)
        for path in (self.path("none"), self.folder, "/dev/null"):
            self.assertRaises(plots.Bad, plots.Source, path)

    def test_hostile_words_in_messages_are_clean_and_short(self):
        for word in HOSTILE:
            message = self.refused({"jitattn": "0", "command": "bench", "rows": [{
                "op": word, "dtype": [word], "describe": 1}]})
            self.assertLess(len(message), 300)

    def test_reading_is_bounded_packed_or_not(self):
        self.addCleanup(setattr, plots, "MAX_BYTES", plots.MAX_BYTES)
        plots.MAX_BYTES = 1 << 20
        blanks = b" " * (2 << 20)
        for content in (blanks, gzip.compress(blanks), gzip.compress(b"{}")[:-9]):
            self.refused(content)

    def test_a_recording_that_was_not_closed_is_read(self):
        text = json.dumps({"tune_params_keys": ["x"], "tune_params": {"x": [1, 2]},
                           "cache": {"1": {"x": 1, "time": 3}}})
        source = self.source(text[:-2] + ",\n")
        self.assertEqual(list(source.spaces[0].cost), [3e-3])

    def test_values_of_parameters(self):
        space = self.source({
            "tune_params_keys": ["n", "s", "b"],
            "tune_params": {"n": [4, 1, 2.0], "s": ["y", "x"], "b": [True, False]},
            "cache": {"k": {"n": 2, "s": "x", "b": True, "time": 5, "times": [5, 7]},
                      "l": {"n": 4.0, "s": "y", "b": False, "time": "RuntimeFailedConfig"}},
        }).spaces[0]
        self.assertEqual(space.parameters, [("n", ["1", "2.0", "4"]), ("s", ["y", "x"]),
                                            ("b", ["false", "true"])])
        self.assertEqual(space.where.tolist(), [[1, 1, 1], [2, 0, 0]])
        self.assertEqual(space.cost.tolist(), [5e-3, math.inf])
        self.assertEqual(space.samples[0].tolist(), [5e-3, 7e-3])

    def test_t4_results(self):
        space = self.source({"results": [
            {"configuration": {"x": 1}, "times": {"runtimes": [2, 4]}, "invalidity": "correct"},
            {"configuration": {"x": 2}, "invalidity": "correct",
             "measurements": [{"name": "time", "value": 7, "unit": "us"}]},
            {"configuration": {"x": 3}, "invalidity": "compile"}]}).spaces[0]
        self.assertEqual([round(cost, 9) for cost in space.cost], [3e-3, 7e-6, math.inf])


# ---- Importance: exact on a whole grid


class Importance(unittest.TestCase):
    def near(self, a, b):
        self.assertAlmostEqual(a, b, 9)

    def test_an_additive_function_has_no_interaction(self):
        found = plots.importance_of(whole_grid((4, 5, 3), lambda a, b, c: 3 * a - 2 * b + 7))
        variance = 9 * 15 / 12 + 4 * 24 / 12  # of 0 … n−1: (n² − 1) / 12
        for i, share in enumerate((9 * 15 / 12 / variance, 4 * 24 / 12 / variance, 0)):
            self.near(found.alone[i][0], share)
            self.near(found.total[i], share)
            self.assertEqual(found.alone[i][1], 0)
        for share, _ in found.pairs.values():
            self.near(share, 0)
        self.assertEqual((found.points, found.grid), (60, 60))

    def test_a_centred_product_is_interaction_only(self):
        found = plots.importance_of(whole_grid((4, 5, 2), lambda a, b, c: (a - 1.5) * (b - 2)))
        for i, (alone, total) in enumerate(((0, 1), (0, 1), (0, 0))):
            self.near(found.alone[i][0], alone)
            self.near(found.total[i], total)
        self.near(found.pairs[0, 1][0], 1)
        self.near(found.pairs[0, 2][0], 0)

    def test_orders_sum_to_one_on_a_whole_grid(self):
        found = plots.importance_of(whole_grid(
            (3, 4, 5), lambda a, b, c: math.cos(3 * a + 5 * b * b + 11 * c)))
        alone = sum(share for share, _ in found.alone)
        pairs = sum(share for share, _ in found.pairs.values())
        self.near(sum(found.total), alone + 2 * pairs + 3 * (1 - alone - pairs))

    def test_constant_and_single_valued_are_zero(self):
        found = plots.importance_of(whole_grid((3, 1), lambda a, b: 0.1))
        self.assertEqual((found.alone[0][0], found.total[0]), (0, 0))
        found = plots.importance_of(whole_grid((3, 1), lambda a, b: a))
        self.near(found.alone[0][0], 1)
        self.assertEqual((found.alone[1][0], found.total[1]), (0, 0))

    def test_a_failed_point_makes_the_space_incomplete(self):
        costs = {(a, b): math.exp(a) for a in range(4) for b in range(4)}
        costs[1, 1] = math.inf
        found = plots.importance_of(space_of(costs))
        self.assertEqual((found.points, found.grid), (15, 16))
        self.near(found.alone[0][0], 1)
        self.near(found.alone[0][1], 3 / 14)
        self.assertTrue(0 < found.alone[1][0] < found.alone[1][1])
        self.near(found.total[1], 0)

    def test_no_total_without_neighbours(self):
        found = plots.importance_of(space_of({(i, i): math.exp(i) for i in range(5)}))
        for i in range(2):
            self.near(found.alone[i][0], 1)
            self.near(found.alone[i][1], 1)
            self.assertIsNone(found.total[i])
        self.near(found.pairs[0, 1][0], -1)

    def test_one_point_says_nothing(self):
        self.assertIsNone(plots.importance_of(space_of({(0,): 1.0, (1,): math.inf})))


# ---- Pictures


def replay(curves, spaces=("s",)):
    """curves: {strategy: [p50 by evaluation]} on every space."""
    return {"jitattn": "0", "command": "replay", "files": [{"path": f"{s}.json"} for s in spaces],
            "strategies": [{"name": name, "scores": [0.5] * len(spaces), "budgets": [],
                            "curves": [{"p10": [0.9 * x for x in curve], "p50": curve,
                                        "p90": [min(1, 1.1 * x) for x in curve]}] * len(spaces)}
                           for name, curve in curves.items()]}


def compare(rows):
    """rows: (method, n, median, more)."""
    return {"jitattn": "0", "command": "compare", "rows": [
        {"problem": {"op": "attention", "dtype": "f32", "q_len": n}, "method": method,
         "seconds": {"min": median and 0.9 * median, "p50": median, "p95": median and 2 * median,
                     "cv": median and 0.2}, **more} for method, n, median, more in rows]}


def artist(picture, gid):
    found = picture.figure.findobj(lambda one: one.get_gid() == gid)
    assert len(found) == 1, (gid, picture.series)
    return found[0]


class Pictures(Folder):
    def test_few_strategies_have_bands(self):
        picture, = self.pictures(replay({"worse": [0.4, 0.5], "better": [0.5, 0.9]}), "convergence")
        self.assertCountEqual(picture.series,
                              ["line-better", "line-worse", "band-better", "band-worse"])
        self.assertEqual(list(artist(picture, "line-better").get_ydata()), [0.5, 0.9])
        edges = artist(picture, "band-better").get_paths()[0].vertices[:, 1]
        self.assertAlmostEqual(edges.min(), 0.45)
        self.assertAlmostEqual(edges.max(), 0.99)

    def test_many_strategies_have_a_panel_each(self):
        all_of_them, each = self.pictures(
            replay({name: [0.5, 0.6] for name in "abcde"}), "convergence")
        self.assertEqual((all_of_them.panels, each.panels), (1, 5))
        self.assertFalse([one for one in all_of_them.series if one.startswith("band")])
        self.assertIn("band-a-a", each.series)

    def test_spaces_are_averaged_and_shown_each(self):
        content = replay({"a": [0.5, 0.7]}, ("s", "t"))
        content["strategies"][0]["curves"][1] = {key: [0.7] for key in ("p10", "p50", "p90")}
        mean, = self.pictures(content, "convergence")
        self.assertAlmostEqual(artist(mean, "line-a").get_ydata()[0], 0.6)
        self.assertAlmostEqual(artist(mean, "line-a").get_ydata()[1], 0.7)
        spaces, = self.pictures(content, "spaces")
        self.assertEqual((spaces.panels, [row[:2] for row in spaces.rows]),
                         (2, [["s", "a"], ["t", "a"]]))

    def test_a_missing_time_is_a_gap_with_its_reason(self):
        picture, = self.pictures(compare([("torch", 64, None, {"note": "no kernel"}),
                                          ("torch", 128, 1e-3, {}), ("jitattn", 64, 1e-4, {})]),
                                 "time")
        self.assertEqual(list(artist(picture, "line-attention-f32-torch").get_xdata()), [128])
        self.assertEqual(picture.rows[0][2:], ["no kernel", "0.0001"])

    def test_a_single_point_is_drawn_and_ringed(self):
        content = compare([("jitattn", 64, 1e-5, {"speedup": 2, "speedup_over": "numpy",
                                                  "unstable": True})])
        for kind in ("time", "speedup", "cv"):
            picture, = self.pictures(content, kind)
            self.assertIn("unstable-attention-f32", picture.series)
            self.assertTrue(picture.render("png"))
        self.assertEqual([one.kind for one in plots.make_pictures([self.source(content)])],
                         ["time", "speedup", "cv"])

    def test_pairs_and_importance_of_a_known_space(self):
        content = {"tune_params_keys": ["y", "x"], "tune_params": {"y": [1, 2], "x": [1, 2, 3]},
                   "cache": {f"{y},{x}": {"y": y, "x": x, "time": x * x}
                             for y in (1, 2) for x in (1, 2, 3)}}
        importance, = self.pictures(content, "importance")
        self.assertEqual(importance.rows[0], ["x", "1.0000", "1.0000", "0.0000"])
        self.assertAlmostEqual(artist(importance, "alone-x").get_width(), 1)
        pairs, = self.pictures(content, "pairs")
        self.assertIn(["x, y", "3, 2", "9.0000", "9.0000"], pairs.rows)
        best = artist(pairs, "best-x-y").get_array().reshape(2, 3)
        for i, x in enumerate((1, 2, 3)):
            self.assertAlmostEqual(best[0][i], math.log(x * x))

    def test_zero_variance_and_nothing_to_draw(self):
        content = {"tune_params_keys": ["x", "y"], "tune_params": {"x": [1, 2], "y": [1, 2]},
                   "cache": {f"{x},{y}": {"x": x, "y": y, "time": 1, "times": [1, 1]}
                             for x in (1, 2) for y in (1, 2)}}
        for kind in ("pairs", "importance", "samples"):
            picture, = self.pictures(content, kind)
            self.assertTrue(picture.render("svg"), kind)
        for entry in content["cache"].values():
            entry["time"] = "RuntimeFailedConfig"
        self.assertEqual(plots.make_pictures([self.source(content)]), [])
        code, _, err = self.run_main("plot", self.file(content))
        self.assertEqual((code, err.count("\n")), (1, 1))

    def test_what_was_dropped_as_slow_did_not_fail(self):
        picture, = plots.make_pictures([plots.Source(data("tune.json"))], ["convergence"])
        with open(data("tune.json")) as file:
            log = [one for one in json.load(file)["problems"][0]["log"] if one["phase"] == "search"]
        slow = sum(one["evaluation"]["status"] == "censored" for one in log)
        self.assertGreater(slow, 0)
        self.assertEqual(picture.rows[0][2:5], [str(log[-1]["number"]), str(slow), "0"])
        best = [one["best_seconds"] for one in log][-1]
        line = artist(picture, next(one for one in picture.series if one.startswith("line")))
        self.assertAlmostEqual(line.get_ydata()[-1], best, 15)

    def test_samples_have_their_quantiles(self):
        row = {"op": "attention", "dtype": "f32", "describe": "p", "isa": "avx2", "threads": 1}
        picture, = self.pictures({"jitattn": "0", "command": "bench", "rows": [
            {**row, "times": [3e-6, 1e-6, 2e-6]}, row]}, "samples")
        self.assertEqual(picture.rows, [["p, 1 thr", "3", "1 µs", "2 µs", "2.9 µs", "3 µs"]])

    def test_regret_and_wins(self):
        rows = [{"space": "s", "strategy": name, "budget": 18, "regret_p10": low,
                 "regret_p50": middle, "regret_p90": high, "wins": wins, "ties": 0,
                 "losses": 1 - wins} for name, low, middle, high, wins in
                (("random", 0.05, 0.1, 0.2, 0), ("bayes", 0, 0.01, 0.02, 1))]
        content = {"jitattn": "0", "command": "compare", "ranking": [], "rows": rows}
        regret, = self.pictures(content, "regret")
        self.assertEqual([row[0] for row in regret.rows], ["bayes", "random"])
        self.assertEqual(list(artist(regret, "spread-random").get_xdata()), [0.05, 0.2])
        wins, = self.pictures(content, "wins")
        self.assertEqual(wins.rows, [["bayes", "1 / 0 / 0"], ["random", "0 / 0 / 1"]])

    def test_every_kind_comes_from_a_file_of_a_command(self):
        expected = {"replay.json": {"convergence", "spaces", "regret", "wins", "score"},
                    "tune.json": {"convergence", "pairs", "importance", "cv"},
                    "compare.json": {"time", "speedup", "cv"},
                    "strategies.json": {"regret", "wins"}, "bench.json": {"roofline", "fraction",
                                                                         "samples"},
                    "roofline.json": {"roofline", "fraction", "samples"},
                    "space.json": {"pairs", "importance", "cv", "samples"}}
        for name, kinds in expected.items():
            found = {one.kind for one in plots.make_pictures([plots.Source(data(name))])}
            self.assertEqual(found - {"samples"}, kinds - {"samples"}, name)
        self.assertEqual(set().union(*expected.values()), set(plots.KINDS))

    def test_an_empty_document_gives_nothing(self):
        for command, key in (("tune", "problems"), ("compare", "rows"), ("bench", "rows"),
                             ("roofline", "roofs")):
            source = self.source({"jitattn": "0", "command": command, key: []})
            self.assertEqual(plots.make_pictures([source]), [])
        source = self.source({"jitattn": "0", "command": "replay", "files": [], "strategies": []})
        self.assertEqual(plots.make_pictures([source]), [])
        source = self.source({"tune_params_keys": [], "tune_params": {}, "cache": {}})
        self.assertEqual(plots.make_pictures([source]), [])

    def test_looks_differ(self):
        looks = {(plots.look(i)["color"], plots.look(i)["linestyle"]) for i in range(35)}
        self.assertEqual(len(looks), 35)


# ---- What is written


class Page(html.parser.HTMLParser):
    """Tags, identifiers, references and words of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.references, self.words = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                self.references.append(value)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_data(self, text):
        self.words += text


class Written(Folder):
    def hostile_files(self):
        everywhere = {name: [0.5, 0.6 + 0.01 * i] for i, name in enumerate(HOSTILE)}
        files = [replay(everywhere, HOSTILE[:3]),
                 compare([(word, 64 * (i + 1), 1e-3, {"speedup": 2, "speedup_over": word,
                                                      "note": word})
                          for i, word in enumerate(HOSTILE)]),
                 {"tune_params_keys": HOSTILE[:3], "device_name": HOSTILE[0],
                  "tune_params": {word: HOSTILE for word in HOSTILE[:3]},
                  "cache": {str(i): {**dict.fromkeys(HOSTILE[:3], word), "time": i + 1,
                                     "times": [i + 1, i + 2]} for i, word in enumerate(HOSTILE)}}]
        return [self.file(content, f"<b>{i}&.json") for i, content in enumerate(files)]

    def test_hostile_words_are_only_words(self):
        files = self.hostile_files()
        before = set(os.listdir(self.folder))
        code, out, err = self.run_main("--json", f"--output={self.path('out')}", "plot", *files)
        self.assertEqual((code, err), (0, ""))
        self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        for picture in json.loads(out)["pictures"]:
            self.assertEqual(picture["name"], plots.slug(picture["name"]))
            svg = ElementTree.parse(picture["written"][0])  # XML, whatever the words are
            tags = {element.tag.split("}")[1] for element in svg.iter()}
            self.assertFalse(tags & {"script", "img", "image", "foreignObject"}, picture["name"])
        page = self.path("page.html")
        code, _, err = self.run_main(f"--output={page}", "--title=<b>&\"'", "report", *files)
        self.assertEqual((code, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        found = Page(text)
        self.assertFalse({"script", "img", "link", "b"} & set(found.tags))
        self.assertIn("<script>alert(1)</script>", found.words)
        self.assertIn("<h1>&lt;b&gt;&amp;&quot;&#x27;</h1>", text)
        self.assertIn("日本語", found.words)
        self.assertEqual(set(os.listdir(self.folder)) - before, {"out", "page.html"})

    def test_a_page_needs_nothing_else(self):
        page = self.path("page.html")
        files = [data("replay.json"), data("space.json"), data("bench.json")]
        code, _, err = self.run_main(f"--output={page}", "report", *files)
        self.assertEqual((code, err), (0, ""))
        with open(page, encoding="utf-8") as file:
            text = file.read()
        found = Page(text)
        for reference in found.references:
            self.assertEqual(reference[:1], "#")
            self.assertIn(reference[1:], found.ids)
        self.assertEqual(len(found.ids), len(set(found.ids)))
        self.assertEqual(found.tags.count("svg"), found.tags.count("figure"))
        for part in ("<?xml", "<!ENTITY", "@import", "DTD"):
            self.assertNotIn(part, text)
        self.assertEqual(text.count("<!DOCTYPE"), 1)

    def test_svg_is_xml_that_names_what_is_drawn_and_is_the_same_again(self):
        for kind in ("convergence", "pairs", "wins"):
            source = plots.Source(data("space.json" if kind == "pairs" else "replay.json"))
            picture = plots.make_pictures([source], [kind])[0]
            svg = picture.render("svg")
            ids = {element.get("id") for element in ElementTree.fromstring(svg).iter()}
            self.assertTrue(picture.series)
            self.assertEqual(set(picture.series) - ids, set(), kind)
            self.assertNotIn(b"<!DOCTYPE", svg)
            again = plots.make_pictures([source], [kind])[0].render("svg")
            self.assertEqual(svg, again)
            png = picture.render("png")
            self.assertEqual((png[:8], png[-8:-4]), (b"\x89PNG\r\n\x1a\n", b"IEND"))

    def test_careless_requests_leave_nothing(self):
        file = self.file(replay({"a": [0.5]}), "a.json")
        space = data("space.json")
        for arguments, code in ((["--kind=convergens", "plot", file], 2),
                                (["--kind=pairs", "plot", file], 1),
                                ([f"--output={self.path('x.svg')}", "plot", file, space], 2),
                                (["--kind=score", f"--output={self.path('none/x.svg')}", "plot",
                                  file], 1),
                                ([f"--output={file}", "plot", file], 1),
                                ([f"--output={file}", "report", file], 2),
                                ([f"--output={self.folder}", "report", file], 1),
                                ([f"--output={self.path('none/x.html')}", "report", file], 1),
                                (["plot", self.path("none")], 1)):
            found, out, err = self.run_main(*arguments)
            self.assertEqual((found, out, err.count("\n")), (code, "", 1), err)
            self.assertEqual(os.listdir(self.folder), ["a.json"])

    def test_a_page_has_the_permissions_of_the_umask_and_replaces_a_link(self):
        other = self.file("precious", "other")
        os.chmod(other, 0o600)
        os.symlink(other, self.path("page.html"))
        old = os.umask(0o027)
        self.addCleanup(os.umask, old)
        code, _, err = self.run_main("--kind=score", f"--output={self.path('page.html')}", "report",
                                     data("replay.json"))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(os.lstat(self.path("page.html")).st_mode & 0o777, 0o640)
        with open(other) as file:
            self.assertEqual(file.read(), "precious")

    def test_a_large_space_is_an_image_and_not_paths(self):
        values = list(range(60))
        content = {"tune_params_keys": ["a", "b"], "tune_params": {"a": values, "b": values},
                   "cache": {f"{a},{b}": {"a": a, "b": b, "time": 1 + (7 * a + 3 * b) % 91,
                                          "times": [1, 2]} for a in values for b in values}}
        for kind in ("pairs", "importance", "samples"):
            picture, = self.pictures(content, kind)
            self.assertLess(len(picture.render("svg")), 400000, kind)


def part_of(suite, part, parts):
    """Every `parts`-th test of a suite, from `part` on."""
    def tests_of(suite):
        for test in suite:
            yield from tests_of(test) if isinstance(test, unittest.TestSuite) else [test]
    return unittest.TestSuite(list(tests_of(suite))[part::parts])


if __name__ == "__main__":
    # plots_test.py PART/PARTS [NAME...]: tests are slow enough for several processes.
    if len(sys.argv) > 1 and "/" in sys.argv[1]:
        part, parts = map(int, sys.argv.pop(1).split("/"))
        tests = part_of(unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]), part,
                        parts)
        sys.exit(not unittest.TextTestRunner().run(tests).wasSuccessful())
    unittest.main()
