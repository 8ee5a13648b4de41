"""An archive downloaded from loopback and extracted: `artifactflow download` against curl, wget and pooch.

Run `python benchmarks/download.py [MEGABYTES] [--plain] [--pooch PYTHON]` in an environment that has artifactflow
installed. An archive of ten files, of MEGABYTES (1000) in all when it is extracted, is served by a process of its own:
a tgz, which about halves it, or with `--plain` a tar, where no decompression hides anything. The programs take turns,
three times each; the first round does not count. Each is a whole process; memory is the largest that any process of it
had. artifactflow also verifies, hashes, registers and syncs what it downloads; `sync` is measured with curl once more
because of that. `--pooch` names a Python that has pooch installed.
"""

import argparse
import functools
import http.server
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROUNDS = 3
FILES = 10
POOCH = """
import sys, pooch
url, folder = sys.argv[1:]
unpack = pooch.Untar(extract_dir="out")
pooch.retrieve(url, None, fname=url.rpartition("/")[2], path=folder, processor=unpack)
"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Sends files by the kernel, so that the server takes as little as it can of the two cores."""

    protocol_version = "HTTP/1.1"

    def copyfile(self, source, outputfile):
        outputfile.flush()
        self.connection.sendfile(source)

    def log_message(self, *arguments):
        pass


def serve(folder: str, ready) -> None:
    handler = functools.partial(Handler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    ready.send(server.server_port)
    server.serve_forever()


def make_archive(folder: Path, megabytes: int, *, plain: bool) -> Path:
    """Rows of random numbers in ten files."""
    noise = random.Random(1)
    block = "".join(f"{noise.random():.6f},{noise.randrange(10**6)},{noise.choice('abc')}\n" for _ in range(50_000))
    data = folder / "data"
    data.mkdir()
    size = megabytes * 10**6 // FILES
    for number in range(FILES):
        with (data / f"part{number}.csv").open("w") as file:
            written = 0
            while written < size:
                written += file.write(f"{number},{written}\n" + block)
    archive = folder / ("data.tar" if plain else "data.tgz")
    options = {} if plain else {"compresslevel": 1}
    with tarfile.open(archive, "w" if plain else "w:gz", **options) as tar:
        tar.add(data, "data")
    shutil.rmtree(data)
    return archive


def measure(command: list[str], folder: Path) -> tuple[float, float, int]:
    """Seconds, those of the processor, and the largest resident memory in bytes of the process and its children."""
    folder.mkdir()
    environment = {**os.environ, "no_proxy": "127.0.0.1", "HOME": str(folder)}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command} ended with {process.returncode}")
    shutil.rmtree(folder)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("megabytes", nargs="?", type=int, default=1000)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--pooch", metavar="PYTHON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        archive = make_archive(folder, given.megabytes, plain=given.plain)
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(place, theirs), daemon=True)
        server.start()
        address = f"http://127.0.0.1:{ours.recv()}/{archive.name}"
        shell = {
            "curl -O && tar x": f"curl -sO {address} && tar xf {archive.name}",
            "curl -O && tar x && sync": f"curl -sO {address} && tar xf {archive.name} && sync -f .",
            "wget && tar x": f"wget -q {address} && tar xf {archive.name}",
        }
        commands = {name: ["sh", "-c", text] for name, text in shell.items()}
        if given.pooch:
            commands["pooch, Untar"] = [given.pooch, "-c", POOCH, address, "."]
        flow = Path(sys.executable).parent / "artifactflow"
        commands["artifactflow download"] = [str(flow), "download", "--file-url", address, "--store", "store", "--json"]
        taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in commands}
        for number in range(ROUNDS + 1):
            for name, command in commands.items():
                found = measure(command, folder / "work")
                if number:
                    taken[name].append(found)
        size = archive.stat().st_size / 1e6
        server.terminate()
    base = statistics.median(seconds for seconds, _, _ in taken["curl -O && tar x"])
    print(f"{given.megabytes} MB in {FILES} files, {archive.name} of {size:.0f} MB, median of {ROUNDS}\n")
    print(f"{'program':<26}{'seconds':>9}{'ratio':>8}{'processor':>12}{'memory':>10}")
    for name, found in taken.items():
        seconds, processor, _ = map(statistics.median, zip(*found, strict=True))
        memory = max(memory for _, _, memory in found)
        print(f"{name:<26}{seconds:>8.2f}s{seconds / base:>8.2f}{processor:>11.2f}s{memory / 1e6:>7.0f} MB")


if __name__ == "__main__":
    main()
