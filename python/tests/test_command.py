"""The command, and its reports as data."""

import pathlib
import subprocess
import sys

import jitattn
import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("JITATTN_CACHE_DIR", str(tmp_path))
    return tmp_path


def run(*arguments):
    result = subprocess.run(
        [sys.executable, "-m", "jitattn", *arguments], capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout, result.stderr


def test_tune_then_cache(own_cache):
    assert jitattn.cache() == []
    reports = jitattn.tune(seq=16, head_dim=16, causal=True, evaluations=2, threads=1, time=1,
                           dtype="f32", alibi=False, bias=None)
    assert len(reports) == 1 and reports[0]["record"]["problem"]["mask"] == "causal"
    path = pathlib.Path(reports[0]["path"])
    assert own_cache in path.parents and path.exists()
    (record,) = jitattn.cache()
    assert record["record"]["problem"]["head_dim"] == 16 and record["path"] == str(path)
    assert "1 records for this CPU" in run()[1]


def test_several_problems():
    reports = jitattn.tune(dim=[8, 9], op="attention", evaluations=1, threads=1, time=1)
    assert [report["record"]["problem"]["q_len"] for report in reports] == [8, 9]


def test_errors():
    with pytest.raises(RuntimeError, match="jitattn tune --speed 3: .*unknown flag"):
        jitattn.tune(speed=3)
    with pytest.raises(RuntimeError, match="--dim"):
        jitattn.tune()


def test_cpu():
    report = jitattn.cpu()
    assert report["isa"] in ("none", "avx2", "avx512") and report["physical_cores"] > 0


def test_status_without_arguments(own_cache):
    code, out, _ = run()
    assert code == 0
    for text in (jitattn.__version__, str(own_cache), "active", f"JITATTN_CACHE_DIR={own_cache}"):
        assert text in out


def test_with_arguments_it_is_the_command():
    code, out, _ = run("--version")
    assert code == 0 and jitattn.__version__ in out
    code, _, err = run("fly")
    assert code != 0 and "fly" in err


def test_less_instructions(monkeypatch):
    monkeypatch.setenv("JITATTN_MAX_ISA", "none")
    assert "compiled code" in run()[1]
