"""What is done to a store while harm is done to it, and what must be true afterwards."""

import itertools
import random
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from artifactflow.artifact import Digest
from artifactflow.store import Store

Say = Callable[..., object]


def work(say: Say, root: Path, seed: int, grace: float = 0.0, *, collecting: bool = True) -> None:
    """Put, register, name, remove, collect and rebuild until somebody ends it; what is acknowledged is said."""
    chance = random.Random(seed)
    sources = root.parent / f"sources-{seed}"
    sources.mkdir()
    actions = [put, put, put, put_group, store_only, point, remove, *([collect, rebuild] if collecting else [])]
    name = f"data-{seed % 2}"  # two who work at the same time have different seeds
    with Store.open(root, segment_bytes=20_000) as store:
        for count in itertools.count():
            source = sources / f"file-{count}"
            chance.choice(actions)(say, store, name, source, chance, grace)


def make(source: Path, chance: random.Random) -> None:
    """A small file, now and then a large one, or a folder of a few or of many."""
    kind = chance.random()
    if kind < 0.7:
        source.write_bytes(chance.randbytes(chance.choice([0, 10, 3_000, 70_000])))
    elif kind < 0.75:
        source.write_bytes(chance.randbytes(2_500_000))
    else:
        for number in range(4 if kind < 0.97 else 80):
            file = source / f"folder-{number % 3}" / f"file-{number}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(chance.randbytes(100))


def store_only(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> str:
    make(source, chance)
    tree = store.put_tree(source, move=chance.random() < 0.5)
    say(stored=str(tree.digest))
    return str(tree.digest)


def put(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    make(source, chance)
    with one_stay_or_two(store, chance):
        tree = store.put_tree(source, move=chance.random() < 0.5)
        with store.transaction() as transaction:
            version = transaction.register(name, "table", "", tree).version
    say(version=version.ref, digest=str(version.digest))


def one_stay_or_two(store: Store, chance: random.Random) -> AbstractContextManager[None]:
    """Half the time the collector is kept out until the version is registered, as steps and `artifacts put` do it."""
    return store.collector_kept_out() if chance.random() < 0.5 else nullcontext()


def put_group(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    """Several at once, as steps do that finish together: one wait for the disk, one record of the journal."""
    with store.temporary_folder("group-") as aside:
        staged = []
        for number in range(chance.choice([1, 3, 12])):
            one = source.with_name(f"{source.name}-{number}")
            make(one, chance)
            staged.append(store.stage_tree(one, aside, move=True))
        with one_stay_or_two(store, chance):
            store.place(staged)
            with store.transaction() as transaction:
                versions = [transaction.register(name, "table", "", one.tree).version for one in staged]
        for version in versions:
            say(version=version.ref, digest=str(version.digest))


def point(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    if versions := store.versions(name):
        number = chance.choice(versions).number
        say(pointing=name, to=number)
        generation = store.set_alias(name, number, "champion")
        say(pointed=name, to=number, generation=generation)


def remove(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    aliased = set(store.aliases(name).values())
    free = [version.ref for version in store.versions(name) if version.number not in aliased]
    if len(free) > 5:
        ref = chance.choice(free)
        say(removing=ref)
        store.remove(ref)
        say(removed=ref)


def collect(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    say(collecting=True)
    store.collect(grace=grace, is_running=lambda _: False)


def rebuild(say: Say, store: Store, name: str, source: Path, chance: random.Random, grace: float) -> None:
    store.rebuild()


class Ledger:
    """What a store has acknowledged. `facts` counts it."""

    def __init__(self) -> None:
        self.facts = 0
        self._versions: dict[str, str] = {}
        self._removed: set[str] = set()
        self._stored: set[str] = set()
        self._pointed: dict[str, tuple[int, int]] = {}
        self._pointing: dict[str, set[int]] = {}

    def hear(self, lines: Iterable[dict[str, Any]]) -> None:
        """Enter what a worker has said before its end."""
        for line in lines:
            match line:
                case {"stored": digest}:
                    self._stored.add(digest)
                case {"version": ref, "digest": digest}:
                    self._versions[ref] = digest
                case {"pointing": name, "to": number}:
                    self._pointing.setdefault(name, set()).add(number)
                case {"pointed": name, "to": number, "generation": generation}:
                    if generation > self._pointed.get(name, (0, 0))[1]:
                        self._pointed[name] = number, generation
                        self._pointing[name] = set()
                case {"removing": ref}:
                    self._versions.pop(ref, None)
                case {"removed": ref}:
                    self._removed.add(ref)
                case {"collecting": _}:
                    self._stored.clear()
            self.facts += not line.keys() & {"pointing", "removing", "collecting"}

    def hear_too_late(self, lines: Iterable[dict[str, Any]]) -> None:
        """Enter what was said while the power was lost: it may have happened, and nobody could have heard it.

        A file system that is made to shut down can answer an fsync that it drops: xfs looks whether it has been shut
        down before it looks what is left to write, and the shutdown takes that away in between.
        """
        for line in lines:
            match line:
                case {"pointing": name, "to": number} | {"pointed": name, "to": number}:
                    self._pointing.setdefault(name, set()).add(number)
                case {"removing": ref}:
                    self._versions.pop(ref, None)
                case {"collecting": _}:
                    self._stored.clear()

    def check(self, root: Path) -> None:
        """Hold that nothing of it is lost, nothing half done is seen, and that the garbage goes to the last byte."""
        if not root.exists() and not self.facts:
            return  # it had not even begun
        with Store.open(root) as store:
            store.versions()  # a catalog that a power cut has torn is built again when somebody asks
            report = store.verify()
            assert not report.faults, report.faults
            for ref, digest in self._versions.items():
                assert str(store.version(ref).digest) == digest, ref
            for ref in self._removed:
                assert store.removed_version(ref) is not None, ref
            for name, (number, generation) in self._pointed.items():
                state = store.alias_state(name, "champion")
                assert state.generation >= generation
                assert state.number in {number, *self._pointing.get(name, ())}
            for digest in self._stored:
                assert store.intact(Digest.parse(digest)), digest
            check_collected(store)
        self._stored.clear()
        for work_folder in root.parent.glob("sources-*"):
            shutil.rmtree(work_folder)


def check_collected(store: Store) -> None:
    """Collect the garbage, and hold that nothing is left but what versions refer to."""
    while store.collect(grace=0.0, is_running=lambda _: False).spared:
        time.sleep(0.005)
    live = set()
    for version in store.versions():
        live |= {version.digest, *(entry.digest for entry in store.tree(version.digest).entries)}
    folder = store.root / "objects" / "sha256"
    assert {path.relative_to(folder) for path in folder.glob("*/*")} == {
        Path(digest.hexadecimal[:2], digest.hexadecimal[2:]) for digest in live
    }
    assert not list((store.root / "tmp").iterdir())
    assert not [path for ending in ("*.new", "*.old", "*.new-journal") for path in store.root.glob(ending)]
    assert not list((store.root / "journal").glob("*.new"))
