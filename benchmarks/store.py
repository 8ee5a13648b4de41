"""What the store costs: one large file, many small ones, a step's output, a million rows of the catalog.

Run `python benchmarks/store.py [--megabytes 2000] [--files 20000] [--rows 1000000] [--rounds 3] [--dvc PROGRAM]
[--wandb PYTHON] [--folder DIR]` in an environment that has artifactflow installed. Everything is done in DIR, on whose
disk it depends. Ratios are to the row that the table names; programs take turns, the median of all rounds counts, and
memory is the largest that any of its processes had. `cp` is followed by a sync of the file system, because a put ends
with one too; `dvc add` of the large file is measured with one and without. Rows of the catalog are written to the
journal, a thousand versions a record, and the catalog is built from it.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FLOW = str(Path(sys.executable).parent / "artifactflow")
WANDB = """
import os, sys, wandb
source, folder = sys.argv[1:]
folders = {f"WANDB_{kind}DIR": folder for kind in ("", "CACHE_", "DATA_")}
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", **folders)
with wandb.init(project="store") as run:
    artifact = wandb.Artifact("data", "data")
    (artifact.add_dir if os.path.isdir(source) else artifact.add_file)(source)
    run.log_artifact(artifact)
"""
MANY = 1000  # entries of a folder
START_UP = "artifacts ls of an empty store"
MOVE = """
import sys
from pathlib import Path
from artifactflow.store import Store
with Store.open(Path(sys.argv[2])) as store:
    tree = store.put_tree(Path(sys.argv[1]), move=True)
    with store.transaction() as transaction:
        transaction.register("data", "data", "", tree)
"""


@dataclass
class Program:
    """A command that is measured in a folder of its own, after something was prepared there."""

    name: str
    command: list[str]
    prepare: Callable[[Path], object] | None = None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: int = 0

    def measure(self, folder: Path) -> None:
        """Run it once, on a disk that has nothing left to write."""
        folder.mkdir()
        if self.prepare is not None:
            self.prepare(folder)
        os.sync()
        environment = {**os.environ, "HOME": str(folder)}
        begun = time.perf_counter()
        process = subprocess.Popen(
            self.command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        error = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{self.name} ended with {process.returncode}: {error.decode()}")
        self.seconds.append(seconds)
        self.processor.append(used.ru_utime + used.ru_stime)
        self.memory = max(self.memory, used.ru_maxrss * 1024)


def remove(folder: Path) -> None:
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


def shell(text: str) -> list[str]:
    return ["sh", "-ec", text]


def quietly(*command: object, cwd: Path) -> None:
    environment = {**os.environ, "HOME": str(cwd)}
    subprocess.run(list(map(str, command)), cwd=cwd, env=environment, check=True, capture_output=True)


def put_before(source: Path) -> Callable[[Path], None]:
    return lambda folder: quietly(FLOW, "artifacts", "put", source, "--name", "data", "--store", "store", cwd=folder)


def dvc_repository(dvc: str, source: Path | None = None, *, checkout: bool = False) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        quietly(dvc, "init", "--no-scm", "-q", cwd=folder)
        quietly(dvc, "config", "core.analytics", "false", cwd=folder)
        if source is not None:
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / "data")
            if checkout:
                quietly(dvc, "add", "-q", "data", cwd=folder)
                quietly("rm", "-rf", "data", cwd=folder)

    return prepare


def copied(source: Path) -> Callable[[Path], object]:
    return lambda folder: (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / "data")


def compare(title: str, programs: list[Program], place: Path, rounds: int, base: tuple[str, ...]) -> None:
    """Measure, print a table, and give each program's share of the time that the programs in `base` take together.

    What small files were written stays until the last program has ended: an ext4 without a journal is slow for minutes
    to give out inodes after many were freed, and the program after would pay for it. Large files are removed at once.
    """
    work = place / "work"
    work.mkdir()
    for turn in range(rounds):
        for number, program in enumerate(programs):
            folder = work / f"{turn}-{number}"
            program.measure(folder)
            if sum(1 for _ in folder.rglob("*")) < MANY:
                remove(folder)
    remove(work)
    taken = {program.name: statistics.median(program.seconds) for program in programs}
    reference = sum(taken[name] for name in base)
    print(f"\n{title}; ratio to {' + '.join(base)}\n")
    print(f"{'program':<44}{'seconds':>9}{'processor':>11}{'ratio':>8}{'memory':>10}")
    for program in programs:
        name, seconds = program.name, taken[program.name]
        processor = statistics.median(program.processor)
        print(f"{name:<44}{seconds:>9.2f}{processor:>11.2f}{seconds / reference:>8.2f}{program.memory / 1e6:>7.0f} MB")
    sys.stdout.flush()


def one_file(place: Path, megabytes: int, rounds: int, dvc: str | None, wandb: str | None) -> None:
    source = place / "source.bin"
    noise = random.Random(1)
    with source.open("wb") as file:
        for _ in range(megabytes):
            file.write(noise.randbytes(10**6))
    put = [FLOW, "artifacts", "put", str(source), "--name", "data", "--store", "store"]
    get = [FLOW, "artifacts", "get", "data", "--store", "store", "--to", "out"]
    programs = [
        Program("cp, sync", shell(f"cp {source} copy && sync -f copy")),
        Program("sha256sum", ["sha256sum", str(source)]),
        Program("artifactflow artifacts put", put),
        Program("artifactflow artifacts get", get, put_before(source)),
        Program("a step's output moved in", [sys.executable, "-c", MOVE, "data", "store"], copied(source)),
    ]
    if dvc:
        programs.append(Program("dvc add", [dvc, "add", "-q", "data"], dvc_repository(dvc, source)))
        durable = shell(f"{dvc} add -q data && sync -f data")
        programs.append(Program("dvc add, sync", durable, dvc_repository(dvc, source)))
        checkout = dvc_repository(dvc, source, checkout=True)
        programs.append(Program("dvc checkout", [dvc, "checkout", "-q"], checkout))
    if wandb:
        programs.append(Program("wandb log_artifact, offline", [wandb, "-c", WANDB, str(source), "."]))
    compare(f"One file of {megabytes} MB", programs, place, rounds, ("cp, sync", "sha256sum"))
    source.unlink()


def many_files(place: Path, count: int, rounds: int, dvc: str | None, wandb: str | None) -> None:
    source = place / "source"
    noise = random.Random(2)
    for number in range(count):
        file = source / f"{number % 100:02}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(noise.randbytes(10_000))
    put = [FLOW, "artifacts", "put", str(source), "--name", "data", "--store", "store"]
    get = [FLOW, "artifacts", "get", "data", "--store", "store", "--to", "out"]
    before = put_before(source)
    hashing = shell(f"find {source} -type f -print0 | xargs -0 -P 2 -n 2000 sha256sum")
    programs = [
        Program("cp -r, sync", shell(f"cp -r {source} copy && sync -f copy")),
        Program("sha256sum, two at a time", hashing),
        Program("artifactflow artifacts put", put),
        Program("artifactflow artifacts put, unchanged", put, before),
        Program("artifactflow artifacts verify", [FLOW, "artifacts", "verify", "--store", "store"], before),
        Program("artifactflow artifacts get", get, before),
    ]
    if dvc:
        added = dvc_repository(dvc, source)

        def added_before(folder: Path) -> None:
            added(folder)
            quietly(dvc, "add", "-q", "data", cwd=folder)

        programs.append(Program("dvc add", [dvc, "add", "-q", "data"], added))
        programs.append(Program("dvc add, unchanged", [dvc, "add", "-q", "data"], added_before))
        checkout = dvc_repository(dvc, source, checkout=True)
        programs.append(Program("dvc checkout", [dvc, "checkout", "-q"], checkout))
    if wandb:
        programs.append(Program("wandb log_artifact, offline", [wandb, "-c", WANDB, str(source), "."]))
    compare(f"{count} files of 10 KB", programs, place, rounds, ("cp -r, sync",))
    shutil.rmtree(source)


def many_rows(place: Path, rows: int, rounds: int) -> None:
    from artifactflow.artifact import Tree, TreeEntry, Version
    from artifactflow.store import Store
    from artifactflow.store.journal import Journal, Position

    root = place / "rows"
    begun = time.perf_counter()
    moment = "2026-01-01T00:00:00.000Z"
    with Store.open(root) as store:
        entries = tuple(TreeEntry(f"{number}.csv", store.put_bytes(b"row"), 3, False) for number in range(10))
        trees = [Tree(entries[: number % 10 + 1], folder=True) for number in range(10)]
        for tree in trees:
            store.put_bytes(tree.to_bytes())
        journal, position = Journal(root / "journal", store.id), Position()
        for number in range(rows // 1000):
            name = f"data-{number:04}"
            versions = [
                Version(name, count + 1, "table", trees[count % 10].digest, 3, 1, "some rows", {}, moment, None)
                for count in range(1000)
            ]
            latest = {"name": name, "alias": "latest", "version": 1000, "generation": 1000}
            events = [*({"version": version.to_json()} for version in versions), {"alias": latest}]
            position = journal.append(position, {"time": moment, "events": events})
        written = time.perf_counter() - begun
        store.rebuild()
    built = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    print(
        f"\n{rows} versions of {rows // 1000} artifacts, {size / 1e6:.0f} MB; catalog built in {built - written:.0f} s"
    )
    empty = place / "empty"
    Store.open(empty).close()
    store_option = ["--store", str(root)]
    name = f"data-{rows // 2000:04}"
    commands = {
        START_UP: [FLOW, "artifacts", "ls", "--store", str(empty)],
        "artifacts ls": [FLOW, "artifacts", "ls", *store_option],
        "artifacts ls NAME": [FLOW, "artifacts", "ls", name, *store_option],
        "artifacts show": [FLOW, "artifacts", "show", f"{name}:v7", *store_option],
        "artifacts alias": [FLOW, "artifacts", "alias", f"{name}:v7", "champion", *store_option],
    }
    programs = [Program(text, command) for text, command in commands.items()]
    compare("The catalog", programs, place, max(rounds, 3), (START_UP,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dvc", metavar="PROGRAM")
    parser.add_argument("--wandb", metavar="PYTHON", help="a Python that has wandb")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        place = Path(name)
        if given.megabytes:
            one_file(place, given.megabytes, given.rounds, given.dvc, given.wandb)
        if given.files:
            many_files(place, given.files, given.rounds, given.dvc, given.wandb)
        if given.rows:
            many_rows(place, given.rows, given.rounds)


if __name__ == "__main__":
    main()
