#!/usr/bin/env python3
"""The pages that Doxygen makes: no warnings, and something about every function and struct.

  docs_test.py DOXYFILE HEADER FILTER

Exits with 77 if Doxygen is not installed.
"""

import html
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

doxyfile, header, header_filter = sys.argv[1:]
failures = []


def expect(holds, message):
    if not holds:
        failures.append(message)


def text_of(page):
    """The text of a page, without its frame, in one line."""
    content = page.read_text(encoding="utf-8").split('<div class="contents">', 1)[-1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())


def check_filter():
    """A formula keeps its form, and functions without a blank line between share a comment."""
    sample = """/* ---- Section ------- */

/* out[i] = f(x[i])
 *   for all i <= n */
typedef struct s {
  int32_t a, b[3]; /* two of them,
                    * < 3 */
} s;

/* Runs it. Fast. */
JITATTN_API int one(int x);
JITATTN_API int two(int x,
                    int y);
"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "sample.h"
        path.write_text(sample, encoding="utf-8")
        got = subprocess.run([header_filter, path], capture_output=True, text=True, check=True).stdout
    expect("Section" not in got, "a banner is left: " + got)
    expect("@verbatim\nout[i] = f(x[i])\n  for all i <= n\n@endverbatim" in got, "formula: " + got)
    for member in ("int32_t a; /**< @brief\ntwo of them,\n\\< 3\n*/",
                   "int32_t b[3]; /**< @brief\ntwo of them"):
        expect(member in got, f"{member} is not in {got}")
    for function in ("one", "two"):
        expect(re.search(r"@brief\nRuns it\.\n\nFast\.\n\*/\nJITATTN_API int " + function, got), function + ": " + got)


def check_pages(folder):
    pages = {page.name: text_of(page) for page in folder.glob("*.html")}
    source = pathlib.Path(header).read_text(encoding="utf-8")
    functions = set(re.findall(r"^JITATTN_API [^;(]*?(\w+)\(", source, re.M))
    structs = set(re.findall(r"^typedef struct (\w+) \{", source, re.M))
    expect(len(functions) > 20 and len(structs) > 8, f"{len(functions)}, {len(structs)}")
    of_functions = [text for name, text in pages.items() if name.startswith("jitattn_8h_a")]
    for function in functions:
        own = [text for text in of_functions if f"◆ {function}()" in text]
        # Of a function and the macro of its name, the function has the comment.
        described = [t for t in own if re.search(r"\) .*?[A-Z]\w+ .*?\.", t.split("include", 1)[0])]
        expect(described, f"{function} has no page with a description: {own}")
    for struct in structs:
        page = pages.get(f"struct{struct.replace('_', '__')}.html", "")
        expect("Detailed Description" in page, f"{struct} has no page with a description")
    names = " ".join(pages.values())
    for text in ("Attention: options, and their names elsewhere", "JITATTN_MISS_FILE",
                 "out[b][h][i][d] = sum_j softmax_j(score) * v[b][g][j][d]"):
        expect(text in names, f"no page has {text}")


def main():
    check_filter()
    doxygen = shutil.which("doxygen")
    if doxygen is None:
        print("needs doxygen: ./dev docs installs it")
        return 77 if not failures else 1
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(doxyfile).read_text(encoding="utf-8")
        result = subprocess.run([doxygen, "-"], input=f"{config}\nOUTPUT_DIRECTORY = {folder}\n",
                                capture_output=True, text=True, check=False)
        expect(result.returncode == 0 and not result.stderr, f"warnings:\n{result.stderr}")
        check_pages(pathlib.Path(folder) / "html")
    return 0


status = main()
for failure in failures:
    print("FAILED:", failure)
sys.exit(1 if failures else status)
