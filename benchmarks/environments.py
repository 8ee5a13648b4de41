"""How long an environment with pandas and scikit-learn takes, from a conda.yaml to the end of its first import.

Run `python benchmarks/environments.py` in an environment that has artifactflow, mlflow, uv and virtualenv. The
package caches are filled by a first run of each that does not count; then every run builds into empty folders, in
turns, and the median is printed. `artifactflow, next` builds another environment, with most packages in common, into a
store that has one already. What `mlflow run` takes without any environment is shown, so that it can be taken off.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = int(os.environ.get("RUNS", "3"))
BIN = Path(sys.executable).parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MANIFEST = "name: bench\nconda_env: conda.yaml\nentry_points:\n  main:\n    command: python main.py\n"
CONDA = "dependencies:\n  - python={python}\n  - pip\n  - pip:\n{packages}"
SCRIPT = "import pandas, sklearn.linear_model\n"


def component(folder: Path, *packages: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "MLproject").write_text(MANIFEST)
    lines = "".join(f"      - {package}\n" for package in packages)
    python = ".".join(map(str, sys.version_info[:3]))
    (folder / "conda.yaml").write_text(CONDA.format(python=python, packages=lines))
    (folder / "main.py").write_text(SCRIPT)
    return folder


def run(command: list[str], folder: Path, **variables: str) -> None:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


def ours(folder: Path, store: Path) -> None:
    run([str(BIN / "artifactflow"), "env", "build", ".", "--store", str(store)], folder)
    newest = max(store.glob("environments/*/bin/python"), key=lambda path: path.lstat().st_mtime)
    run([str(newest), "main.py"], folder)


def mlflow(folder: Path, manager: str) -> None:
    run(
        [str(BIN / "mlflow"), "run", ".", "--env-manager", manager],
        folder,
        MLFLOW_ENV_ROOT=str(folder / "envs"),
        MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}",
    )


def timed(what: str, scratch: Path) -> float:
    folder = component(scratch / "component", "pandas", "scikit-learn")
    if what == "artifactflow, next":
        ours(folder, scratch / "store")
        folder = component(scratch / "next", "pandas", "scikit-learn", "tqdm")
    start = time.perf_counter()
    if what.startswith("artifactflow"):
        ours(folder, scratch / "store")
    else:
        mlflow(folder, what.rpartition(" ")[2])
    return time.perf_counter() - start


def main() -> None:
    subjects = ["artifactflow, first", "artifactflow, next", "mlflow run, local", "mlflow run, uv"]
    if shutil.which("virtualenv", path=str(BIN)):
        subjects.append("mlflow run, virtualenv")
    taken: dict[str, list[float]] = {subject: [] for subject in subjects}
    for number in range(RUNS + 1):
        for subject, times in taken.items():
            with tempfile.TemporaryDirectory() as scratch:
                seconds = timed(subject, Path(scratch))
            if number:
                times.append(seconds)
    first = statistics.median(taken["artifactflow, first"])
    print(f"Python {PYTHON}, median of {RUNS}, package caches warm, first import included\n")
    print(f"{'environment by':<26}{'median':>9}{'fastest':>9}{'slowest':>9}{'ratio':>8}")
    for subject, times in taken.items():
        median = statistics.median(times)
        print(f"{subject:<26}{median:>8.2f}s{min(times):>8.2f}s{max(times):>8.2f}s{median / first:>8.1f}")


if __name__ == "__main__":
    main()
