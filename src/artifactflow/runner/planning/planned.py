"""What a plan says of one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from artifactflow.artifact import Tree, Version
from artifactflow.plan import Decision, Ingredients
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runs import Run


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its decision.

    `versions` are the inputs that are known by now, and `gathered` those that are the folders of a matrix;
    `ingredients` and `cache_key` are None while an input is still to be made by a step before, or the environment is
    still to be resolved. `reused` is the run whose outputs serve, for REUSE and SKIP.
    """

    bound: BoundStep
    decision: Decision
    reason: str
    versions: Mapping[str, Version] = field(default_factory=dict)
    gathered: Mapping[str, GatheredInput] = field(default_factory=dict)
    ingredients: Ingredients | None = None
    cache_key: str = ""
    reused: Run | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self.bound.name


@dataclass(frozen=True, slots=True)
class GatheredInput:
    """The folder of a matrix: its tree, its index, and the version of each cell."""

    tree: Tree
    index: bytes
    cells: tuple[tuple[str, Version], ...]
