"""The stubs name what the package has, with the arguments that it takes."""

import ast
import inspect
import pathlib

import jitattn
import numpy as np
import pytest

STUBS = ast.parse(
    (pathlib.Path(__file__).parents[1] / "jitattn" / "__init__.pyi").read_text(encoding="utf-8")
)


def stub_functions():
    functions = {}
    for node in STUBS.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        if isinstance(node, ast.ClassDef) and node.name == "AttentionPlan":
            for method in node.body:
                if method.name in ("__init__", "__call__"):
                    functions[f"AttentionPlan.{method.name}"] = method
    return functions


def test_names():
    classes = {"AttentionPlan"}
    functions = {name for name in stub_functions() if "." not in name}
    assert functions | classes == set(jitattn.__all__)
    for name in jitattn.__all__:
        assert callable(getattr(jitattn, name))


@pytest.mark.parametrize("name", [n for n in stub_functions() if n != "AttentionPlan.__call__"])
def test_signatures(name):
    stub = ast.unparse(stub_functions()[name].args).replace("self, ", "")
    names = [a.split(":")[0].split("=")[0].strip() for a in split_arguments(stub)]
    signature = inspect.signature(getattr(jitattn, name.removesuffix(".__init__")))
    expected = [str(p).split(":")[0].split("=")[0] for p in signature.parameters.values()]
    assert [n for n in names if n != "*"] == expected


def split_arguments(text):
    """Splits at the commas outside of brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


@pytest.mark.parametrize("name", [n for n in stub_functions() if n not in ("cache", "cpu", "tune")])
def test_arguments_are_known(name):
    """None for a keyword is as good as nothing, and an unknown one is an error."""
    function = stub_functions()[name].args
    required = [a.arg for a in function.args if a.arg != "self"]
    keywords = dict.fromkeys(a.arg for a in function.kwonlyargs)
    x = np.ones((2, 3, 8), np.float32)
    call = getattr(jitattn, name.split(".")[0])
    if name == "AttentionPlan.__call__":
        call = jitattn.AttentionPlan(x, x, x)
    call(*[x] * len(required), **keywords)
    if not name.startswith("get_"):
        with pytest.raises(TypeError, match="there is no argument 'other'"):
            call(*[x] * len(required), other=1)
    assert inspect.isroutine(call) or isinstance(call, (type, jitattn.AttentionPlan))
