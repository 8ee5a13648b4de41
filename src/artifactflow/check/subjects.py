"""What rules look at: a component's folder, a pipeline file, an orchestrator, with everything read once.

Reading happens when a rule first asks. What cannot be read is None, and the error is kept: it is a finding itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from artifactflow.contract import Contract
from artifactflow.errors import ArtifactflowError, Place
from artifactflow.pipeline import Pipeline
from artifactflow.read.command import CommandTemplate, parse_command
from artifactflow.read.environment import read_environment_entries
from artifactflow.read.mlproject import EnvironmentFile, Manifest, read_manifest
from artifactflow.read.orchestration.orchestrated import Orchestrator
from artifactflow.read.orchestration.orchestrator import read_orchestrator
from artifactflow.read.orchestration.tracking import read_tracking
from artifactflow.read.orchestration.tracking_uses import TrackingUse
from artifactflow.read.paths import is_file
from artifactflow.read.pipeline import read_pipeline
from artifactflow.read.pipeline_faults import pipeline_faults
from artifactflow.read.requirement import Entry
from artifactflow.read.script import read_script
from artifactflow.read.script.command_line import CommandLine
from artifactflow.read.script.trace_script import merge, trace_script
from artifactflow.read.signature_source import contract_of_script
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

Value = TypeVar("Value")


@dataclass
class Reading:
    """Reads, and keeps the errors of what could not be read, by file.

    `trace` allows to run a script whose text does not tell its whole command line; `notes` says where that failed.
    """

    errors: list[ArtifactflowError] = field(default_factory=list)
    trace: bool = False
    notes: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[[], Value], file: Path) -> Value | None:
        """What `read` gives, or None with its error kept and placed in `file`."""
        try:
            return read()
        except ArtifactflowError as error:
            self.keep(error, file)
            return None

    def keep(self, error: ArtifactflowError, file: Path) -> None:
        """Keep an error, once, placed in `file` where it has no place."""
        error.at(Place(str(file)))
        if all(str(known) != str(error) for known in self.errors):
            self.errors.append(error)


@dataclass(eq=False)
class ScriptSubject:
    """A Python script: its command line, its step function's contract, what it tells trackers.

    `folder` is where its component runs it. `contract` is None where the script runs no step function.
    """

    path: Path
    folder: Path
    reading: Reading = field(default_factory=Reading)

    @cached_property
    def command_line(self) -> CommandLine | None:
        """The options that the script takes."""
        line = self.reading.attempt(lambda: read_script(self.path), self.path)
        if line is None or line.complete or line.kind not in ("argparse", "none") or not self.reading.trace:
            return line
        try:
            return merge(line, trace_script(self.path, self.folder))
        except ArtifactflowError as error:
            self.reading.notes.append(f"{self.path}: {error.message}")
            return line

    @cached_property
    def contract(self) -> Contract | None:
        """What the step function states that the script runs."""
        return self.reading.attempt(lambda: contract_of_script(self.path), self.path)

    @cached_property
    def tracking(self) -> TrackingUse | None:
        """The artifacts that the script takes from and gives to W&B and MLflow."""
        return self.reading.attempt(lambda: read_tracking(self.path), self.path)

    @cached_property
    def lines(self) -> list[str]:
        """The text, line by line; empty where it cannot be read."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []


@dataclass(eq=False)
class EntryPointSubject:
    """One entry point with its command, and the script that the command runs where it is one of the component."""

    contract: Contract
    command: CommandTemplate | None
    script: ScriptSubject | None
    missing_script: Path | None = None


@dataclass(eq=False)
class ComponentSubject:
    """A folder with a manifest. `root` is the manifest's YAML, also where MLflow would refuse what it says."""

    folder: Path
    manifest_path: Path
    reading: Reading = field(default_factory=Reading)

    @cached_property
    def root(self) -> Node | None:
        """The manifest's values with their places, or None where it is not YAML."""
        return self.reading.attempt(lambda: read_yaml_file(self.manifest_path), self.manifest_path)

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest as MLflow reads it, or None where MLflow would refuse it."""
        return self.reading.attempt(lambda: read_manifest(self.manifest_path), self.manifest_path)

    @cached_property
    def entry_points(self) -> Mapping[str, EntryPointSubject]:
        """The entry points by name; empty where the manifest cannot be read."""
        contracts = self.manifest.component.entry_points if self.manifest else {}
        return {name: self._entry_point(contract) for name, contract in contracts.items()}

    def _entry_point(self, contract: Contract) -> EntryPointSubject:
        place = contract.places.get("command")
        command = self.reading.attempt(lambda: parse_command(contract.command, place), self.manifest_path)
        if command is None or command.script is None:
            return EntryPointSubject(contract, command, None)
        path = self.folder / command.script
        if not is_file(path):
            return EntryPointSubject(contract, command, None, missing_script=path)
        return EntryPointSubject(contract, command, self.script(path))

    def script(self, path: Path) -> ScriptSubject:
        """The script at `path`, the same one each time."""
        return self._scripts.setdefault(path, ScriptSubject(path, self.folder, self.reading))

    @cached_property
    def _scripts(self) -> dict[Path, ScriptSubject]:
        return {}

    @cached_property
    def environment_file(self) -> EnvironmentFile | None:
        """The environment file that the manifest names, or that stands in the folder."""
        return self.manifest.environment_file if self.manifest else None

    @cached_property
    def environment_entries(self) -> tuple[Entry, ...] | None:
        """What the environment file asks for, line by line; None where there is none or it cannot be read."""
        file = self.environment_file
        if file is None or not is_file(file.path):
            return None
        return self.reading.attempt(lambda: read_environment_entries(file.path, file.kind), file.path)


@dataclass(eq=False)
class PipelineSubject:
    """A pipeline file."""

    path: Path
    reading: Reading = field(default_factory=Reading)

    @cached_property
    def pipeline(self) -> Pipeline | None:
        """The pipeline, or None where the file is wrong, with an error for each fault then."""
        pipeline = self.reading.attempt(lambda: read_pipeline(self.path), self.path)
        if pipeline is None:
            for fault in pipeline_faults(self.path):
                self.reading.keep(fault, self.path)
        return pipeline


@dataclass(eq=False)
class OrchestratorSubject:
    """A script that calls `mlflow.run`, in a component or outside, or a shell script that runs `mlflow run`."""

    path: Path
    reading: Reading = field(default_factory=Reading)

    @cached_property
    def orchestrator(self) -> Orchestrator | None:
        """The children that it runs, or None where it runs none."""
        return self.reading.attempt(lambda: read_orchestrator(self.path), self.path)
