"""Runs the tests of the package in a build folder: run.py FOLDER attention|others.

Returns 77, with a message, if this Python lacks what they need.
"""

import importlib.util
import os
import pathlib
import sys


def missing(folder: pathlib.Path) -> str | None:
    for name in ("numpy", "pytest"):
        if importlib.util.find_spec(name) is None:
            return f"this Python ({sys.executable}) has no {name}"
    if not (folder / "jitattn" / "_core.abi3.so").exists():
        return f"{folder}: no module was built (Python's headers are missing, or a sanitizer is on)"
    return None


def main() -> int:
    folder, part = pathlib.Path(sys.argv[1]), sys.argv[2]
    reason = missing(folder)
    if reason is not None:
        print(f"skipped: {reason}")
        return 77
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)  # of programs that the tests start
    import pytest

    here = pathlib.Path(__file__).parent
    attention = str(here / "test_attention.py")
    files = [attention] if part == "attention" else [str(here), "--ignore", attention]
    return pytest.main(["-q", "-p", "no:cacheprovider", *files])


if __name__ == "__main__":
    sys.exit(main())
