"""Counts in the sources: lines, functions, places that depend on one operation.

All functions take a folder and return plain data. tests/tools/figures_test.py tests them on a
small tree with known counts.
"""

import ast
import pathlib
import re
import statistics

LANGUAGES = {".h", ".hpp", ".cc", ".c", ".cpp", ".py", ".S"}
C_FAMILY = {".h", ".hpp", ".cc", ".c", ".cpp"}
# Folders that are not part of the product.
NOT_PRODUCT = {"tests", "bench", "examples", "docs", "tools"}
LONG_FUNCTION = 60


def sources(tree):
    """Sorted paths of the sources below `tree`, relative to it, without build folders."""
    found = []
    for path in sorted(pathlib.Path(tree).rglob("*")):
        relative = path.relative_to(tree)
        first = relative.parts[0]
        if first.startswith((".", "build")) or "__pycache__" in relative.parts:
            continue
        if path.suffix in LANGUAGES and path.is_file():
            found.append(relative)
    return found


def is_product(relative):
    return relative.parts[0] not in NOT_PRODUCT


def read(tree, relative):
    return (pathlib.Path(tree) / relative).read_text(encoding="utf-8", errors="replace")


# ---- Lines ---------------------------------------------------------------------------------------


def folder_of(relative):
    """The folder under which a file is counted: two levels in the product, one elsewhere."""
    levels = 2 if is_product(relative) else 1
    return "/".join(relative.parts[:-1][:levels]) or "."


def lines(tree):
    """Lines by folder, each file counted once; median and largest file of product and rest."""
    folders, sizes = {}, {True: [], False: []}
    for relative in sources(tree):
        count = read(tree, relative).count("\n")
        entry = folders.setdefault(folder_of(relative), {"files": 0, "lines": 0})
        entry["files"] += 1
        entry["lines"] += count
        sizes[is_product(relative)].append((count, str(relative)))
    result = {"folders": dict(sorted(folders.items()))}
    for name, of_product in (("product", True), ("rest", False)):
        counted = sizes[of_product]
        if counted:
            largest = max(counted)
            result[name] = {
                "files": len(counted),
                "lines": sum(count for count, _ in counted),
                "median_file": statistics.median(count for count, _ in counted),
                "largest_file": {"path": largest[1], "lines": largest[0]},
            }
    return result


# ---- C++ without its comments --------------------------------------------------------------------

TOKEN = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\((?P<raw>.*?)\)(?P=mark)"'  # raw strings first
    r'|(?P<text>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\')'
    r"|(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)",
    re.DOTALL,
)


def without_comments(text, keep_strings):
    """The text without comments, with the same lines. Strings are emptied unless `keep_strings`."""

    def replace(match):
        newlines = "\n" * match.group().count("\n")
        if match.group("comment") is not None:
            return newlines
        if keep_strings and match.group("text") is not None:
            return match.group()
        return '""' + newlines

    return TOKEN.sub(replace, text)


# ---- Functions -----------------------------------------------------------------------------------

# The end of a function's head before its brace: the closing parenthesis of the parameters,
# qualifiers, and a return type or initialisers of members.
FUNCTION_HEAD = re.compile(
    r"\)\s*(?:(?:const|noexcept|override|final|mutable|&&?)\s*)*"
    r"(?:->\s*[\w:<>,&* ]+|requires\b.*|:\s*[\w:]+[({].*)?$",
    re.DOTALL,
)
NOT_A_HEAD = re.compile(
    r"^(?:namespace|class|enum|union|extern|if|else|for|while|do|switch|try|catch|return|case|default"
    r"|#|@|absl::Cleanup)\b"
)
ENDS_STATEMENT = (";", "{", "}", ":", "};", "},", '"")')


def head_start(code, at):
    """The first line of the statement that ends on line `at`."""
    start = at
    while start > 0:
        before = code[start - 1].rstrip()
        if not before.strip() or before.endswith(ENDS_STATEMENT) or before.lstrip().startswith("#"):
            # A list of member initialisers begins with ":" on its own line.
            if not code[start].lstrip().startswith(":"):
                break
        start -= 1
    return start


def body_end(code, at, indent):
    """The line of the closing brace of the body that opens on line `at`; None if there is none."""
    closing = re.compile(" " * indent + r"\}(?:\)?;|\)|,)?\s*$")
    for i in range(at + 1, len(code)):
        if closing.match(code[i]):
            return i
    return None


def name_in(head):
    """The declared name: the word before the first parenthesis of a head."""
    words = re.search(r"([\w:~]+|operator[^\w\s(]+|operator\(\))\s*\(", head)
    if words:
        return words.group(1)
    return head.split("(")[0].split()[-1]


def c_functions(text):
    """(line, length, name) of each function definition in `text`. The length includes the head.

    clang-format in Google's style is assumed: a body opens with a brace at the end of a line and
    closes with a brace in the column of the head: 0, or 2 or 4 inside a class. Functions within
    functions, as lambdas, are not counted.
    """
    code = without_comments(text, keep_strings=False).split("\n")
    found, i = [], 0
    while i < len(code):
        line = code[i].rstrip()
        single = re.match(r" {0,4}[\w~].*\)[^;=]*\{.*\}$", line)
        if not line.endswith("{") and not single:
            i += 1
            continue
        start = head_start(code, i)
        statement = "\n".join(code[start : i + 1]).strip()
        head = statement[: statement.index("{")] if single else statement[:-1]
        indent = len(code[start]) - len(code[start].lstrip())
        is_function = FUNCTION_HEAD.search(head.rstrip()) and not NOT_A_HEAD.match(head)
        end = i if single else body_end(code, i, indent)
        if not is_function or indent > 4 or end is None:
            i += 1
            continue
        found.append((start + 1, end - start + 1, name_in(head)))
        i = end + 1
    return found


def python_functions(text):
    return [
        (node.lineno, node.end_lineno - node.lineno + 1, node.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def functions(tree):
    """The number of functions of the product, their median length, and those over sixty lines."""
    lengths, long = [], []
    for relative in filter(is_product, sources(tree)):
        text = read(tree, relative)
        if relative.suffix in C_FAMILY:
            found = c_functions(text)
        elif relative.suffix == ".py":
            found = python_functions(text)
        else:
            continue
        for line, length, name in found:
            lengths.append(length)
            if length > LONG_FUNCTION:
                long.append({"path": f"{relative}:{line}", "name": name, "lines": length})
    long.sort(key=lambda one: -one["lines"])
    median = statistics.median(lengths) if lengths else 0
    return {"count": len(lengths), "median": median, "over_60": long}


# ---- Branches on the operation -------------------------------------------------------------------


def operations(tree):
    """Names of operations: NAME of each `struct NAMEProblem` in ops/ or jit/."""
    names = set()
    for relative in sources(tree):
        if relative.parts[0] in ("ops", "jit") and relative.suffix == ".h":
            names.update(re.findall(r"^struct (\w+)Problem \{", read(tree, relative), re.MULTILINE))
    return sorted(names)


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Operations:
    """The patterns of code that depends on one operation by name."""

    def __init__(self, names):
        any_type = "|".join(names)
        snakes = [snake(name) for name in names]
        spellings = "|".join(s.replace("_", "[_-]?") for s in snakes)
        self.own_file = re.compile("|".join(snakes))
        self.named = re.compile(spellings, re.IGNORECASE)
        literal = f'"(?:{"|".join(s.replace("_", "-") for s in snakes)})"'
        self.literal_constant = re.compile(rf"\b(k\w+)(?:\[\])?\s*=\s*{literal}")
        constant = rf"&?(?:\w+::)*k(?:{any_type})\b"
        cast = r"(?:get_if|holds_alternative|get|Is|As)"
        self.in_code = re.compile(
            rf"\bOp::k\w+|\b{cast}<(?:const )?(?:\w+::)*(?:{any_type})\w*>"
            rf"|[=!]=\s*{constant}|{constant}\s*[=!]="
        )
        self.with_text = rf"[=!]=\s*{literal}|{literal}\s*[=!]="

    def branching_lines(self, text):
        """Numbers, from 0, of the lines that branch on the operation."""
        bare, code = (without_comments(text, keep_strings) for keep_strings in (False, True))
        with_text = self.with_text
        names = self.literal_constant.findall(code)
        if names:  # constants of this file that are an operation's name
            constants = rf"\b(?:{'|'.join(names)})\b"
            with_text += rf"|[=!]=\s*{constants}|{constants}\s*[=!]="
        found = set(visits(bare))
        found.update(i for i, line in enumerate(bare.split("\n")) if self.in_code.search(line))
        found.update(i for i, line in enumerate(code.split("\n")) if re.search(with_text, line))
        return found


def visits(code):
    """Numbers of the lines with std::visit of a variant of problems, specs or configurations."""
    found = []
    for match in re.finditer(r"\bstd::visit\(", code):
        depth, end = 1, match.end()
        while end < len(code) and depth:
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        argument = code[match.end() : end - 1].rsplit(",", 1)[-1]
        if re.search(r"problem|spec|config", argument, re.IGNORECASE):
            found.append(code.count("\n", 0, match.start()))
    return found


def branches(tree):
    """Lines outside of the operations' own files that branch on the operation or name one.

    A file is an operation's own if its path has the operation's name: ops/attention/…,
    jit/attention/…, operands_attention.cc. Comments do not count. A branch is
      - an enumerator of `enum class Op`,
      - get_if, holds_alternative, get, Is or As of a type of one operation,
      - std::visit of a variant of problems, specs or configurations,
      - a comparison with an operation's constant or with its name as text.
    Every other line with the name of an operation is a mention: tables, presets, the C API. Public
    headers are excluded.
    """
    names = operations(tree)
    if not names:
        return None
    known, hits, mentions = Operations(names), [], {}
    for relative in filter(is_product, sources(tree)):
        if relative.suffix not in C_FAMILY or relative.parts[0] == "include":
            continue
        if known.own_file.search(str(relative)):
            continue
        text = read(tree, relative)
        branching = known.branching_lines(text)
        for i, line in enumerate(without_comments(text, keep_strings=True).split("\n")):
            if i in branching:
                hits.append({"path": f"{relative}:{i + 1}", "text": line.strip()})
            elif known.named.search(line):
                mentions[str(relative)] = mentions.get(str(relative), 0) + 1
    return {
        "operations": [snake(name) for name in names],
        "branches": hits,
        "mentions": dict(sorted(mentions.items(), key=lambda item: -item[1])),
    }
