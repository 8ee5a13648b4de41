"""Many trivial steps: what the runner itself costs, from nothing and with nothing to do, and what a plan costs.

Run `python benchmarks/fan_out.py [--steps N] [--only NAME]… [--peers PYTHON]` in an environment that has artifactflow
installed, on a machine that has nothing else to do. Each command is a whole process, byte-compiled before; beside the
seconds stand the processor's seconds and the largest resident memory of the process (that of its steps not counted).

- `processes`: N steps, each `python main.py --number=… --out=…` with argparse in a process of its own, which writes a
  file of some bytes; its log is kept, its output hashed, both are in the lineage.
- `inline`: N typed step functions of one script, run with `--inline` in the runner's own process.
- `plan`: 10,000 steps in a pipeline file, a chain of 1,000, and a grid of 100 × 100 as a matrix and as steps.
- `recorded`: 10,000 step functions run with `--inline`, and then planned: each has a record to be compared with.
- `--peers PYTHON` names the interpreter of an environment in which luigi, sf-hamilton, snakemake and dvc are looked
  for; those that it has do the same N steps, right after ours.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

OURS = [sys.executable, "-m", "artifactflow"]
PARTS = ("processes", "inline", "plan", "recorded")

MANIFEST = """\
name: {name}
entry_points:
  main:
    parameters:
      number: {{type: int, default: 0}}
{input}\
      out: {{type: str, default: out.txt}}
    outputs:
      out: {{type: text, name: "out-{{number}}", path: out.txt}}
    command: python main.py --number={{number}}{option} --out={{out}}
"""
ARGPARSE = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--number", type=int)
parser.add_argument("--before")
parser.add_argument("--out")
arguments = parser.parse_args()
print("step", arguments.number)
with open(arguments.out, "w") as file:
    file.write(f"{arguments.number}\\n")
"""
STEP_FUNCTION = """\
from pathlib import Path
from typing import Annotated

from artifactflow import Output, run, step


@step
def write(number: int, out: Annotated[Path, Output(name="out-{number}", type="text", path="out.txt")]) -> None:
    \"\"\"Write a number.\"\"\"
    print("step", number)
    out.write_text(f"{number}\\n")


if __name__ == "__main__":
    run(write)
"""


@dataclass(frozen=True)
class Measured:
    """One process: wall seconds, processor seconds of it and its children, largest resident memory in MB."""

    seconds: float
    processor: float
    memory: float


def measured(command: list[str], folder: Path) -> Measured:
    """Run a command to its end; its output goes to a file beside what it works on, and is shown where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    log = folder / "benchmark.log"
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed in {folder}:\n{log.read_text(errors='replace')[-2000:]}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def component(folder: Path, script: str, *, chained: bool = False) -> None:
    folder.mkdir(parents=True)
    entry = "      before: {type: path, artifact: text}\n" if chained else ""
    option = " --before={before}" if chained else ""
    (folder / "MLproject").write_text(MANIFEST.format(name=folder.name, input=entry, option=option))
    (folder / "main.py").write_text(script)


def pipeline(folder: Path, steps: Iterable[str]) -> None:
    (folder / "pipeline.yaml").write_text("name: fan\nsteps:\n" + "".join(f"  {step}\n" for step in steps))


def fan(folder: Path, count: int, script: str) -> None:
    """`count` steps side by side."""
    component(folder / "write", script)
    pipeline(folder, (f"s{number}: {{component: write, with: {{number: {number}}}}}" for number in range(count)))


def chain(folder: Path, count: int) -> None:
    """`count` steps, each of which takes the output of the one before."""
    component(folder / "first", ARGPARSE)
    component(folder / "next", ARGPARSE, chained=True)
    steps = ["s0: {component: first, with: {number: 0}}"]
    steps += [
        f"s{number}: {{component: next, with: {{number: {number}, before: '${{s{number - 1}.out}}'}}}}"
        for number in range(1, count)
    ]
    pipeline(folder, steps)


def grid(folder: Path, side: int) -> None:
    """`side` rows of as many steps: each takes the output of the one to its left."""
    component(folder / "first", ARGPARSE)
    component(folder / "next", ARGPARSE, chained=True)
    steps = []
    for row in range(side):
        steps.append(f"s{row}-0: {{component: first, with: {{number: {row * side}}}}}")
        steps += [
            f"s{row}-{column}: {{component: next, with: "
            f"{{number: {row * side + column}, before: '${{s{row}-{column - 1}.out}}'}}}}"
            for column in range(1, side)
        ]
    pipeline(folder, steps)


def matrix(folder: Path, side: int) -> None:
    """One step with a matrix of `side` × `side` cells, and one that takes them all."""
    component(folder / "write", ARGPARSE)
    manifest = folder / "write" / "MLproject"
    text = manifest.read_text().replace("--out=", "--out=").replace('"out-{number}"', "cells")
    text = text.replace("      number:", "      other: {type: int, default: 0}\n      number:")
    manifest.write_text(text)
    component(folder / "next", ARGPARSE, chained=True)
    values = ", ".join(map(str, range(side)))
    pipeline(
        folder,
        [
            f"cells: {{component: write, matrix: {{number: [{values}], other: [{values}]}}}}",
            "all: {component: next, with: {number: 1, before: '${cells.out}'}}",
        ],
    )


# peers


def luigi(folder: Path, count: int) -> list[str]:
    (folder / "fan.py").write_text(
        "import luigi\n\n"
        "class Write(luigi.Task):\n"
        "    number = luigi.IntParameter()\n\n"
        "    def output(self):\n"
        "        return luigi.LocalTarget(f'out/{self.number}.txt')\n\n"
        "    def run(self):\n"
        "        with self.output().open('w') as file:\n"
        "            file.write(f'{self.number}\\n')\n\n"
        "class All(luigi.WrapperTask):\n"
        "    def requires(self):\n"
        f"        return [Write(number=number) for number in range({count})]\n\n"
        "luigi.build([All()], local_scheduler=True, log_level='WARNING')\n"
    )
    return ["python", "fan.py"]


def hamilton(folder: Path, count: int) -> list[str]:
    functions = "".join(
        f"def s{number}() -> str:\n    open('out/{number}.txt', 'w').write('{number}\\n')\n    return '{number}'\n\n"
        for number in range(count)
    )
    (folder / "steps.py").write_text(functions)
    (folder / "fan.py").write_text(
        "import steps\nfrom hamilton import driver\n\n"
        "built = driver.Builder().with_modules(steps).with_cache(path='cache').build()\n"
        f"built.execute([f's{{number}}' for number in range({count})])\n"
    )
    (folder / "out").mkdir(exist_ok=True)
    return ["python", "fan.py"]


def snakemake(folder: Path, count: int) -> list[str]:
    (folder / "main.py").write_text(ARGPARSE)
    (folder / "Snakefile").write_text(
        f"rule all:\n    input: expand('out/{{number}}.txt', number=range({count}))\n\n"
        "rule write:\n    output: 'out/{number}.txt'\n"
        "    shell: 'python main.py --number={wildcards.number} --out={output}'\n"
    )
    return ["snakemake", "--cores", "2", "--quiet", "all"]


def dvc(folder: Path, count: int) -> list[str]:
    (folder / "main.py").write_text(ARGPARSE)
    (folder / "out").mkdir(exist_ok=True)
    stages = "".join(
        f"  s{number}:\n    cmd: python main.py --number={number} --out=out/{number}.txt\n"
        f"    outs: [out/{number}.txt]\n"
        for number in range(count)
    )
    (folder / "dvc.yaml").write_text("stages:\n" + stages)
    subprocess.run(["git", "init", "-q", folder], check=True)
    return ["dvc", "repro", "--quiet"]


PEERS: dict[str, Callable[[Path, int], list[str]]] = {
    "luigi": luigi,
    "hamilton": hamilton,
    "snakemake": snakemake,
    "dvc": dvc,
}
IN_PROCESS = ("luigi", "hamilton")
"""Peers whose step is a function call: they are compared with our inline steps."""


# the runs


def report(name: str, first: Measured, again: Measured | None = None, ratio: float | None = None) -> None:
    second = f"{again.seconds:8.2f} s" if again else f"{'':10}"
    memory = max(first.memory, again.memory if again else 0)
    against = f"{ratio:8.1f}" if ratio else f"{'':8}"
    print(f"{name:<30}{first.seconds:8.2f} s{second}{first.processor:8.2f} s{memory:7.0f} MB{against}", flush=True)


def run_twice(name: str, command: list[str], folder: Path, ours: Measured | None = None) -> Measured:
    first = measured(command, folder)
    again = measured(command, folder)
    report(name, first, again, first.seconds / ours.seconds if ours else None)
    return first


def run_peers(python: Path, folder: Path, count: int, names: Iterable[str], ours: Measured) -> None:
    for name in names:
        place = folder / name
        place.mkdir()
        program, *arguments = PEERS[name](place, count)
        executable = python.parent / program
        if name == "dvc" and executable.exists():
            subprocess.run([executable, "init", "-q"], cwd=place, check=True)
        if (
            name == "hamilton"
            and subprocess.run([python, "-c", "import hamilton"], capture_output=True, check=False).returncode
        ):
            continue
        if (
            name == "luigi"
            and subprocess.run([python, "-c", "import luigi"], capture_output=True, check=False).returncode
        ):
            continue
        if executable.exists():
            run_twice(f"  {name}, {count}", [str(executable), *arguments], place, ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", action="append", choices=list(PARTS))
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--peer", action="append", choices=list(PEERS))
    parser.add_argument("--keep", type=Path, help="a folder to work in, and to leave as it is afterwards")
    chosen = parser.parse_args()
    parts = chosen.only or PARTS
    peers = chosen.peer or list(PEERS)
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="fan-out-"))
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores\n")
    print(f"{'what':<30}{'first':>10}{'unchanged':>10}{'processor':>10}{'memory':>10}{'ratio':>8}")
    try:
        if "processes" in parts:
            fan(folder / "processes", chosen.steps, ARGPARSE)
            ours = run_twice(f"processes, {chosen.steps}", [*OURS, "run-pipeline"], folder / "processes")
            if chosen.peers:
                names = [name for name in peers if name not in IN_PROCESS]
                run_peers(chosen.peers, folder, chosen.steps, names, ours)
        if "inline" in parts:
            fan(folder / "inline", chosen.steps, STEP_FUNCTION)
            ours = run_twice(f"inline, {chosen.steps}", [*OURS, "run-pipeline", "--inline"], folder / "inline")
            if chosen.peers:
                names = [name for name in peers if name in IN_PROCESS]
                run_peers(chosen.peers, folder, chosen.steps, names, ours)
        if "plan" in parts:
            fan(folder / "fan", 10_000, ARGPARSE)
            chain(folder / "chain", 1_000)
            grid(folder / "grid", 100)
            matrix(folder / "matrix", 100)
            for name, words in (
                ("fan", "plan, 10,000 steps"),
                ("chain", "plan, chain of 1,000"),
                ("grid", "plan, grid of 100 × 100"),
                ("matrix", "plan, matrix of 100 × 100"),
            ):
                report(words, measured([*OURS, "plan"], folder / name))
        if "recorded" in parts:
            fan(folder / "recorded", 10_000, STEP_FUNCTION)
            report("inline, 10,000", measured([*OURS, "run-pipeline", "--inline"], folder / "recorded"))
            report("plan, 10,000 recorded", measured([*OURS, "plan"], folder / "recorded"))
    finally:
        if not chosen.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
