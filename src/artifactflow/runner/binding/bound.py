"""A pipeline whose every value is known: what `binding` makes, and what planning and executing go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from artifactflow.contract import Component, Contract
from artifactflow.parameters import Source, Value
from artifactflow.pipeline import OutputOf, Pipeline, Step, Stored, cell_name
from artifactflow.runner.secrets import HandOver, hand_over


@dataclass(frozen=True, slots=True)
class LocalPath:
    """An input that is a file or folder outside the store."""

    path: Path


@dataclass(frozen=True, slots=True)
class Gathered:
    """One output of every cell of a matrix step, in matrix order: a folder with a sub-folder for each cell."""

    outputs: tuple[tuple[str, OutputOf], ...]

    @property
    def step(self) -> str:
        """The step whose cells they are."""
        return self.outputs[0][1].step.partition("[")[0]


InputSource = OutputOf | Stored | LocalPath | Gathered
"""Where an input comes from. An `OutputOf` here names a cell where the step has a matrix."""


@dataclass(frozen=True, slots=True)
class OutputSlot:
    """What a step is about to produce: the output's key, and what its version will be called."""

    key: str
    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class BoundStep:
    """A step with its component, its parameters' values and sources, and where its inputs come from.

    `after` names the steps (their cells) that it waits for without taking an output. `presumed` are the parameters
    that count as secret by their names alone, `pipeline_secrets` the secrets of the whole pipeline, as texts. Of the
    parameters in `contents` what lies there counts, and not the text that names it.
    """

    step: Step
    component: Component
    contract: Contract
    parameters: Mapping[str, Value]
    sources: Mapping[str, Source]
    inputs: Mapping[str, InputSource] = field(default_factory=dict)
    outputs: tuple[OutputSlot, ...] = ()
    cell: Mapping[str, Value] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    presumed: frozenset[str] = frozenset()
    pipeline_secrets: tuple[str, ...] = field(default=(), repr=False)
    contents: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The step's name, or that of the cell: `train[max_iter=100]`."""
        return cell_name(self.step.name, self.cell)

    def needed(self) -> list[OutputOf]:
        """The outputs of other steps (of their cells) that it takes."""
        found: list[OutputOf] = []
        for source in self.inputs.values():
            if isinstance(source, OutputOf):
                found.append(source)
            elif isinstance(source, Gathered):
                found += [output for _, output in source.outputs]
        return found

    def waits_for(self) -> list[str]:
        """The steps (their cells) that it takes from or comes after, each once."""
        return list(dict.fromkeys([*(output.step for output in self.needed()), *self.after]))

    def hand_over(self) -> HandOver:
        """How its parameters reach its process."""
        return hand_over(self.component, self.contract, self.parameters, self.presumed)


@dataclass(frozen=True, slots=True)
class BoundPipeline:
    """The pipeline's parameters, and its steps in the order of execution."""

    pipeline: Pipeline
    parameters: Mapping[str, tuple[Value, Source]]
    steps: tuple[BoundStep, ...]
