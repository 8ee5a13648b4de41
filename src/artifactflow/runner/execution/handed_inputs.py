"""Hands out the inputs of a step, which it may read and must not change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from artifactflow.errors import StepFailedError
from artifactflow.runner.execution.space import discard
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.store import HandedOut, Store

Handed = Mapping[str, HandedOut]


@contextlib.contextmanager
def handed_out(store: Store, planned: PlannedStep, folder: Path) -> Iterator[Handed]:
    """Have the stored inputs of a step in `folder`, each under its name, during the body."""
    with contextlib.ExitStack() as stack:
        handed: dict[str, HandedOut] = {}
        for name, version in planned.versions.items():
            tree = store.tree(version.digest)
            folder_name = version.name if tree.folder else None  # a file keeps its own name
            handed[name] = store.hand_out(tree, folder / name, folder_name)
            stack.callback(discard, handed[name].path)
        for name, gathered in planned.gathered.items():
            store.put_bytes(gathered.index)
            handed[name] = store.hand_out(gathered.tree, folder / name, name)
            stack.callback(discard, handed[name].path)
        yield handed


def refuse_changed(step: str, inputs: Handed) -> None:
    """Raise StepFailedError where the step has changed an input."""
    for name, handed in inputs.items():
        changed = handed.changed()
        if changed:
            raise StepFailedError(
                f"step {step} changed its input {name}: {', '.join(changed[:3])}",
                hint="inputs are read-only: copy the data before changing it",
            )
