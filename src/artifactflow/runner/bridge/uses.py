"""What a step's processes have done with the store so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from artifactflow.artifact import Version
from artifactflow.store import HandedOut

STAGING_FOLDER: Final = "staged"
"""The folder in the run's own where a step's processes put the files of what they log."""


class Uses:
    """The uses of one execution. Several requests may change it at once, each with `lock` held.

    `inputs` maps references as the script gave them to versions, `outputs` names to the last version logged; what a
    plan has to find unchanged is in `resolved`: references with the version, `""` where there was none.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.inputs: dict[str, str] = {}
        self.outputs: dict[str, str] = {}
        self.resolved: dict[str, str] = {}
        self.logged: list[str] = []
        self.aliases: list[tuple[str, int, str]] = []
        self.processes: list[Mapping[str, Any]] = []
        self.runs: list[Mapping[str, Any]] = []
        self.not_repeatable: list[str] = []
        self.handed: dict[str, HandedOut] = {}
        self.was_reached = False

    def use(self, reference: str, version: Version | None) -> None:
        """Note that a reference was resolved. What the step has logged itself is no input of it."""
        with self.lock:
            if version is None:
                self.resolved.setdefault(reference, "")
            elif version.ref in self.logged or (reference == version.ref and reference in self.inputs.values()):
                return
            else:
                self.inputs.setdefault(reference, version.ref)
                self.resolved.setdefault(reference, version.ref)

    def log(self, version: Version, aliases: list[str]) -> None:
        """Note that a version was logged, with aliases."""
        with self.lock:
            self.logged.append(version.ref)
            self.outputs[version.name] = version.ref
            self.point(version, aliases)

    def point(self, version: Version, aliases: list[str]) -> None:
        """Note that aliases were set."""
        with self.lock:
            self.aliases += [(version.name, version.number, alias) for alias in aliases]

    def changed_inputs(self) -> list[str]:
        """The files that were handed out and that the step has changed or removed."""
        return [
            f"{ref}/{path}"
            for ref, handed in self.handed.items()
            for path in handed.changed()
            if any(entry.path == path for entry in handed.tree.entries)  # it may add files beside them
        ]

    def to_json(self) -> dict[str, Any]:
        """What the run's record says of it, beside its inputs and outputs."""
        return {
            "version": next((process["wandb"] for process in self.processes if process.get("wandb")), ""),
            "processes": [dict(process) for process in self.processes],
            "runs": [dict(run) for run in self.runs],
            "resolved": dict(self.resolved),
            "logged": list(self.logged),
            "aliases": [list(alias) for alias in self.aliases],
            "not_repeatable": list(self.not_repeatable),
        }
