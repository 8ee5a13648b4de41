"""Imports what scripts import, says whether a process that has may fork, and which files it has read."""

# What this file imports, every script would find imported: so no pathlib here.
# ruff: noqa: PTH116, PTH118, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORK_AWARE_THREADS = frozenset({"jemalloc_bg_thd"})
"""Threads, by name, whose owner holds them still during a fork and starts them anew in the child."""


def preload(modules: Sequence[tuple[str, Sequence[str]]], roots: Sequence[str]) -> str | None:
    """Import what is installed, skipping what fails; returns why this process must not fork, or None."""
    library = os.path.dirname(os.__file__)
    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    folders = tuple(folder.rstrip("/") + "/" for folder in (library, *packages, *roots))
    before = set(sys.modules)
    for name, taken in modules:
        with contextlib.suppress(Exception, SystemExit):  # the script that imports it will say what is wrong
            if is_installed(name.partition(".")[0], folders):
                __import__(name, fromlist=taken)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and not file.startswith(folders):
            return f"what it imports also imports {name}, whose code is not installed but lies in {file}"
    threads = threads_after_fork()
    return f"what it imports starts threads: {', '.join(threads)}" if threads else None


def is_installed(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a module comes from the interpreter or from one of the folders."""
    found = importlib.util.find_spec(name)
    if found is None:
        return False
    places = list(found.submodule_search_locations or ())
    if found.has_location and found.origin is not None:
        places.append(found.origin)
    return all((place + "/").startswith(folders) for place in places)


def threads_after_fork() -> list[str]:
    """The names of the other threads that run after a fork: their locks may be held in a child, by nobody.

    Some libraries (OpenBLAS) end theirs when a fork comes and start them again when they need them; so a child is
    forked to find out.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    names = []
    for thread in os.listdir("/proc/self/task"):
        if int(thread) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm", encoding="utf-8") as file:
                names.append(file.read().strip())
    return sorted(set(names) - FORK_AWARE_THREADS)


def imported_files() -> set[str]:
    """The files of all modules that this process has, ours among them."""
    modules = sys.modules.values()
    files = [getattr(module, "__dict__", {}).get("__file__") for module in modules]  # asking a lazy module imports it
    folder = os.path.dirname(__file__)
    ours = {os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".py")}
    return {file for file in files if isinstance(file, str)} | ours


def states_of(files: Iterable[str]) -> dict[str, tuple[int, int, int] | None]:
    """Of each file something that is another when the file is."""
    states: dict[str, tuple[int, int, int] | None] = {}
    for file in files:
        try:
            stat = os.stat(file)
            states[file] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except OSError:
            states[file] = None
    return states
