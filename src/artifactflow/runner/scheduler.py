"""Decides what may start when: after what it needs, as wide as there are places, one at a time in a shared folder."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from artifactflow.runner.binding.bound import BoundStep


class Scheduler:
    """Keeps the order. Steps are known by their position in the order of the pipeline."""

    def __init__(self, steps: Sequence[BoundStep]) -> None:
        self.steps = list(steps)
        positions = {step.name: position for position, step in enumerate(steps)}
        self._waits_for: list[set[int]] = [{positions[name] for name in step.waits_for()} for step in steps]
        self._followers: dict[int, list[int]] = defaultdict(list)
        for position, needed in enumerate(self._waits_for):
            for other in needed:
                self._followers[other].append(position)
        self._ready = [position for position, needed in enumerate(self._waits_for) if not needed]
        heapq.heapify(self._ready)
        self._held_folders: dict[Path, tuple[int, list[int]]] = {}
        self._callers: dict[int, int] = {}
        self._called_ready: list[int] = []
        self._settled: set[int] = set()

    def next_ready(self) -> int | None:
        """The first step that may start now; it counts as started. None where there is none."""
        while self._ready:
            position = heapq.heappop(self._ready)
            if self.claim(position):
                return position
        return None

    def claim(self, position: int) -> bool:
        """Take the step's folder for it; where another step has it, the step becomes ready when that one is done."""
        folder = self._shared_folder(position)
        if folder is None:
            return True
        if folder not in self._held_folders:
            self._held_folders[folder] = (position, [])
            return True
        self._held_folders[folder][1].append(position)
        return False

    def release(self, position: int) -> None:
        """The step's work is over: another one may use its folder."""
        folder = self._shared_folder(position)
        if folder is None or self._held_folders.get(folder, (None,))[0] != position:
            return
        for waiting in self._held_folders.pop(folder)[1]:
            if waiting in self._callers:
                self._called_ready.append(waiting)
            else:
                heapq.heappush(self._ready, waiting)

    def add_called(self, step: BoundStep, caller: int) -> int:
        """Take in a step that a running one calls, which waits for no other; returns its position."""
        position = len(self.steps)
        self.steps.append(step)
        self._callers[position] = caller
        return position

    def next_called(self) -> int | None:
        """A called step that waited for its folder, and may start now if it can `claim` it."""
        return self._called_ready.pop(0) if self._called_ready else None

    def order(self, position: int) -> tuple[int, ...]:
        """By which steps are listed: as in the pipeline, each with those that it called after it."""
        caller = self._callers.get(position)
        return (position,) if caller is None else (*self.order(caller), position)

    def settle(self, position: int) -> None:
        """The step's outputs are known (or never will be, see `drop`): those that waited for it may start."""
        self._settled.add(position)
        for follower in self._followers[position]:
            self._waits_for[follower].discard(position)
            if not self._waits_for[follower]:
                heapq.heappush(self._ready, follower)

    def drop(self, position: int) -> list[int]:
        """The step failed: returns all steps that cannot run any more for it, which count as settled with it."""
        dropped: list[int] = []
        waiting = [position]
        while waiting:
            current = waiting.pop()
            if current in self._settled:
                continue
            self._settled.add(current)
            if current != position:
                dropped.append(current)
            waiting += self._followers[current]
        return sorted(dropped)

    def _shared_folder(self, position: int) -> Path | None:
        step = self.steps[position]
        if all(output.placeholder for output in step.contract.outputs):
            return None
        folder = step.component.folder.resolve()
        caller = self._callers.get(position)
        while caller is not None:  # who waits for the step cannot be waited for
            if self._held_folders.get(folder, (None,))[0] == caller:
                return None
            caller = self._callers.get(caller)
        return folder
