"""How long `artifactflow --help` takes, against its peers and against the library that it is written with.

Run `python benchmarks/startup.py` in an environment that has artifactflow installed. Everything is byte-compiled by a
first run that does not count; then the commands take turns, ten times each, and the median of each is printed.
"""

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 10
BIN = Path(sys.executable).parent
COMMANDS = {
    "artifactflow --help": [str(BIN / "artifactflow"), "--help"],
    "mlflow --help": [str(BIN / "mlflow"), "--help"],
    "wandb --help": [str(BIN / "wandb"), "--help"],
    "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    present = {name: command for name, command in COMMANDS.items() if shutil.which(command[0])}
    for command in present.values():
        seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in present}
    for _ in range(RUNS):
        for name, command in present.items():
            taken[name].append(seconds(command))
    ours = statistics.median(taken["artifactflow --help"])
    print(f"Python {sys.version.split()[0]}, median of {RUNS}, byte-compiled\n")
    print(f"{'command':<26}{'median':>9}{'fastest':>9}{'slowest':>9}{'ratio':>8}")
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name:<26}{median:>8.3f}s{min(times):>8.3f}s{max(times):>8.3f}s{median / ours:>8.1f}")


if __name__ == "__main__":
    main()
