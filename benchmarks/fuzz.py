"""Hostile input for the readers of YAML, MLproject and scripts, and for `check`: no traceback, no run of two seconds.

Run `python benchmarks/fuzz.py [SECONDS] [TARGET]…` in an environment that has artifactflow installed: each target is
fuzzed for that many seconds (60), by atheris where it can be imported, which is led by the branches that an input
reaches, else by hypothesis. An ArtifactflowError is the right answer to bad input. Anything else that is raised, and
every run of more than two seconds, is reported with the input; the command then ends with 1.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 60
SLOW = 2.0
GRACE = 30
"""Seconds after its time by which a target has ended, or hangs."""

YAML_PIECES = """
name: x¦conda_env: conda.yaml¦entry_points:¦  main:¦    parameters:¦      rate: {type: float, default: 0.1}¦: ¦- ¦, ¦{
}¦[¦]¦    command: python main.py --rate {rate}¦optional_parameters:¦outputs:¦  clean: {type: data, path: clean.csv}
# ¦&a ¦*a¦<<: ¦!!¦ ¦>-¦'¦"¦\\¦010¦1e-3¦no¦null¦~¦2020-01-01¦1:30¦0x1F¦.inf¦!!python/object:x¦? ¦---¦...¦%YAML 1.2
{type: path, artifact: a}¦choices: [a, no]¦minimum: 1¦type: int¦default: ¦$(echo {rate})¦${HOME}¦"{rate}"¦\\ ¦ > out
&& ¦{a.b}¦{0}¦{{¦}}¦|¦|-
"""
SCRIPT_PIECES = """
import argparse¦import click, typer, hydra, sys, wandb, mlflow¦parser = argparse.ArgumentParser()¦parser.parse_args()
args.x¦parser.add_argument("--x", type=int, default=1)¦add_argument¦nargs="*"¦choices=[1, 2]¦action="store_true"
**options¦*names¦lambda x: x¦args, rest = parser.parse_known_args()¦@click.command()¦@click.option("--x", default=1)
def f(a, b=1, *c, **d):¦class A(B):¦    return x¦    pass¦for i in range(9):¦while True:¦if __name__ == "__main__":
try:¦except E:¦with open("x") as f:¦x = ¦f(x)¦from . import a¦from artifactflow import step, run¦run(f)¦sys.argv[1]
[i for i in x]¦{a: b}¦f"{x!r:>{y}}"¦"--%s" % x¦"a" * 9¦wandb.init().use_artifact(args.x).file()
mlflow.run("a", parameters={"x": 1})¦run.log_artifact(a)¦x ** 9¦x << 99¦(¦)¦[¦]¦{¦}¦,¦:¦=¦.¦@app.command()
typer.run(f)¦@hydra.main(config_path=".", config_name="c")¦match x:¦    case 1:¦global x¦yield x¦await x¦del x
x: int = 1¦    ¦        ¦-1¦1e9¦"x"¦None¦getattr(args, "x")¦vars(args)¦parser.add_subparsers().add_parser("a")
import os.path as p¦ | ¦9 ** 9 ** 9
"""


def pieces(text: str) -> list[str]:
    """What inputs are put together from: with a line's end or without."""
    found = [piece for line in text.strip("\n").split("\n") for piece in line.split("¦") if piece]
    return [*found, *(f"{piece}\n" for piece in found)]


def text_of(data: bytes, parts: list[str]) -> str:
    """The input that some bytes stand for: themselves, or one piece for each byte."""
    if data[:1] < b"\x40":
        return data[1:].decode(errors="replace")
    return "".join(parts[byte] if byte < len(parts) else chr(byte % 96 + 32) for byte in data[1:])


def targets(folder: Path) -> dict[str, tuple[Callable[[str], object], str]]:
    """What is fuzzed: a function of a text, and the pieces of its inputs. `folder` is a component's."""
    from artifactflow.check import check_paths
    from artifactflow.read.command import parse_command
    from artifactflow.read.mlproject import read_manifest
    from artifactflow.read.orchestration.tracking import read_tracking_text
    from artifactflow.read.script import read_script_text
    from artifactflow.read.signature_source import contract_of_source
    from artifactflow.read.yaml import read_yaml

    manifest = folder / "MLproject"
    script = folder / "main.py"
    stated = "name: x\nentry_points:\n  main:\n    parameters: {x: int}\n    command: python main.py --x {x}\n"

    def written(file: Path, text: str) -> Path:
        file.write_text(text, encoding="utf-8", errors="replace")
        return file

    def mlproject(text: str) -> None:
        for contract in read_manifest(written(manifest, text)).component.entry_points.values():
            parse_command(contract.command)

    def check_manifest(text: str) -> None:
        written(script, "import sys\nprint(sys.argv[1])\n")
        written(manifest, text)
        check_paths([folder])

    def check_script(text: str) -> None:
        written(manifest, stated)
        written(script, text)
        check_paths([folder])

    return {
        "yaml": (lambda text: read_yaml(text, "x.yaml"), YAML_PIECES),
        "mlproject": (mlproject, YAML_PIECES),
        "script": (lambda text: read_script_text(text, "main.py"), SCRIPT_PIECES),
        "signature": (lambda text: contract_of_source(text, "main.py"), SCRIPT_PIECES),
        "tracking": (lambda text: read_tracking_text(text, "main.py"), SCRIPT_PIECES),
        "check-manifest": (check_manifest, YAML_PIECES),
        "check-script": (check_script, SCRIPT_PIECES),
    }


TARGETS = ("yaml", "mlproject", "script", "signature", "tracking", "check-manifest", "check-script")


class Watched:
    """A target whose failures are told once each, as lines of JSON, and that counts its runs."""

    def __init__(self, function: Callable[[str], object], parts: list[str]) -> None:
        self.function = function
        self.parts = parts
        self.runs = 0
        self.told: set[str] = set()

    def __call__(self, data: bytes) -> None:
        from artifactflow.errors import ArtifactflowError

        text = text_of(data, self.parts)
        self.runs += 1
        start = time.perf_counter()
        try:
            self.function(text)
        except ArtifactflowError:
            pass
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(frame.filename).name}:{frame.lineno}"
            self._tell(f"{type(error).__name__} at {where}: {error}", f"{type(error).__name__} {where}", text)
        seconds = time.perf_counter() - start
        if seconds > SLOW:
            self._tell(f"{seconds:.1f} s", "slow", text)

    def _tell(self, what: str, kind: str, text: str) -> None:
        if kind not in self.told:
            self.told.add(kind)
            print(json.dumps({"what": what[:300], "input": text[:2000]}), flush=True)


def seeds(parts: list[str]) -> Iterator[bytes]:
    """Inputs to begin with: real files, and the pieces in their order."""
    root = Path(__file__).resolve().parents[1]
    suffixes = (".py",) if any("import" in part for part in parts) else ("MLproject", ".yaml")
    for file in sorted((root / "examples").rglob("*")):
        if file.is_file() and ".artifactflow" not in file.parts and file.name.endswith(suffixes):
            yield b"\x00" + file.read_bytes()[:2000]
    yield b"\xff" + bytes(range(min(len(parts), 255)))


def fuzz_here(target: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, corpus = Path(temporary, "component"), Path(temporary, "corpus")
        folder.mkdir()
        corpus.mkdir()
        if importlib.util.find_spec("atheris"):
            fuzz_by_atheris(target, seconds, folder, corpus)
        else:
            fuzz_by_hypothesis(target, seconds, folder)


def fuzz_by_atheris(target: str, seconds: int, folder: Path, corpus: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["artifactflow", "yaml"]):
        function, text = targets(folder)[target]
    watched = Watched(function, pieces(text))
    for number, seed in enumerate(seeds(watched.parts)):
        (corpus / str(number)).write_bytes(seed)
    end = time.monotonic() + seconds

    def run(data: bytes) -> None:
        watched(data)
        if time.monotonic() > end:  # libFuzzer takes every other way out for a crash
            print(json.dumps({"runs": watched.runs, "by": "atheris"}), flush=True)
            shutil.rmtree(corpus.parent)
            os._exit(0)

    prefix = f"-artifact_prefix={corpus.parent}/"
    atheris.Setup([sys.argv[0], str(corpus), "-max_len=4096", "-timeout=10", "-verbosity=0", prefix], run)
    atheris.Fuzz()


def fuzz_by_hypothesis(target: str, seconds: int, folder: Path) -> None:
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    function, text = targets(folder)[target]
    watched = Watched(function, pieces(text))
    for seed in seeds(watched.parts):
        watched(seed)

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=4096))
    def run(data: bytes) -> None:
        watched(data)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run()
    print(json.dumps({"runs": watched.runs, "by": "hypothesis"}), flush=True)


def fuzz(target: str, seconds: int) -> int:
    """Fuzz one target in a process of its own, and print what it found; returns how much that was."""
    command = [sys.executable, __file__, "--here", target, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            out, err = process.communicate(timeout=seconds + GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    told = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    found = [one for one in told if "what" in one]
    ended = next((one for one in told if "runs" in one), None)
    print(f"{target}: {ended['runs']} inputs by {ended['by']}" if ended else f"{target}: ended early or hangs\n{err}")
    for one in found:
        print(f"  {one['what']}\n    {one['input']!r}")
    return len(found) + (ended is None)


def main() -> None:
    if sys.argv[1:2] == ["--here"]:
        fuzz_here(sys.argv[2], int(sys.argv[3]))
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    chosen = sys.argv[2:] or TARGETS
    unknown = set(chosen) - set(TARGETS)
    if unknown:
        sys.exit(f"no target is called {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    sys.exit(1 if sum([fuzz(target, seconds) for target in chosen]) else 0)


if __name__ == "__main__":
    main()
