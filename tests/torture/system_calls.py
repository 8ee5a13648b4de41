"""Letting one system call of one operation fail, by strace. Each operation has a store of its own to begin with."""

import collections
import re
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from artifactflow.fetch.archive import extract
from artifactflow.runner.locks import RunLocks
from artifactflow.store import Store
from artifactflow.store.migrate import Migration, migrate
from artifactflow.store.salvage import rebuild_journal
from processes import REFUSED, Child, wait_until
from workload import check_collected

FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "SIGKILL": "signal=SIGKILL"}

_CALLS = "trace=%file,%desc"
_NOT_OURS = {"mmap", "munmap"}  # memory that Python asks for
_TRIES = 5
"""How often a fault may fail to come about: on a busy machine an operation may look at a lock once less."""


@dataclass(frozen=True)
class Operation:
    """Something done in a folder, how to see that it was done, and that what was there before is as it was.

    `spoil` makes the store in the folder one that is of no use before it is done.
    """

    do: Callable[[Path], object]
    is_done: Callable[[Path], bool]
    old_is_intact: Callable[[Path], bool]
    spoil: Callable[[Path], object] | None = None


def make_folder(folder: Path) -> None:
    """A store with two versions, an object that nothing refers to, and an archive beside it."""
    folder.mkdir()
    _make_new(folder)
    (folder / "old.csv").write_text("old")
    with Store.open(folder / "store") as store:
        for content in ("old", "older"):
            (folder / "old.csv").write_text(content)
            tree = store.put_tree(folder / "old.csv")
            with store.transaction() as transaction:
                transaction.register("data", "table", "", tree)
        store.put_bytes(b"garbage")
    with tarfile.open(folder / "archive.tgz", "w:gz") as archive:
        archive.add(folder / "new", "new")


def _make_new(folder: Path) -> None:
    (folder / "new").mkdir(exist_ok=True)
    for number in range(3):
        (folder / "new" / f"{number}.csv").write_text(f"new {number}")


def _put(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        tree = store.put_tree(folder / "new")
        with store.transaction() as transaction:
            transaction.register("data", "table", "", tree)


def _put_moved(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        tree = store.put_tree(folder / "new", move=True)
        with store.transaction() as transaction:
            transaction.register("data", "table", "", tree)


def _alias(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        store.set_alias("data", 1, "champion")


def _remove(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        store.remove("data:v1")


def _collect(folder: Path) -> None:
    with Store.open(folder / "store") as store, RunLocks(store.root / "locks"):
        store.collect(grace=0.0, is_running=lambda _: False)


def _rebuild(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        store.rebuild()


def _verify(folder: Path) -> None:
    with Store.open(folder / "store") as store:
        store.verify()


def _extract(folder: Path) -> None:
    extract(folder / "archive.tgz", folder / "content", name="archive.tgz")


def _same_format(folder: Path) -> None:
    """A change of format that changes nothing, so that the store can be read by this version afterwards."""


STEPS = (Migration(0, 1, _same_format),)


def _migrate(folder: Path) -> None:
    migrate(folder / "store", migrations=STEPS)


def _make_older(folder: Path) -> None:
    path = folder / "store" / "format"
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))


def _rebuild_journal(folder: Path) -> None:
    rebuild_journal(folder / "store")


def _damage_journal(folder: Path) -> None:
    path = folder / "store" / "journal" / "000001.log"
    path.write_bytes(path.read_bytes().replace(b'"type":"table"', b'"type":"cable"', 1))


def _store_is_intact(folder: Path) -> bool:
    with Store.open(folder / "store") as store:
        store.versions()
        assert not store.verify().faults
        return all(store.intact(version.digest) for version in store.versions()) and bool(store.version("data:v2"))


def _is_registered(folder: Path) -> bool:
    with Store.open(folder / "store") as store:
        return any(version.files == 3 for version in store.versions("data"))


def _is_named(folder: Path) -> bool:
    with Store.open(folder / "store") as store:
        return store.aliases("data").get("champion") == 1


def _is_removed(folder: Path) -> bool:
    with Store.open(folder / "store") as store:
        return store.removed_version("data:v1") is not None


def _is_extracted(folder: Path) -> bool:
    content = folder / "content"
    if not content.exists():
        return False
    assert sorted(file.read_text() for file in content.rglob("*.csv")) == ["new 0", "new 1", "new 2"]
    return True


def _is_migrated(folder: Path) -> bool:
    return '"version": 1' in (folder / "store" / "format").read_text()


def _has_whole_journal(folder: Path) -> bool:
    with Store.open(folder / "store") as store:
        return not store.verify().faults


def _true(_: Path) -> bool:
    return True


OPERATIONS = {
    "put": Operation(_put, _is_registered, _store_is_intact),
    "put, moved in": Operation(_put_moved, _is_registered, _store_is_intact),
    "alias": Operation(_alias, _is_named, _store_is_intact),
    "rm": Operation(_remove, _is_removed, _store_is_intact),
    "gc": Operation(_collect, _true, _store_is_intact),
    "rebuild": Operation(_rebuild, _true, _store_is_intact),
    "verify": Operation(_verify, _true, _store_is_intact),
    "extract": Operation(_extract, _is_extracted, _true),
    "migrate": Operation(_migrate, _is_migrated, _true, _make_older),
    "rebuild --journal": Operation(_rebuild_journal, _has_whole_journal, _store_is_intact, _damage_journal),
}


def prepared(operation: str, folder: Path) -> Path:
    """A folder to copy for each case, with the libraries that the operation needs loaded in this process."""
    chosen = OPERATIONS[operation]
    make_folder(folder)
    if chosen.spoil is not None:
        chosen.spoil(folder)
    warm = folder.with_name("warm")
    shutil.copytree(folder, warm)
    chosen.do(warm)
    return folder


def calls_of(operation: str, template: Path, folder: Path) -> list[tuple[str, int]]:
    """The system calls that the operation makes: each name with its number among those of that name."""
    trace = folder / "trace"
    child = traced(operation, template, folder / "counted", trace, "-e", _CALLS)
    assert child.code == 0
    return numbered_calls(trace.read_text())


def numbered_calls(trace: str) -> list[tuple[str, int]]:
    """The calls of a trace, each name with its number. strace counts those of each thread and process by themselves."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    found: dict[tuple[str, int], None] = {}
    for line in trace.splitlines():
        # The other half of a call that another thread cut in two begins `<... name resumed>`.
        if (match := re.match(r"(?:(\d+) +)?(\w+)\(", line)) and match[2] not in _NOT_OURS:
            thread, name = match.groups(default="")
            counts[thread, name] += 1
            found[name, counts[thread, name]] = None
    return list(found)


def has_fired(trace: str, fault: str) -> bool:
    """Whether the fault came about, by what strace says of it."""
    return "+++ killed by SIGKILL +++" in trace if fault == "SIGKILL" else "(INJECTED)" in trace


def traced(operation: str, template: Path, folder: Path, trace: Path, *options: str) -> Child:
    """Do the operation in a child under strace, in a copy of the template."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed: apt-get install strace")
    shutil.copytree(template, folder)
    child = Child(lambda say: OPERATIONS[operation].do(folder), held=True)
    command = ["strace", "-f", "-q", "-p", str(child.pid), "-o", str(trace), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        try:
            wait_until(lambda: strace.poll() is not None or _is_traced(child.pid))
            if strace.poll() is not None:
                child.kill()
                pytest.skip(f"strace may not be used here: {strace.stderr.read().strip()}")
            child.release()
            child.wait()
        finally:
            if child.code is None:
                child.kill()
    return child


def _is_traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


def check_fault(operation: str, template: Path, folder: Path, fault: str, call: tuple[str, int]) -> None:
    """Let one call fail, and hold that nothing is lost, and that the operation can be done then."""
    copy, trace = folder / "copy", folder / "trace"
    inject = f"inject={call[0]}:{FAULTS[fault]}:when={call[1]}"
    chosen = OPERATIONS[operation]
    for _ in range(_TRIES):
        child = traced(operation, template, copy, trace, "-e", _CALLS, "-e", inject)
        if has_fired(trace.read_text(), fault):
            break
        try:
            assert child.code == 0, "it ended badly, and no fault had come about"
            assert chosen.is_done(copy)
        finally:
            shutil.rmtree(copy)
    else:
        raise AssertionError(f"the fault did not come about in {_TRIES} tries")
    try:
        if fault == "SIGKILL":
            assert child.code == -signal.SIGKILL, "a process that it had started was killed, and not the operation"
        else:
            assert child.code in (0, REFUSED), "it ended with a traceback"
        if chosen.spoil is not None and child.code != 0 and not chosen.is_done(copy):
            chosen.do(copy)
        assert chosen.old_is_intact(copy)
        if child.code == 0:
            assert chosen.is_done(copy), "it says that it did what it did not"
        if not chosen.is_done(copy):
            if operation.startswith("put"):
                _make_new(copy)
            chosen.do(copy)
            assert chosen.is_done(copy), "it cannot be done again"
        if operation != "extract":
            with Store.open(copy / "store") as store:
                assert not store.verify().faults
                check_collected(store)
        else:
            # Where removing the folder aside is what fails, it stays; downloads have theirs where gc finds it.
            leftovers = {path.name for path in copy.iterdir()} - {"store", "new", "old.csv", "archive.tgz", "content"}
            assert all(name.startswith(".extract-") for name in leftovers), leftovers
    finally:
        shutil.rmtree(copy)


def failures(operation: str, folder: Path, faults: tuple[str, ...] = tuple(FAULTS), every: int = 1) -> Iterator[str]:
    """Every call, or every so many, with every fault: what did not hold, a line each."""
    template = prepared(operation, folder / "template")
    calls = calls_of(operation, template, folder)
    assert len(calls) > 20
    for call in calls[::every]:
        for fault in faults:
            try:
                check_fault(operation, template, folder, fault, call)
            except Exception as error:
                yield f"{call[0]} number {call[1]}, {fault}: {type(error).__name__}: {error}"
