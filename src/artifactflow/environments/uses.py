"""Who uses which environment, what the environments take on disk, and the removal of those that nobody uses."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from artifactflow.environments.build import facts_of
from artifactflow.environments.guard import guarded
from artifactflow.store.files import os_errors, remove

_OTHERS: Final = frozenset({"bytecode", "guards", "locks", "uses", "wheels"})
"""The folders beside the environments."""


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
    """An environment on disk: `used_by` are the environment files that led to it last; `size` counts bytes."""

    key: str
    folder: Path
    complete: bool
    facts: Mapping[str, Any]
    used_by: tuple[Path, ...]
    size: int

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "key": self.key,
            "folder": str(self.folder),
            "complete": self.complete,
            "kind": self.facts.get("kind"),
            "python": self.facts.get("python"),
            "lock": self.facts.get("lock"),
            "packages": self.facts.get("packages"),
            "created": self.facts.get("created"),
            "used_by": [str(path) for path in self.used_by],
            "size": self.size,
        }


@dataclass(frozen=True, slots=True)
class Removed:
    """What a collection removed: the keys of environments, and the bytes that it freed, those still shared left out."""

    keys: tuple[str, ...]
    bytes: int


def record_use(root: Path, file: Path, key: str, lock: str = "") -> None:
    """Note that an environment file leads to the environment `key` and the lock of that name, before it is built.

    One made by conda has no lock. A file may lead to one of each: steps of the same component may run in both.
    """
    file = file.absolute()
    use = {"file": str(file), "environment": key, "lock": lock}
    name = hashlib.sha256(os.fsencode(file)).hexdigest()[:32]
    path = root / "uses" / f"{name}-{'uv' if lock else 'conda'}.json"
    if _read(path) == use:
        return
    with os_errors(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=".use-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(use, stream)
        Path(aside).replace(path)


def environments(root: Path) -> list[BuiltEnvironment]:
    """All environments below `root`, finished or not, the oldest first."""
    users: dict[str, list[Path]] = {}
    for use in _uses(root).values():
        users.setdefault(use["environment"], []).append(Path(use["file"]))
    found = []
    for folder in _folders(root):
        facts = facts_of(folder)
        used_by = tuple(sorted(users.get(folder.name, ())))
        found.append(BuiltEnvironment(folder.name, folder, facts is not None, facts or {}, used_by, _size(folder)))
    return sorted(found, key=lambda one: (one.facts.get("created", ""), one.key))


def collect(root: Path) -> Removed:
    """Remove the environments and locks to which no existing environment file leads any more, and half-built ones.

    Waits for builds that are under way. Must not run while steps run in an environment whose file has just changed.
    """
    if not root.is_dir():
        return Removed((), 0)
    with guarded(root / "guards" / "root"), os_errors(f"remove environments in {root}"):
        uses = _uses(root)
        for path, use in list(uses.items()):
            if not Path(use["file"]).exists():
                path.unlink(missing_ok=True)
                del uses[path]
        keys = {use["environment"] for use in uses.values()}
        locks = {use["lock"] for use in uses.values()}
        before = _free_size(root)
        unused = [folder for folder in _folders(root) if folder.name not in keys or facts_of(folder) is None]
        for folder in unused:
            remove(folder)
        for file in _children(root / "locks"):
            if file.name not in locks:
                file.unlink()
        texts = "".join(file.read_text(encoding="utf-8") for file in _children(root / "locks"))
        for folder in _children(root / "wheels"):
            if folder.name not in texts:
                remove(folder)
        _drop_unshared(root / "bytecode")
        for file in _children(root / "guards"):
            if file.name != "root":
                file.unlink()
        return Removed(tuple(folder.name for folder in unused), max(before - _free_size(root), 0))


def _drop_unshared(pool: Path) -> None:
    """Remove the compiled files that no environment has, and the folders that are empty then."""
    for folder, _, names in os.walk(pool, topdown=False):
        for name in names:
            file = Path(folder, name)
            if file.stat().st_nlink == 1:
                file.unlink()
        if not any(Path(folder).iterdir()):
            Path(folder).rmdir()


def _folders(root: Path) -> list[Path]:
    return [path for path in _children(root) if path.is_dir() and path.name not in _OTHERS]


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _uses(root: Path) -> dict[Path, dict[str, str]]:
    found = {path: _read(path) for path in _children(root / "uses") if path.suffix == ".json"}
    return {path: use for path, use in found.items() if use is not None}


def _read(path: Path) -> dict[str, str] | None:
    try:
        use = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return use if isinstance(use, dict) and {"file", "environment", "lock"} <= use.keys() else None


def _size(folder: Path) -> int:
    return sum(status.st_size for status in _statuses(folder))


def _free_size(root: Path) -> int:
    """The bytes that removing `root` would free: those of files whose every name is in it."""
    inodes: dict[tuple[int, int], list[int]] = {}
    for status in _statuses(root):
        entry = inodes.setdefault((status.st_dev, status.st_ino), [status.st_size, status.st_nlink, 0])
        entry[2] += 1
    return sum(size for size, links, seen in inodes.values() if seen == links)


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name).lstat()
