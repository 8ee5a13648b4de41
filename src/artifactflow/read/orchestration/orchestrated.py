"""Values of an orchestrator: a script that runs components with `mlflow run`, whatever language it is written in."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from artifactflow.errors import Place
from artifactflow.parameters import Value
from artifactflow.read.orchestration.symbols import ROOT, Constant, Kind, Reference, Symbol
from artifactflow.read.orchestration.texts import Text, parts_of, text_of

Config = Mapping[str, tuple[Value, Place]]
"""The values of a config file by key path (`etl.min_price`, `main.steps.0`), and where each stands."""


@dataclass(frozen=True, slots=True)
class ParameterSource:
    """A value that is handed to a component, `text` and `kind` as in `Text`.

    `value` is the value itself where the source or the config states it: of a literal, of a config key, and of a FILE
    (a config section dumped to a file, whose key path is `text`) the file's path.
    """

    kind: Kind
    text: str
    place: Place
    value: Value = None


@dataclass(frozen=True, slots=True)
class HandedOn:
    """An artifact that a run is told of by name: `sample.csv:latest` to use, or `clean.csv` to produce."""

    parameter: str
    text: str
    produced: bool
    place: Place


@dataclass(frozen=True, slots=True)
class ChildRun:
    """One `mlflow run`.

    `target` is the component's folder relative to the root's folder, or its address, and `entry_point` its entry point;
    each is None where it is unknown. `complete` is false where more parameters may be given than are known.
    `gate` is the name by which the root decides whether the step runs. `env_manager`, `use_conda` and `version` are
    None where the call does not say.
    """

    target: str | None
    entry_point: str | None
    place: Place
    parameters: Mapping[str, ParameterSource] = field(default_factory=dict, hash=False)
    complete: bool = True
    version: str | None = None
    gate: str | None = None
    env_manager: str | None = None
    use_conda: bool | None = None
    synchronous: bool = True
    artifacts: tuple[HandedOn, ...] = ()


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """A root: its runs in order, the config that it reads, and the source lines that could not be followed."""

    file: Path
    runs: tuple[ChildRun, ...]
    config_file: Path | None = None
    config_values: Config = field(default_factory=dict, hash=False)
    unknown: tuple[tuple[str, Place], ...] = ()

    @property
    def gates(self) -> tuple[str, ...]:
        """The names of the steps that can be chosen, in the order in which they run."""
        return tuple(dict.fromkeys(run.gate for run in self.runs if run.gate is not None))


_reference: Final = re.compile(r"(?:[\w.-]+/){0,2}[\w.-]*[A-Za-z_][\w.-]*:[A-Za-z_][\w.-]*")
_producing: Final = re.compile(
    r"(.*_)?(output_artifact|export_artifact|artifact_name|output_name|artifact_output|output)(_name)?"
)


def artifacts_in(parameters: Mapping[str, ParameterSource]) -> tuple[HandedOn, ...]:
    """The artifacts that parameters name, told by their form (`name:alias`) or by the parameter's name.

    >>> place = Place("main.py", 1, 1)
    >>> source = ParameterSource(Kind.LITERAL, "sample.csv:latest", place, "sample.csv:latest")
    >>> [(each.text, each.produced) for each in artifacts_in({"input_artifact": source})]
    [('sample.csv:latest', False)]
    """
    found = []
    for name, source in parameters.items():
        text = source.value if isinstance(source.value, str) else source.text if source.kind is Kind.TEMPLATE else ""
        if source.kind is Kind.FILE or not text:
            continue
        if _reference.fullmatch(text):
            found.append(HandedOn(name, text, False, source.place))
        elif _producing.fullmatch(name) and "input" not in name:
            found.append(HandedOn(name, text, True, source.place))
    return tuple(found)


def target_of(symbol: Symbol, config: Config) -> str | None:
    """The folder, relative to the root's, or address that a symbol stands for; None where it is unknown."""
    text = resolved(symbol, config)
    if text is None:
        return None
    is_address = "://" in text or text.startswith("git@")
    return text if is_address else posixpath.normpath(text)


def resolved(symbol: Symbol, config: Config) -> str | None:
    """The text that a symbol stands for, config keys replaced by what the config says; None where it is unknown."""
    parts = parts_of(symbol)
    if parts is None:
        return None
    texts = []
    for part in parts:
        if part == ROOT:
            texts.append(".")
        elif isinstance(part, Reference):
            value = config[part.name][0] if part.kind is Kind.CONFIG and part.name in config else None
            if value is None or "${" in str(value):
                return None
            texts.append(str(value))
        else:
            texts.append(part)
    return "".join(texts) or None


def source_of(symbol: Symbol, place: Place, config: Config, written: Mapping[Text, str]) -> ParameterSource:
    """Where a parameter's value comes from. `written` are the config sections that were dumped to files."""
    text = text_of(symbol)
    if text in written:
        return ParameterSource(Kind.FILE, written[text], place, text.text)
    if text.kind is Kind.LITERAL:
        return ParameterSource(
            Kind.LITERAL, text.text, place, symbol.value if isinstance(symbol, Constant) else text.text
        )
    if text.kind is Kind.CONFIG and text.text in config:
        return ParameterSource(Kind.CONFIG, text.text, place, config[text.text][0])
    if text.kind is Kind.TEMPLATE:
        return ParameterSource(Kind.TEMPLATE, text.text, place, resolved(symbol, config))
    return ParameterSource(text.kind, text.text, place)
