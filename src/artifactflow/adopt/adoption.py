"""What adopting comes to: texts for files, and what could not be known. Shown as a diff, or written as a whole."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from artifactflow.errors import OutsideError, Place, UsageError


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that the reader of a new file has to know, and the line of the script that it is about."""

    message: str
    place: Place

    def __str__(self) -> str:
        where = Place(Path(self.place.file).name, self.place.line)
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Adoption:
    """The files of a component or a pipeline, not written yet.

    `kind` is `component` or `pipeline`; `texts` maps file names in `folder` to what they will hold.
    """

    kind: str
    folder: Path
    texts: Mapping[str, str] = field(hash=False)
    remarks: tuple[Remark, ...] = ()

    def in_the_way(self) -> list[str]:
        """The files that exist already, by name."""
        return [name for name in self.texts if (self.folder / name).exists()]


def diff_of(adoption: Adoption) -> str:
    """What writing would change, as a unified diff against the files that exist."""
    lines: list[str] = []
    for name, text in adoption.texts.items():
        before = _text(adoption.folder / name)
        path = (adoption.folder / name).as_posix()
        lines += difflib.unified_diff(
            (before or "").splitlines(keepends=True),
            text.splitlines(keepends=True),
            "/dev/null" if before is None else f"a/{path}",
            f"b/{path}",
        )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def write_adoption(adoption: Adoption, *, force: bool = False) -> list[Path]:
    """Write the files, all of them or none; returns their paths.

    Raises UsageError for files that exist, unless `force` lets them be replaced, and OutsideError where the disk
    refuses.
    """
    if not force and (existing := adoption.in_the_way()):
        raise UsageError(
            f"{' and '.join(existing)} {'exists' if len(existing) == 1 else 'exist'} in {adoption.folder}",
            hint="see what would change with --diff, overwrite with --force",
        )
    aside: dict[Path, Path] = {}
    try:
        for name, text in adoption.texts.items():
            target = adoption.folder / name
            aside[target] = _written_aside(target, text)
        _replace_all(aside)
    except OSError as error:
        raise OutsideError(f"cannot write into {adoption.folder}: {error.strerror}") from error
    finally:
        for file in aside.values():
            file.unlink(missing_ok=True)
    return list(aside)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutsideError(f"cannot read {file}: {error.strerror}") from error


def _written_aside(target: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        # mkstemp's files are for their owner only; a project's files are as the umask says.
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(stream.fileno(), 0o666 & ~mask)
    return Path(name)


def _replace_all(aside: Mapping[Path, Path]) -> None:
    """Put each file in its place; where one cannot be, those before it become what they were."""
    before: dict[Path, bytes | None] = {}
    try:
        for target, file in aside.items():
            content = target.read_bytes() if target.exists() else None
            file.replace(target)
            before[target] = content
    except OSError:
        for target, content in before.items():
            with contextlib.suppress(OSError):
                if content is None:
                    target.unlink()
                else:
                    target.write_bytes(content)
        raise
