"""Figures that need a build: of the first build and of the library.

The first build is the build of `./dev tune` in a clean clone: the target jitattn_command, Release.
It is built in a temporary folder without a compiler cache.
"""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

TARGET, LIBRARY_TARGET = "jitattn_command", "jitattn_library"

# Launches each compiler, and appends its user and system seconds and its output file to LOG.
TIMER = """#!/usr/bin/env bash
LC_ALL=C
for ((i = 1; i < $#; ++i)); do
  if [[ ${!i} == -o ]]; then next=$((i + 1)); output=${!next}; fi
done
exec 3>&2
{ TIMEFORMAT="%3U %3S $output"; time "$@" 2>&3; } 2>>LOG
"""


class Missing(Exception):
    """A figure is not available for this tree or on this machine; the text is the reason."""


def run(command, **options):
    """The command's standard output. Raises Missing if it is not installed or fails."""
    if not shutil.which(command[0]):
        raise Missing(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Missing(f"{' '.join(map(str, command[:3]))} … failed: {last}")
    return done.stdout


# ---- The first build -----------------------------------------------------------------------------


def configure(tree, folder):
    """Configures a build of `tree` in `folder` that logs the times of compilers to folder/times."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    timer = folder / "timer"
    timer.write_text(TIMER.replace("LOG", str(folder / "times")))
    timer.chmod(0o755)
    launchers = [
        f"-DCMAKE_{language}_{step}_LAUNCHER={timer}"
        for language in ("C", "CXX")
        for step in ("COMPILER", "LINKER")
    ]
    run(["cmake", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *launchers,
         "-S", str(tree), "-B", str(folder)])


def compiled(commands):
    """Translation units and precompiled headers among ninja's commands."""
    outputs = set(re.findall(r" -o (\S+\.(?:o|gch)) -c ", commands))
    headers = {output for output in outputs if output.endswith(".gch")}
    return {"translation_units": len(outputs) - len(headers), "precompiled_headers": len(headers)}


def planned(folder):
    """The numbers of files in the first build, from ninja's list of commands, without building."""
    return compiled(run(["ninja", "-C", str(folder), "-t", "commands", TARGET]))


def group_of(output):
    """The target: jitattn_jit of CMakeFiles/jitattn_jit.dir/jit/kernel.cc.o; a program's own name."""
    target = re.search(r"CMakeFiles/(\w+)\.dir/", output)
    return target.group(1) if target else pathlib.Path(output).name


def summed(times):
    """CPU seconds from the timer's lines: total, by target, and of the ten most expensive outputs."""
    outputs, targets = {}, {}
    for line in times.splitlines():
        user, system, output = line.split(maxsplit=2)
        seconds = float(user) + float(system)
        outputs[output] = outputs.get(output, 0) + seconds
        targets[group_of(output)] = targets.get(group_of(output), 0) + seconds
    ordered = sorted(outputs.items(), key=lambda item: -item[1])
    return {
        "compiler_cpu_seconds": round(sum(outputs.values()), 1),
        "by_target": {t: round(s, 1) for t, s in sorted(targets.items(), key=lambda item: -item[1])},
        "most": [{"output": output, "cpu_seconds": round(s, 2)} for output, s in ordered[:10]],
    }


def ninja(folder, target, jobs):
    """Builds a target. Returns wall seconds, and the CPU seconds of ninja and its children."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["ninja", "-C", str(folder), "-j", str(jobs), target],
            stdout=output,
            stderr=output,
            env={**os.environ, "CCACHE_DISABLE": "1"},
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            errors = [line.strip() for line in output if "error" in line.lower()]
            raise Missing(f"the build of {target} failed: {(errors or ['no message'])[0]}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def first_build(folder, jobs):
    """Builds the target of `./dev tune` in a folder of configure(). Returns its times."""
    wall, cpu = ninja(folder, TARGET, jobs)
    times = (pathlib.Path(folder) / "times").read_text()
    return {"cpu_seconds": round(cpu, 1), "wall_seconds": round(wall, 1), "jobs": jobs, **summed(times)}


# ---- The library ---------------------------------------------------------------------------------


def relocations(listing):
    """Dynamic relocations by type, from `readelf -rW`."""
    types = {}
    for name in re.findall(r"^[0-9a-f]{8,}\s+[0-9a-f]+\s+(R_\w+)", listing, re.MULTILINE):
        types[name] = types.get(name, 0) + 1
    return {"all": sum(types.values()), "by_type": dict(sorted(types.items()))}


def seconds_of(program):
    begin = time.perf_counter()
    process = os.posix_spawn(program, [program], os.environ)
    os.waitpid(process, 0)
    return time.perf_counter() - begin


def startup(library, folder, runs):
    """Median milliseconds of a C program that returns at once, linked with the library or not."""
    folder, library = pathlib.Path(folder), pathlib.Path(library).resolve()
    source = folder / "nothing.c"
    source.write_text("int main(void) { return 0; }\n")
    linked = ["-Wl,--no-as-needed", str(library), f"-Wl,-rpath,{library.parent}"]
    samples = {}
    for name, flags in (("without", []), ("with", linked)):
        run(["cc", "-O1", "-o", str(folder / name), str(source), *flags])
        seconds_of(str(folder / name))  # warm-up: the first run reads files
        samples[name] = []
    for _ in range(runs):  # in turn, so that disturbances affect both
        for name, seen in samples.items():
            seen.append(seconds_of(str(folder / name)))
    medians = {f"{name}_ms": round(statistics.median(s) * 1e3, 3) for name, s in samples.items()}
    return {**medians, "more_ms": round(medians["with_ms"] - medians["without_ms"], 3), "runs": runs}


def library(path, folder, runs):
    listing = run(["readelf", "-rW", str(path)])
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(["readelf", "-dW", str(path)]))
    return {
        "bytes": pathlib.Path(path).resolve().stat().st_size,
        "relocations": relocations(listing),
        "needs": len(needed),
        "startup": startup(path, folder, runs),
    }
