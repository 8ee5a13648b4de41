"""Killing those who work on a store, over and over."""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from artifactflow.store import Store
from processes import TRACEBACK, Child
from workload import Ledger, check_collected, work

MANIFEST = """
name: make
entry_points:
  main:
    parameters:
      seed: {type: int}
      cell: {type: int, default: 0}
      out: {type: str, default: out.txt}
    outputs:
      out: {type: text, name: made, path: out.txt}
    command: python make.py {seed} {cell} {out}
"""
SCRIPT = """
import sys
seed, cell, out = sys.argv[1:]
with open(out, "w") as file:
    file.write(f"{seed} {cell}\\n" * 1000)
"""
PIPELINE = """
name: killed
parameters:
  seed: {type: int, default: 0}
steps:
  make: {component: make, with: {seed: "${seed}"}, matrix: {cell: [1, 2, 3, 4, 5, 6]}}
"""


def kill_workers(
    folder: Path, rounds: int, *, seed: int = 1, fresh_every: int = 40, worker: Callable[..., object] = work
) -> int:
    """Kill a worker, or two at a time, at that many random moments, and check the store each time.

    Returns how many acknowledged facts were held against it.
    """
    chance = random.Random(seed)
    facts = killed = 0
    while killed < rounds:
        root = folder / f"store-{killed}"
        root.mkdir(parents=True)
        root /= ".artifactflow"
        ledger = Ledger()
        for _ in range(fresh_every):
            if killed >= rounds:
                break
            workers = [Child(worker, root, chance.randrange(10**9) * 2)]
            if chance.random() < 0.3 and worker is work:
                # The garbage of two is collected by neither: what one has put, the other must spare for a while.
                workers[0].kill()
                workers = [Child(work, root, chance.randrange(10**9) * 2 + number, 3600.0) for number in (0, 1)]
            if chance.random() < 0.5:
                time.sleep(0.01 + chance.random() * 0.12)
            else:  # or at once after something was acknowledged
                workers[0].heard(chance.randrange(1, 15), 0.2)
            for one in workers:
                ledger.hear(one.kill())
                assert one.code != TRACEBACK
                killed += 1
            ledger.check(root)
        facts += ledger.facts
    return facts


def kill_pipeline_runs(folder: Path, rounds: int, *, seed: int = 1) -> int:
    """Kill a run of six steps at that many random moments, and check the store each time.

    Returns how many outputs had been announced before.
    """
    (folder / "make").mkdir(parents=True)
    (folder / "make" / "MLproject").write_text(MANIFEST)
    (folder / "make" / "make.py").write_text(SCRIPT)
    (folder / "pipeline.yaml").write_text(PIPELINE)
    root = folder / ".artifactflow"
    chance = random.Random(seed)
    announced: set[str] = set()
    begun = time.monotonic()
    _finish(_run_pipeline(folder, 0))
    lasts = time.monotonic() - begun
    for number in range(1, rounds + 1):
        with _run_pipeline(folder, number) as process:
            time.sleep(lasts * chance.uniform(0.3, 1.0))  # before that it has only read its files
            process.kill()
            announced |= set(re.findall(r"(made:v\d+) in ", process.stdout.read()))
        with Store.open(root) as store:
            known = {version.ref: version for version in store.versions()}
            assert announced <= known.keys()
            assert all(store.intact(version.digest) for version in known.values())
            assert not store.verify().faults
    _finish(_run_pipeline(folder, 0))
    time.sleep(1.0)  # steps whose run was killed may still be about to end
    with Store.open(root) as store:
        check_collected(store)
        assert not list(root.glob("runs/*/running.json"))
    return len(announced)


def _finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=120)
    assert process.returncode == 0


def _run_pipeline(folder: Path, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "artifactflow", "run-pipeline", ".", "-P", f"seed={number}"]
    environment = {**os.environ, "ARTIFACTFLOW_TRACK": "none"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
