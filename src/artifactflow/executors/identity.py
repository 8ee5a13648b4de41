"""What a server of an earlier run and a new one must have in common to be the same to a step."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from artifactflow import __version__
from artifactflow.executors.server_process import ServerKey

OWN: Final = Path("/proc/self")

_STATUS_LINES: Final = (
    *("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn"),
    *("Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Mems_allowed"),
)
_NAMESPACES: Final = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def identity(key: ServerKey, search_path: Iterable[Path]) -> str:
    """A digest of all that a step has from its server: the key, and what nobody says but every process inherits.

    That is the interpreter as it is now, the packages installed where it looks for modules, our own version, and what
    this process would hand on to a server: rights, limits, masks, namespaces. Files that the server has imported are
    not counted: it looks after them itself.
    """
    content = [
        __version__,
        [str(key.python), *_state(key.python)],
        key.environment,
        key.modules,
        [[str(entry), *_installed_in(entry)] for entry in search_path],
        _inherited(),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _installed_in(folder: Path) -> list[tuple[str, int, int]]:
    """The folders' metadata by which installers know what is there, and when each was written."""
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith((".dist-info", ".egg-info", ".pth"))]
    except OSError:
        return []
    found = [(entry.name, entry.stat()) for entry in entries]
    return sorted((name, state.st_ino, state.st_mtime_ns) for name, state in found)


def _inherited() -> list[Any]:
    """What a process has from the one that started it, beside its environment: rights, limits, masks, namespaces."""
    with (OWN / "status").open(encoding="utf-8") as file:
        status = [line for line in file if line.startswith(_STATUS_LINES)]
    limits = [
        resource.getrlimit(number) for name, number in sorted(vars(resource).items()) if name.startswith("RLIMIT_")
    ]
    namespaces = [str((OWN / "ns" / name).readlink()) for name in _NAMESPACES]
    cgroup = (OWN / "cgroup").read_text(encoding="utf-8")
    return [status, limits, namespaces, cgroup, str((OWN / "root").readlink()), os.nice(0)]
