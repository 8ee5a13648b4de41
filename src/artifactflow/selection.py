"""Which steps of a pipeline a run is about."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifactflow.errors import NotFoundError, near_matches
from artifactflow.pipeline import Step


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for: names of steps with wildcards, or tags. Empty means every step.

    `only` takes the steps named and no other; `start` those named and all that follow them; `until` those named and
    all that they need; `skip` leaves out what it names. Several together leave the steps that all of them take.
    """

    only: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.only, self.start, self.until, self.skip))

    def chosen(self, steps: Sequence[Step]) -> frozenset[str]:
        """The names of the chosen steps. Raises NotFoundError for a word that means no step."""
        names = {step.name for step in steps}
        upstream = {step.name: step.upstream() for step in steps}
        chosen = set(names)
        if self.only:
            chosen &= named(self.only, steps)
        if self.start:
            chosen &= _closure(named(self.start, steps), _reversed(upstream))
        if self.until:
            chosen &= _closure(named(self.until, steps), upstream)
        return frozenset(chosen - named(self.skip, steps))


def named(words: Sequence[str], steps: Sequence[Step]) -> set[str]:
    """The names of the steps that `words` mean, by name or tag, with wildcards.

    Raises NotFoundError for a word that means none.
    """
    found: set[str] = set()
    for word in words:
        hits = {
            step.name
            for step in steps
            if fnmatch.fnmatchcase(step.name, word) or any(fnmatch.fnmatchcase(tag, word) for tag in step.tags)
        }
        if not hits:
            known = [step.name for step in steps] + [tag for step in steps for tag in step.tags]
            raise NotFoundError(f"no step and no tag is called {word!r}", hint=near_matches(word, known))
        found |= hits
    return found


def _reversed(edges: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    turned: dict[str, list[str]] = {name: [] for name in edges}
    for name, others in edges.items():
        for other in others:
            turned[other].append(name)
    return turned


def _closure(start: set[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
    seen, waiting = set(start), list(start)
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen
