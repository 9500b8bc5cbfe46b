"""The command `jitattn`, and what it reports as data."""

import json
import os
import pathlib
import subprocess

_FOLDER = pathlib.Path(__file__).parent


def path() -> str:
    """The path of the command's program."""
    return str(_FOLDER / "bin" / "jitattn")


def run(*arguments: str) -> object:
    """Runs the command with --json and returns the document that it prints.

    RuntimeError has what the command printed if it fails.
    """
    result = subprocess.run(
        [path(), *arguments, "--json"], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        message = (result.stderr or result.stdout).strip()
        raise RuntimeError(f"jitattn {' '.join(arguments)}: {message}")
    return json.loads(result.stdout)


def _flags(options: dict) -> list[str]:
    """{"head_dim": 64, "causal": True} as --head-dim 64 --causal. False and None are left out."""
    flags = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        flags.append("--" + name.replace("_", "-"))
        if isinstance(value, (list, tuple)):
            flags.extend(map(str, value))
        elif value is not True:
            flags.append(str(value))
    return flags


def tune(**options) -> list[dict]:
    """Finds and saves the fastest configuration of each problem: `jitattn tune`.

    Options are the flags of the command: dim=1024, or seq=512, head_dim=64, heads=8, causal=True,
    dtype="f32", threads=2, time=10 (seconds), evaluations=100 … Returns a report for each problem.
    """
    return run("tune", *_flags(options))["problems"]


def cache(**options) -> list[dict]:
    """The saved records of this CPU, each with its path: `jitattn cache list`.

    all_cpus=True: those of other CPUs, too.
    """
    folders = run("cache", "list", *_flags(options))["folders"]
    return [record for folder in folders for record in folder["records"]]


def cpu(**options) -> dict:
    """The properties of this CPU: `jitattn cpu`. measure=True: the limits of the machine, too."""
    return run("cpu", *_flags(options))


def status() -> str:
    """Version, CPU, folder of records and what is active, for people."""
    report = cpu()
    records = cache()
    environment = sorted(name for name in os.environ if name.startswith("JITATTN_"))
    lines = {
        "version": report["jitattn"],
        "cpu": f"{report['brand']}, {report['physical_cores']} cores, {report['logical_cpus']} threads",
        "active": _active(report),
        "cache": f"{report['cache_root']}: {len(records)} records for this CPU",
        "environment": " ".join(f"{name}={os.environ[name]}" for name in environment) or "nothing set",
        "library": str(_FOLDER),
    }
    return "\n".join(f"{name:<13}{text}" for name, text in lines.items())


def _active(report: dict) -> str:
    if report["isa"] == "none":
        return "compiled code, as no instructions from AVX2 on may be used"
    if not report["executable_memory"]:
        return "compiled code, as this system gives no executable memory"
    return f"emitted code for {report['isa']}"
