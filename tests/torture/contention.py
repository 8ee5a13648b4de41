"""Many processes at one store."""

import random
import time
from pathlib import Path

from artifactflow.errors import OutsideError
from artifactflow.store import Store
from workload import Say


def put_many(say: Say, root: Path, worker: int, count: int) -> None:
    """Register that many versions of one name, each with content of its own."""
    folder = root.parent / f"work-{worker}"
    folder.mkdir()
    with Store.open(root) as store:
        for number in range(count):
            file = folder / "file"
            file.write_text(f"{worker} {number}")
            tree = store.put_tree(file)
            with store.transaction() as transaction:
                version = transaction.register("data", "text", "", tree).version
            say(number=version.number, digest=str(version.digest))


def move_alias(say: Say, root: Path, worker: int, rounds: int) -> None:
    """Move one alias by compare-and-swap, and say of which generation this process was the one who made it."""
    with Store.open(root) as store:
        for _ in range(rounds):
            seen = store.alias_state("data", "champion").generation
            try:
                made = store.set_alias("data", 1 + worker % 2, "champion", expected_generation=seen)
            except OutsideError as error:
                assert "moved by somebody else" in str(error)
            else:
                say(generation=made)


def write_until(say: Say, root: Path, worker: int, end: float) -> None:
    """Put, register and read until that moment, and say how long the longest of it took."""
    folder = root.parent / f"work-{worker}"
    folder.mkdir()
    chance = random.Random(worker)
    slowest, count = 0.0, 0
    with Store.open(root) as store:
        while time.time() < end:
            file = folder / "file"
            content = chance.randbytes(2000)
            file.write_bytes(content)
            begun = time.monotonic()
            tree = store.put_tree(file)
            with store.transaction() as transaction:
                version = transaction.register(f"data-{worker}", "text", "", tree).version
            assert store.object_path(tree.entries[0].digest).read_bytes() == content
            slowest = max(slowest, time.monotonic() - begun)
            count += 1
            say(version=version.ref, digest=str(version.digest))
            if count > 20 and count % 10 == 0:
                begun = time.monotonic()
                store.remove(f"data-{worker}:v{count - 10}")
                slowest = max(slowest, time.monotonic() - begun)
                say(removing=f"data-{worker}:v{count - 10}")
    say(slowest=slowest, count=count)


def collect_until(say: Say, root: Path, end: float) -> None:
    """Collect garbage over and over, sparing only what is younger than two seconds."""
    rounds = objects = 0
    with Store.open(root) as store:
        while time.time() < end:
            objects += store.collect(grace=2.0, is_running=lambda _: False).objects
            rounds += 1
    say(rounds=rounds, objects=objects)
