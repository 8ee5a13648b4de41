"""Keeps the versions that the cells of a matrix make in matrix order, whichever cell is done first."""

from __future__ import annotations

from collections.abc import Sequence

from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.reports import Finished


class Numbering:
    """Holds a finished cell back until those before it have passed; every other step passes at once.

    The cells of a step make versions of the same artifacts, which get their numbers as they are committed. Steps are
    known by their position in `steps`.
    """

    def __init__(self, steps: Sequence[BoundStep]) -> None:
        self._before: dict[int, int] = {}
        self._after: dict[int, int] = {}
        self._passed: set[int] = set()
        self._held: dict[int, Finished | None] = {}
        newest: dict[str, int] = {}
        for position, step in enumerate(steps):
            if step.cell:
                if step.step.name in newest:
                    self._before[position] = newest[step.step.name]
                    self._after[newest[step.step.name]] = position
                newest[step.step.name] = position

    def pass_on(self, position: int, finished: Finished | None) -> list[Finished]:
        """Those that can be committed now, in this order: the step, and the cells that have waited for it.

        None stands for a step that has nothing to commit, for which nobody has to wait.
        """
        self._held[position] = finished
        before = self._before.get(position)
        if before is not None and before not in self._passed:
            return []
        free: list[Finished] = []
        following: int | None = position
        while following is not None and following in self._held:
            passing = self._held.pop(following)
            if passing is not None:
                free.append(passing)
            self._passed.add(following)
            following = self._after.get(following)
        return free
