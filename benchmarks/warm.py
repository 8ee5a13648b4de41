"""Three steps that import pandas and scikit-learn, and three with nothing to do: artifactflow against `mlflow.run`.

Run `python benchmarks/warm.py` in an environment that has artifactflow and mlflow. One pipeline of three components,
each a plain argparse script that fits a model; a parameter of each is changed for every run, so that all three run
every time. Measured are whole processes, in turns, and the median is printed:

- `mlflow.run ×3`: one Python process that imports mlflow and calls `mlflow.run(…, env_manager="local")` three times, on
  a store that is set up already;
- `artifactflow, from nothing`: `artifactflow run-pipeline`, its server begun and ended with it;
- `artifactflow, server kept`: the same with `--keep-warm 10m`, the first run of which does not count;
- nothing to do: the same command again, against `mlflow run` three times on the command line.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RUNS = int(os.environ.get("RUNS", "5"))
BIN = Path(sys.executable).parent
STEPS = ("first", "second", "third")
MANIFEST = """name: {name}
entry_points:
  main:
    parameters:
      c: {{type: float, default: 1.0}}
    command: python main.py --c={{c}}
"""
SCRIPT = """import argparse
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

parser = argparse.ArgumentParser()
parser.add_argument("--c", type=float)
given = parser.parse_args()
x, y = load_iris(return_X_y=True)
frame = pd.DataFrame(x).describe()
print(LogisticRegression(C=given.c, max_iter=500).fit(x, y).score(x, y), frame.shape)
"""
MLFLOW = """import sys, mlflow
for step in sys.argv[2:]:
    mlflow.run(step, parameters={"c": sys.argv[1]}, env_manager="local")
"""


def write(folder: Path) -> None:
    steps = []
    for name in STEPS:
        (folder / name).mkdir()
        (folder / name / "MLproject").write_text(MANIFEST.format(name=name))
        (folder / name / "main.py").write_text(f"# {name}\n{SCRIPT}")
        steps.append(f"  {name}: {{component: {name}, with: {{c: '${{c}}'}}}}\n")
    (folder / "pipeline.yaml").write_text(f"name: bench\nparameters: {{c: {{type: float}}}}\nsteps:\n{''.join(steps)}")
    (folder / "three.py").write_text(MLFLOW)


@contextmanager
def project() -> Iterator[Callable[[list[str]], float]]:
    """A pipeline in a folder of its own; gives a function that runs commands there, one after another, in seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder)
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        environment = {
            **os.environ,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
            "XDG_RUNTIME_DIR": str(runtime),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def seconds(*commands: list[str]) -> float:
            start = time.perf_counter()
            for command in commands:
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
            return time.perf_counter() - start

        try:
            yield seconds
        finally:
            seconds([sys.executable, "-m", "artifactflow", "workers", "stop"])


def main() -> None:
    taken: dict[str, list[float]] = {}
    value = iter(range(1, 10_000))

    def ours(*options: str) -> list[str]:
        return [sys.executable, "-m", "artifactflow", "run-pipeline", "-P", f"c={next(value)}", *options]

    with project() as seconds:
        same = ours()
        subjects: dict[str, Callable[[], float]] = {
            "mlflow.run x3": lambda: seconds([sys.executable, "three.py", str(next(value)), *STEPS]),
            "artifactflow, from nothing": lambda: seconds(ours()),
            "artifactflow, server kept": lambda: seconds(ours("--keep-warm", "10m")),
            "nothing to do: mlflow run x3": lambda: seconds(
                *([str(BIN / "mlflow"), "run", step, "-P", "c=1", "--env-manager", "local"] for step in STEPS)
            ),
            "nothing to do: artifactflow": lambda: seconds(same),
        }
        for subject, measured in subjects.items():
            if subject == "artifactflow, server kept":
                continue
            measured()
        for _ in range(RUNS):
            for subject, measured in subjects.items():
                if subject == "artifactflow, server kept":
                    measured()  # the one that begins the server, or finds it
                taken.setdefault(subject, []).append(measured())
                if subject == "artifactflow, server kept":
                    seconds([sys.executable, "-m", "artifactflow", "workers", "stop"])
    medians = {subject: statistics.median(times) for subject, times in taken.items()}
    print(f"Python {sys.version.split()[0]}, median of {RUNS}\n")
    print(f"{'whole processes':<32}{'median':>9}{'fastest':>9}{'slowest':>9}{'times faster':>14}")
    for subject, times in taken.items():
        peer = medians["nothing to do: mlflow run x3" if subject.startswith("nothing") else "mlflow.run x3"]
        median = medians[subject]
        print(f"{subject:<32}{median:>8.2f}s{min(times):>8.2f}s{max(times):>8.2f}s{peer / median:>14.1f}")


if __name__ == "__main__":
    main()
