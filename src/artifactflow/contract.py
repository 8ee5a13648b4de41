"""The contract of a component: what goes in, what comes out, and the command between.

`Input`, `Output` and `step` are also what the author of a step function writes::

    @step
    def clean(
        raw: Annotated[pandas.DataFrame, Input(type="raw_data", description="The table to clean")],
        min_price: Annotated[float, typer.Option(help="Lowest price kept", min=0)] = 10,
    ) -> Annotated[pandas.DataFrame, Output("clean", type="clean_data")]: ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from artifactflow.errors import ContractError, NotFoundError, Place, near_matches
from artifactflow.parameters import Parameter, Value, format_value

MAIN = "main"
DEFAULT_OUTPUT_TYPE = "artifact"

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Input:
    """An artifact that a step consumes.

    As the annotation of a step function's parameter, `name` defaults to the parameter's name: it is the option by which
    the path of the artifact is handed over. `type` is the artifact's expected type, empty for any.
    """

    name: str = ""
    type: str = ""
    description: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """An artifact that a step produces.

    `name` (default: `key`), `type` and `description` may be templates over the parameters, see `fill_template`.
    `key` is what `${step.key}` and the option `--key` say; it defaults to the parameter's name or to a plain `name`.
    `path` is where the step writes: the default of the option under plain `mlflow run`, and the base name under which
    the artifact is kept. Where `placeholder` is false the command does not name it, and it is collected
    from `path` (a file, a folder or a glob, relative to the component) after the step has run.
    With `unwrap` a folder that holds one file and nothing else is kept as that file.
    """

    name: str = ""
    type: str = DEFAULT_OUTPUT_TYPE
    description: str = ""
    key: str = ""
    path: str = ""
    placeholder: bool = True
    unwrap: bool = False


def step(function: Function) -> Function:
    """Mark a typed function as a step function. It stays an ordinary function: call it and test it as one."""
    function.__artifactflow_step__ = True  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True, slots=True)
class Contract:
    """One entry point: typed parameters, artifacts in and out, and the command that does the work.

    `command` is a template with `{name}` for a parameter's value and an input's or output's path, as in MLproject.
    `environment_variables` are those that count for the result; `include` holds globs of files that count besides;
    `cache` is false for a step that has to run every time. `places` says where each name is stated, for messages.
    """

    entry_point: str = MAIN
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    command: str = ""
    environment_variables: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    cache: bool = True
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, hash=False)

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name. Raises NotFoundError with what may have been meant."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise NotFoundError(f"no parameter is called {name!r}", hint=near_matches(name, self.names()))

    def output(self, key: str) -> Output:
        """The output of that key. Raises NotFoundError with what may have been meant."""
        for output in self.outputs:
            if output.key == key:
                return output
        raise NotFoundError(
            f"there is no output {key!r}", hint=near_matches(key, (output.key for output in self.outputs))
        )

    def names(self) -> list[str]:
        """What the caller can give, in the order of declaration: inputs, then parameters."""
        return [item.name for item in self.inputs] + [parameter.name for parameter in self.parameters]

    def option_names(self) -> Iterator[str]:
        """Every name that the command line knows: inputs, parameters, and outputs by placeholder."""
        yield from self.names()
        yield from (output.key for output in self.outputs if output.placeholder)


class EnvironmentKind(StrEnum):
    """Which file states the environment."""

    CONDA = "conda"
    PYTHON = "python"
    REQUIREMENTS = "requirements"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a component needs installed.

    `requirements` are pip requirements as written (`pandas>=2`); `conda_packages` those stated to conda, without
    `python` and `pip`; `python` is the version asked for, or empty.
    """

    kind: EnvironmentKind
    file: Path
    python: str = ""
    requirements: tuple[str, ...] = ()
    conda_packages: tuple[str, ...] = ()
    name: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A folder with a manifest, or a built-in step (`reference` is then `artifactflow:NAME` and `manifest` is None)."""

    name: str
    folder: Path
    entry_points: Mapping[str, Contract]
    environment: Environment | None = None
    manifest: Path | None = None
    reference: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it ships with artifactflow."""
        return self.reference.startswith(BUILT_IN_PREFIX)

    def contract(self, entry_point: str = MAIN) -> Contract:
        """The contract of an entry point; a single one serves as `main`. Raises NotFoundError."""
        found = self.entry_points.get(entry_point)
        if found is None and entry_point == MAIN and len(self.entry_points) == 1:
            (found,) = self.entry_points.values()
        if found is None:
            raise NotFoundError(
                f"component {self.name} has no entry point {entry_point!r}, it has "
                f"{', '.join(self.entry_points) or 'none'}",
                hint=near_matches(entry_point, self.entry_points),
                place=Place(str(self.manifest)) if self.manifest else None,
            )
        return found


BUILT_IN_PREFIX = "artifactflow:"

_placeholder_pattern = re.compile(r"\{([^{}]*)\}")


def fill_template(template: str, values: Mapping[str, Value]) -> str:
    """An output's name, type or description with `{parameter}` replaced by values.

    `{a|b}` takes the first that is not empty; `{a:stem}` the file name in a path or address without its endings.

    >>> fill_template("{artifact_name|file_url:stem}", {"artifact_name": None, "file_url": "https://host/housing.tgz"})
    'housing'

    Raises ContractError for a parameter that does not exist or a filter other than `stem`.
    """

    def replace(match: re.Match[str]) -> str:
        for alternative in match[1].split("|"):
            name, _, filter_name = alternative.strip().partition(":")
            if name not in values:
                raise ContractError(
                    f"the template {template!r} uses {name!r}, which is no parameter",
                    hint=near_matches(name, values),
                )
            text = format_value(values[name])
            if filter_name == "stem":
                text = stem(text)
            elif filter_name:
                raise ContractError(f"the template {template!r} uses {filter_name!r}, the only filter is 'stem'")
            if text:
                return text
        return ""

    return _placeholder_pattern.sub(replace, template)


def template_names(template: str) -> list[str]:
    """The parameters that a template uses.

    >>> template_names("{artifact_name|file_url:stem}")
    ['artifact_name', 'file_url']
    """
    alternatives = (part for match in _placeholder_pattern.finditer(template) for part in match[1].split("|"))
    return [part.strip().partition(":")[0] for part in alternatives]


_endings = re.compile(
    r"(\.tar)?(\.(gz|bz2|xz|zst))$|\.(tgz|tbz2?|txz|tar|zip|csv|tsv|parquet|json|jsonl|txt|feather|xlsx|data)$",
    re.IGNORECASE,
)


def stem(address: str) -> str:
    """The file name of a path or address, without query, fragment and endings, as it can name an artifact.

    >>> stem("https://host/raw%20data.csv.gz?token=1"), stem("pkg:sklearn.datasets.data/iris.csv"), stem("v1.2")
    ('raw-data', 'iris', 'v1.2')
    """
    path = unquote(urlsplit(address).path) if "://" in address else address
    name = PurePosixPath(path.rstrip("/") or address).name
    while (shorter := _endings.sub("", name)) != name and shorter:
        name = shorter
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
