"""tools/figures on an invented tree with known counts, and its readers of other programs' output."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import figures_build
import figures_sources

PROBLEMS = """\
struct HeatProblem {
  int n;
};
struct FastWaveProblem {
  int n;
};
"""

# Branches on lines 3, 4, 6, 9 and 11; mentions on lines 1, 12 and 13.
USER = """\
#include "ops/heat/problem.h"  // HeatProblem in a comment does not count
int Of(const Problem& p) {
  if (p.op == Op::kHeat) return 1;  // kHeat
  if (std::holds_alternative<ops::FastWaveProblem>(p)) return 2;
  /* if (p.op == Op::kHeat) return 3; */
  return std::visit(
      [](const auto& x) { return x.n; }, p.problem);
}
bool Is(const Problem& p) { return p.Is<HeatProblem>(); }
int Value(const Toml& t) { return std::visit(Printer(), t.value); }
bool Named(std::string_view op) { return op == "fast-wave"; }
const char* text = "if (p.op == Op::kHeat)";
constexpr const Operation* kAll[] = {&kHeat};
"""

LONG = "  n = n + 1;\n" * 59

FUNCTIONS = (
    "namespace a {\n"
    "constexpr int kTable[] = {\n" + "    1,\n" * 70 + "};\n"
    "class C {\n"
    " public:\n"
    "  int Short() const { return 1; }\n"
    "  int Method(int n) {\n    return n;\n  }\n"
    "};\n"
    "C::C(int n)\n    : a_(n),\n      b_(n) {\n  Do();\n}\n"
    "template <typename T>\n"
    "int Long(int n,\n         T t) {\n" + LONG + "}\n"
    "int Sixty(int n) {\n" + LONG[: -len("  n = n + 1;\n")] + "}\n"
    'const char* raw = R"(\nint InText() {\n)" ;\n'
    "}  // namespace a\n"
)

COMMANDS = """\
: && cmake -E rm -f libjit.a && ar qc libjit.a CMakeFiles/jit.dir/jit/a.cc.o && :
/usr/bin/c++ -O3 -x c++-header -MF a.d -o CMakeFiles/jit.dir/cmake_pch.hxx.gch -c jit/pch.cxx
/usr/bin/c++ -O3 -o CMakeFiles/jit.dir/jit/a.cc.o -c /x/jit/a.cc
/usr/bin/c++ -O3 -o CMakeFiles/jit.dir/jit/b.cc.o -c /x/jit/b.cc
/usr/bin/c++ -O3 CMakeFiles/main.dir/main.cc.o -o jitattn libjit.a
"""

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(invented C CXX)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_library(parts STATIC a.c b.c)
add_executable(jitattn_command main.c)
set_target_properties(jitattn_command PROPERTIES OUTPUT_NAME jitattn)
target_link_libraries(jitattn_command parts)
add_library(jitattn_library SHARED main.c)
set_target_properties(jitattn_library PROPERTIES OUTPUT_NAME jitattn)
target_link_libraries(jitattn_library "-Wl,--whole-archive" parts "-Wl,--no-whole-archive")
add_executable(other not_built.c)
"""

READELF = """\

Relocation section '.rela.dyn' at offset 0x1 contains 3 entries:
    Offset             Info             Type               Symbol's Value  Symbol's Name + Addend
00000000002a1d90  0000000000000008 R_X86_64_RELATIVE                         4fd50
00000000002a1d98  0000000000000008 R_X86_64_RELATIVE                         4fd60
00000000002b2f98  0000003a00000006 R_X86_64_GLOB_DAT      0000000000000000 __cxa_finalize + 0
"""


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name)

    def write(self, path, text):
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def test_lines_are_counted_by_folder(self):
        self.write("ops/a.cc", "1\n" * 10)
        self.write("ops/heat/b.cc", "1\n" * 30)
        self.write("ops/heat/deep/c.h", "1\n" * 20)
        self.write("tests/ops/d.cc", "1\n" * 7)
        self.write("build/e.cc", "1\n" * 1000)
        self.write(".git/f.c", "1\n" * 1000)
        self.write("ops/read.me", "1\n" * 1000)
        lines = figures_sources.lines(self.tree)
        self.assertEqual(
            lines["folders"],
            {
                "ops": {"files": 1, "lines": 10},
                "ops/heat": {"files": 2, "lines": 50},
                "tests": {"files": 1, "lines": 7},
            },
        )
        self.assertEqual(
            lines["product"],
            {
                "files": 3,
                "lines": 60,
                "median_file": 20,
                "largest_file": {"path": "ops/heat/b.cc", "lines": 30},
            },
        )
        self.assertEqual(lines["rest"]["lines"], 7)

    def test_functions_are_found_with_their_lengths(self):
        found = {name: length for _, length, name in figures_sources.c_functions(FUNCTIONS)}
        self.assertEqual(found, {"Short": 1, "Method": 3, "C::C": 5, "Long": 63, "Sixty": 60})

    def test_functions_over_sixty_lines_are_listed(self):
        self.write("ops/a.cc", FUNCTIONS)
        self.write("tests/a.cc", FUNCTIONS)
        self.write("cli/a.py", "def f():\n" + "    x = 1\n" * 61)
        functions = figures_sources.functions(self.tree)
        self.assertEqual(functions["count"], 6)
        first = FUNCTIONS[: FUNCTIONS.index("template <typename T>\nint Long")].count("\n") + 1
        self.assertEqual(
            functions["over_60"],
            [
                {"path": f"ops/a.cc:{first}", "name": "Long", "lines": 63},
                {"path": "cli/a.py:1", "name": "f", "lines": 62},
            ],
        )

    def test_branches_and_mentions_outside_of_an_operations_files(self):
        self.write("ops/heat/problem.h", PROBLEMS)
        for own in ("ops/fast_wave/kernel.cc", "cli/operands_heat.cc", "tests/user.cc"):
            self.write(own, USER)
        self.write("runtime/user.cc", USER)
        self.write("runtime/named.cc", 'constexpr char kOnly[] = "heat";\nbool b = op != kOnly;\n')
        found = figures_sources.branches(self.tree)
        self.assertEqual(found["operations"], ["fast_wave", "heat"])
        self.assertEqual(
            [hit["path"] for hit in found["branches"]],
            ["runtime/named.cc:2"] + [f"runtime/user.cc:{line}" for line in (3, 4, 6, 9, 11)],
        )
        self.assertEqual(found["mentions"], {"runtime/user.cc": 3, "runtime/named.cc": 1})

    def test_a_tree_that_lacks_things_gives_the_rest(self):
        self.write("ops/a.cc", "int f() { return 1; }\n")
        loader = importlib.machinery.SourceFileLoader("figures", str(TOOLS / "figures"))
        figures = importlib.util.module_from_spec(importlib.util.spec_from_loader("figures", loader))
        loader.exec_module(figures)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            figures.main(["--tree", str(self.tree), "--json"])
        taken = json.loads(output.getvalue())
        self.assertEqual(taken["functions"]["count"], 1)
        self.assertIsNone(taken["revision"])
        self.assertEqual(set(taken["left_out"]), {"operations", "first_build", "library"})


    @unittest.skipUnless(all(map(shutil.which, ("cmake", "ninja", "cc", "readelf"))), "needs a compiler")
    def test_a_first_build_is_built_and_timed(self):
        self.write("CMakeLists.txt", PROJECT)
        self.write("a.c", "int a(void) { return 0; }\n")
        self.write("b.c", "int a(void);\nint (*b)(void) = a;\n")
        self.write("main.c", "int main(void) { return 0; }\n")
        self.write("not_built.c", "#error not wanted\n")
        folder = self.tree / "build"
        figures_build.configure(self.tree, folder)
        self.assertEqual(
            figures_build.planned(folder), {"translation_units": 3, "precompiled_headers": 0}
        )
        build = figures_build.first_build(folder, 1)
        self.assertEqual(set(build["by_target"]), {"parts", "jitattn_command", "jitattn"})
        self.assertGreater(build["compiler_cpu_seconds"], 0)
        self.assertGreaterEqual(build["cpu_seconds"], build["compiler_cpu_seconds"] - 0.1)
        figures_build.ninja(folder, figures_build.LIBRARY_TARGET, 1)
        library = figures_build.library(folder / "libjitattn.so", folder, 3)
        self.assertGreater(library["relocations"]["all"], 0)
        self.assertGreater(library["startup"]["with_ms"], 0)
        with self.assertRaisesRegex(figures_build.Missing, "not wanted"):
            figures_build.ninja(folder, "other", 1)

    def test_a_build_that_fails_is_a_figure_left_out(self):
        self.write("CMakeLists.txt", "message(FATAL_ERROR no)\n")
        with self.assertRaises(figures_build.Missing):
            figures_build.configure(self.tree, self.tree / "build")


class Readers(unittest.TestCase):
    def test_translation_units_among_commands(self):
        self.assertEqual(
            figures_build.compiled(COMMANDS), {"translation_units": 2, "precompiled_headers": 1}
        )

    def test_seconds_are_summed_by_target(self):
        times = (
            "1.250 0.250 CMakeFiles/jitattn_jit.dir/jit/a.cc.o\n"
            "2.000 0.500 CMakeFiles/jitattn_cli.dir/cli/a.cc.o\n"
            "0.500 0.000 CMakeFiles/jitattn_jit.dir/jit/b.cc.o\n"
            "0.100 0.100 jitattn\n"
        )
        summed = figures_build.summed(times)
        self.assertEqual(summed["compiler_cpu_seconds"], 4.7)
        self.assertEqual(
            summed["by_target"], {"jitattn_cli": 2.5, "jitattn_jit": 2.0, "jitattn": 0.2}
        )
        self.assertEqual(
            summed["most"][0],
            {"output": "CMakeFiles/jitattn_cli.dir/cli/a.cc.o", "cpu_seconds": 2.5},
        )

    def test_relocations_by_type(self):
        self.assertEqual(
            figures_build.relocations(READELF),
            {"all": 3, "by_type": {"R_X86_64_GLOB_DAT": 1, "R_X86_64_RELATIVE": 2}},
        )


if __name__ == "__main__":
    unittest.main()
