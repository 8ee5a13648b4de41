"""Lineage: which runs made a version, from which versions, and what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from artifactflow.artifact import Version
from artifactflow.runs import Run


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A version with the run that made it and, one level on, where its inputs came from (or what used it).

    Of a `removed` version the record is all that is left.
    """

    ref: str
    run_id: str | None
    step: str | None
    children: tuple[LineageNode, ...] = ()
    removed: bool = False

    def to_json(self) -> dict[str, object]:
        """The tree of it, for `--json`."""
        return {
            "version": self.ref,
            "run": self.run_id,
            "step": self.step,
            "from": [child.to_json() for child in self.children],
            **({"removed": True} if self.removed else {}),
        }


def upstream(
    ref: str,
    version_of: Callable[[str], Version | None],
    run_of: Callable[[str], Run | None],
    is_removed: Callable[[str], bool] = lambda _ref: False,
) -> LineageNode:
    """The tree of everything that `ref` was made from, back to what no run made.

    A version that stands twice in the tree is spelled out the first time only. `version_of` and `run_of` look
    things up by `name:v3` and by run id, and answer None for what is not known; `is_removed` tells what was removed.
    """
    seen: set[str] = set()

    def node(current: str) -> LineageNode:
        version = version_of(current)
        run = run_of(version.run_id) if version is not None and version.run_id else None
        first = current not in seen
        seen.add(current)
        sources = run.inputs.values() if run is not None and first else ()
        return LineageNode(
            current,
            run.id if run else None,
            run.step if run else None,
            tuple(node(source) for source in dict.fromkeys(sources)),
            is_removed(current),
        )

    return node(ref)


def users(ref: str, runs: Iterable[Run]) -> list[tuple[Run, Mapping[str, str]]]:
    """The runs that consumed `ref`, each with the versions that it produced."""
    return [(run, run.outputs) for run in runs if ref in run.inputs.values()]
