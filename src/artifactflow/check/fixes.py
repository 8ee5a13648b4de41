"""Applies the mends of findings, or shows them as a diff."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from artifactflow.check.findings import Finding, Fix
from artifactflow.errors import ArtifactflowError, OutsideError, UsageError

MOST_ROUNDS = 10
"""One mend can bring another finding to light; more rounds than this would be two mends that undo each other."""


def fix_all(find: Callable[[], Iterable[Finding]]) -> list[Fix]:
    """Check, mend and check again until nothing is left to mend; returns what was done.

    Each file is replaced as a whole, so that no reader sees half of it.
    """
    done: list[Fix] = []
    for _ in range(MOST_ROUNDS):
        fixes = [finding.fix for finding in find() if finding.fix is not None]
        applied = [fix for fix in fixes if _apply(fix)]
        if not applied:
            break
        done += applied
    return done


def diff_of(findings: Iterable[Finding]) -> str:
    """What `fix_all` would change in its first round, as a unified diff; nothing is written."""
    before: dict[Path, str] = {}
    after: dict[Path, str] = {}
    renames: list[str] = []
    for finding in findings:
        fix = finding.fix
        if fix is None:
            continue
        if fix.rename is not None:
            renames.append(f"rename {fix.file} → {fix.rename}\n")
        if fix.change is not None:
            before.setdefault(fix.file, _text(fix.file))
            after[fix.file] = _changed(fix, after.get(fix.file, before[fix.file]))
    parts = list(renames)
    for file, text in before.items():
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), after[file].splitlines(keepends=True), f"a/{file}", f"b/{file}"
        )
        parts += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
    return "".join(parts)


def _apply(fix: Fix) -> bool:
    """Apply one mend; False where it changes nothing (an earlier one did it already)."""
    if fix.rename is not None:
        target = fix.file.with_name(fix.rename)
        if not fix.file.exists():
            return False
        if target.exists() and not target.samefile(fix.file):
            raise UsageError(f"cannot rename {fix.file}: {target} exists", hint="remove one of the two")
        fix.file.rename(target)
        return True
    text = _text(fix.file)
    changed = _changed(fix, text)
    if changed == text:
        return False
    _replace(fix.file, changed)
    return True


def _changed(fix: Fix, text: str) -> str:
    if fix.change is None:
        return text
    try:
        return fix.change(text)
    except ArtifactflowError:
        return text  # an earlier mend of this round has moved what this one was about; the next round sees anew


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return stream.read()
    except OSError as error:
        raise OutsideError(f"cannot read {file}: {error.strerror}") from error


def _replace(file: Path, text: str) -> None:
    try:
        descriptor, aside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
            Path(aside).chmod(file.stat().st_mode & 0o7777)
            Path(aside).replace(file)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutsideError(f"cannot write {file}: {error.strerror}") from error
