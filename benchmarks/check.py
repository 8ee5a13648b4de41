"""How long `artifactflow check` takes for a tree of 1,000 components, against MLflow's own loader, which checks little.

Run `python benchmarks/check.py [COMPONENTS]` in an environment that has artifactflow installed. The components are
made up in a temporary folder: an argparse script of some 60 lines with six options, an MLproject and a conda.yaml;
every third one has a fault. `check` runs as a whole process, five times, and so does MLflow's loader over all
manifests; the medians count. A first run that byte-compiles everything does not count. Where the machine has other
things to do, compare the processor's time.
"""

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUNS = 5
BUDGETS = {"artifactflow check, all": 5.0, "artifactflow check, one": 0.35}

SCRIPT = '''"""Clean table {number}: keep the rows inside a range and fill in what is missing."""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)
COLUMNS = ["price", "rooms", "area_{number}"]


def load(path):
    table = pd.read_csv(path)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ValueError(f"{{path}} lacks the columns {{missing}}")
    return table


def keep(table, low, high):
    kept = table[table["price"].between(low, high)].copy()
    logger.info("kept %d of %d rows", len(kept), len(table))
    return kept


def fill(table, method):
    numbers = table.select_dtypes(np.number).columns
    for column in numbers:
        value = table[column].mean() if method == "mean" else table[column].median()
        table[column] = table[column].fillna(value)
    return table


def summary(table):
    return {{column: float(table[column].mean()) for column in COLUMNS}}


def go(args):
    rng = np.random.default_rng(args.seed)
    table = fill(keep(load(args.raw), args.min_price, args.max_price), args.method)
    shuffled = table.sample(frac=1, random_state=int(rng.integers(1 << 30)))
    shuffled.to_csv(args.clean, index=False)
    Path("summary.json").write_text(json.dumps(summary(shuffled)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=str, required=True, help="the table to clean")
    parser.add_argument("--min_price", type=float, default=10.0, help="lowest price kept, in USD")
    parser.add_argument("--max_price", type=float, default=350.0, help="highest price kept, in USD")
    parser.add_argument("--method", choices=["mean", "median"], default="mean", help="what fills the gaps")
    parser.add_argument("--seed", type=int, default={number}, help="seed of the shuffle")
    parser.add_argument("--clean", default="clean.csv", help="where the clean table goes")
    go(parser.parse_args())
'''

MANIFEST = """name: clean_{number}
conda_env: conda.yaml
entry_points:
  main:
    parameters:
      raw:       {{type: path, artifact: raw_data, description: the table to clean}}
      min_price: {{type: float, default: 10, description: "lowest price kept, in USD"}}
      max_price: {{type: float, default: 350, description: "highest price kept, in USD"}}
      method:    {{type: str, default: mean, choices: [mean, median], description: what fills the gaps}}
      seed:      {{type: int, default: {number}, description: seed of the shuffle}}
      clean:     {{type: str, default: clean.csv}}
    outputs:
      clean: {{type: clean_data, path: clean.csv, description: where the clean table goes}}
    command: python main.py --raw={{raw}} --min_price={{min_price}} --max_price={{max_price}} --method={{method}} --seed={{seed}} --clean={{clean}}
"""  # noqa: E501 - a command is one line

ENVIRONMENT = """name: clean_{number}
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - numpy==2.1.0
      - pandas==2.2.3
"""

FAULTS: list[tuple[str, Callable[[str], str]]] = [
    ("MLproject", lambda text: text.replace("default: 10,", "default: 1e-3,")),
    ("MLproject", lambda text: text.replace("--min_price=", "--min-price=")),
    ("MLproject", lambda text: text.replace("conda_env:", "conda_enviroment:")),
    ("MLproject", lambda text: text.replace("method:    {type: str", "method:    {type str")),
    ("MLproject", lambda text: text.replace("--seed={seed}", "'--seed={seed}'")),
    ("MLproject", lambda text: text.replace("default: 350", "default: 351")),
    ("conda.yaml", lambda text: text.replace("      - pandas==2.2.3\n", "")),
    ("conda.yaml", lambda text: text.replace("numpy==", "numpy=")),
    ("main.py", lambda text: text.replace("args.method", "args.methode")),
    ("main.py", lambda text: text.replace('"--seed", type=int', '"--seed", type=str')),
]
"""A file and what goes wrong in it."""


def make_tree(root: Path, components: int) -> int:
    """Write the components; returns how many have a fault."""
    chance = random.Random(0)
    faulty = 0
    for number in range(components):
        folder = root / f"group_{number // 50:03d}" / f"clean_{number:04d}"
        folder.mkdir(parents=True)
        texts = {"MLproject": MANIFEST, "conda.yaml": ENVIRONMENT, "main.py": SCRIPT}
        texts = {name: text.format(number=number) for name, text in texts.items()}
        if number % 3 == 2:
            name, spoil = chance.choice(FAULTS)
            spoilt = spoil(texts[name])
            assert spoilt != texts[name], (name, number)
            texts[name] = spoilt
            faulty += 1
        for name, text in texts.items():
            (folder / name).write_text(text)
    return faulty


# Runs in a process of its own, and says how long the loading took without the import.
MLFLOW = """
import sys, time
from pathlib import Path
from mlflow.projects._project_spec import load_project
start = time.perf_counter()
refused = 0
for manifest in Path(sys.argv[1]).rglob("MLproject"):
    try:
        load_project(str(manifest.parent))
    except Exception:
        refused += 1
print(time.perf_counter() - start, refused)
"""

# A process that starts the command, waits, and asks the kernel what it used.
MEASURE = """
import resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - start
if done.returncode not in (0, 8):
    sys.exit(done.stderr)
last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, last, sep="\\t")
"""


@dataclass(frozen=True)
class Cost:
    """Median seconds by the clock and of the processor, most memory in MB, and the last line that was printed."""

    seconds: float
    processor: float
    megabytes: float
    last: str


def measured(command: list[str]) -> Cost:
    samples = []
    for _ in range(RUNS + 1):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        seconds, processor, kilobytes, last = done.rstrip("\n").split("\t")  # getrusage counts in kB on Linux
        samples.append(Cost(float(seconds), float(processor), int(kilobytes) / 1000, last))
    counted = samples[1:]
    return Cost(
        statistics.median(cost.seconds for cost in counted),
        statistics.median(cost.processor for cost in counted),
        max(cost.megabytes for cost in counted),
        counted[0].last,
    )


def main() -> None:
    components = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    check = [sys.executable, "-m", "artifactflow", "check"]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        start = time.perf_counter()
        faulty = make_tree(root, components)
        print(f"{components} components, {faulty} with a fault, written in {time.perf_counter() - start:.1f} s")
        one = next(root.rglob("MLproject")).parent
        rows = {
            "artifactflow check, all": measured([*check, str(root)]),
            "artifactflow check, one": measured([*check, str(one)]),
            "MLflow's loader, all": measured([sys.executable, "-c", MLFLOW, str(root)]),
            "python -c pass": measured([sys.executable, "-c", "pass"]),
        }
    ours = rows["artifactflow check, all"].seconds
    print(f"Python {sys.version.split()[0]}, whole processes, median of {RUNS}, byte-compiled\n")
    print(f"{'what':<26}{'seconds':>9}{'processor':>11}{'memory':>10}{'ratio':>8}{'budget':>9}")
    for name, cost in rows.items():
        budget = f"{BUDGETS[name]:.2f} s" if name in BUDGETS else ""
        print(
            f"{name:<26}{cost.seconds:>8.2f}s{cost.processor:>10.2f}s{cost.megabytes:>7.0f} MB"
            f"{cost.seconds / ours:>8.2f}{budget:>9}"
        )
    loading, refused = rows["MLflow's loader, all"].last.split()
    print(f"\ncheck says: {rows['artifactflow check, all'].last}")
    print(f"MLflow's loader refuses {refused} manifests; without its import it takes {float(loading):.2f} s")


if __name__ == "__main__":
    main()
