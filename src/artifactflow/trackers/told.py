"""What a tracker is told, and what it has to be able to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from artifactflow.artifact import Version
from artifactflow.runs import PipelineRun, Run

LARGEST_METRICS: Final = 16 * 1024 * 1024
"""Bytes of a file of metrics; one that is larger is data, and not read."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a version: its name in the version, and where its bytes are, which may be read only."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class ToldVersion:
    """A version with its files and the aliases that name it now."""

    version: Version
    files: tuple[StoredFile, ...]
    aliases: tuple[str, ...] = ()

    @property
    def only_file(self) -> StoredFile | None:
        """Its file, where it has one only."""
        return self.files[0] if len(self.files) == 1 else None

    @property
    def is_model(self) -> bool:
        """Whether it is a fitted model, by its type or by its file's ending."""
        return self.version.type == "model" or (self.only_file is not None and self.only_file.name.endswith(".skops"))

    def metrics(self) -> Any:
        """What its file says, where it holds metrics in JSON; None otherwise."""
        file = self.only_file
        if self.version.type != "metrics" or file is None or file.size > LARGEST_METRICS:
            return None
        try:
            return json.loads(file.path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class ToldStep:
    """The ended run of a step with the versions that went in and came out, by key; `log` is what it printed."""

    run: Run
    inputs: Mapping[str, ToldVersion] = field(default_factory=dict)
    outputs: Mapping[str, ToldVersion] = field(default_factory=dict)
    log: bytes | None = None


@dataclass(frozen=True, slots=True)
class ToldPipeline:
    """The ended run of a pipeline.

    `links` maps its steps, executed or reused, to the tracker's ids of the runs that made their outputs; `aliases` the
    versions that came out, as `name:v3`, to what names them now.
    """

    record: PipelineRun
    links: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A step's run in the tracker before the step runs: its id there, and the variables by which the step finds it."""

    tracked: str
    variables: Mapping[str, str] = field(default_factory=dict)


class Tracker(Protocol):
    """Told of one pipeline run after the other. Everything may be told a second time after a crash.

    With `again` the same was begun before, perhaps by a process that did not survive it: what stands there is taken
    up or replaced. Methods raise OutsideError where nobody can be reached, and whatever the library raises.
    """

    def connect(self) -> None:
        """Import the library and reach the other side, so that what follows is quick."""

    def open_pipeline(self, record: PipelineRun, *, again: bool) -> str:
        """Begin to tell of a pipeline run; its id there."""

    def begin_step(self, run: Run, pipeline: str, *, again: bool) -> Begun | None:
        """Make room for a step that will log by itself; None where the tracker has no way to take that in."""

    def tell_step(self, step: ToldStep, pipeline: str, begun: str | None, *, again: bool) -> str:
        """Tell of a step that has ended, into the run that `begin_step` made where it did; its id there."""

    def abandon_step(self, tracked: str) -> None:
        """A step that had begun left no record: its process and ours were killed."""

    def close_pipeline(self, pipeline: str, told: ToldPipeline) -> None:
        """The pipeline run has ended."""

    def close(self) -> None:
        """Nothing more will be told."""
