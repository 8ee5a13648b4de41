"""Mending what verifying found, as far as it can be mended without losing anything.

Damaged objects and a damaged catalog are put aside, never deleted. A damaged journal is left as it is: it is the truth,
and which of its records are to be given up is for a person to say, who can have it written anew: `salvage`.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

from artifactflow.runs import new_run_id, now
from artifactflow.store.files import os_errors, sync
from artifactflow.store.findings import PUT_ASIDE, Fault, Report
from artifactflow.store.parts import Parts


def repair(parts: Parts, report: Report) -> Report:
    """Quarantine the damaged objects, and build the catalog anew where it differs from a sound journal.

    Gives the report again with what was done. Raises OutsideError where the disk does not let us.
    """
    with os_errors("repair the store"):
        parts.layout.quarantine.mkdir(mode=0o700, exist_ok=True)
        stamp = new_run_id()
        faults = [_quarantine(parts, fault, stamp) if fault.stamp else fault for fault in report.faults]
        notes = list(report.notes)
        kinds = {fault.kind for fault in faults}
        if "journal" in kinds:
            copy = parts.layout.quarantine / f"journal-{stamp}"
            shutil.copytree(parts.layout.journal, copy, symlinks=True)
            notes.append(f"the journal is as it was; a copy of it is {copy}")
        elif "catalog" in kinds:
            aside = parts.layout.quarantine / f"catalog-{stamp}.db"
            if parts.layout.catalog.is_file():
                shutil.copyfile(parts.layout.catalog, aside)
            parts.catalog.rebuild()
            notes.append("the catalog has been built again from the journal")
            faults = [_mended(fault, aside) if fault.kind == "catalog" else fault for fault in faults]
    return replace(report, faults=faults, notes=notes)


def _quarantine(parts: Parts, fault: Fault, stamp: str) -> Fault:
    """Move an object out of the way, unless it is another one by now."""
    path = Path(fault.path)
    target = parts.layout.quarantine / f"{path.parent.name}{path.name}-{stamp}"
    with parts.turnstile.collecting():
        try:
            found = path.lstat()
        except FileNotFoundError:
            return fault
        if fault.stamp not in {(0, 0, 0), (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)}:
            return fault
        note = {"time": now(), **fault.to_json(), "quarantined": str(target)}
        target.with_name(target.name + ".json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
        path.rename(target)
        for folder in (path.parent, target.parent):
            if not folder.is_symlink():
                sync(folder)
    return replace(
        fault,
        quarantined=str(target),
        mend=fault.mend.removeprefix(PUT_ASIDE).removeprefix(", then ").removeprefix("; "),
    )


def _mended(fault: Fault, aside: Path) -> Fault:
    return replace(fault, quarantined=str(aside) if os.path.lexists(aside) else "", mend="")
