"""Reads `pipeline.yaml` and its config file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from artifactflow.artifact import check_name
from artifactflow.errors import ContractError, NotFoundError, Place, UsageError, near_matches
from artifactflow.parameters import Value
from artifactflow.pipeline import Pipeline
from artifactflow.read.pipeline_parameters import read_parameter
from artifactflow.read.pipeline_steps import read_steps
from artifactflow.read.yaml import PIPELINE_BOUNDS, read_yaml, read_yaml_file
from artifactflow.read.yaml_node import Node

PIPELINE_FILES = ("pipeline.yaml", "pipeline.yml")
PIPELINE_KEYS = ("name", "description", "config", "track", "parameters", "steps")
TRACK_NAMES = ("mlflow", "wandb", "none", "auto")


def find_pipeline_file(folder: Path) -> Path | None:
    """The pipeline file of a folder, or None where it has none."""
    return next((folder / name for name in PIPELINE_FILES if (folder / name).is_file()), None)


def read_pipeline(file: Path, config: Path | None = None) -> Pipeline:
    """The pipeline that `file` describes, with the values of its config file, or of `config` in its place.

    Raises ContractError with line and column for what is not a pipeline, NotFoundError for a file that is missing.
    """
    return pipeline_from_node(read_yaml_file(file, PIPELINE_BOUNDS), file, config)


def read_pipeline_text(text: str, file: Path) -> Pipeline:
    """The same for a text; `file` names it in messages, and its folder is what the pipeline's paths are relative to."""
    return pipeline_from_node(read_yaml(text, str(file), PIPELINE_BOUNDS), file, None)


def pipeline_from_node(root: Node, file: Path, config: Path | None) -> Pipeline:
    """The pipeline in a YAML document."""
    if root.value is None:
        raise ContractError("the pipeline file is empty", hint="state `name:` and `steps:`", place=Place(str(file), 1))
    root.mapping("a pipeline")
    root.refuse_unknown_keys(PIPELINE_KEYS, "a pipeline")
    root.refuse_duplicates()
    folder = file.resolve().parent
    name = _name(root, folder.name)
    steps = root.get("steps")
    if steps is None or not steps.value:
        raise ContractError("a pipeline has at least one step under `steps:`", place=(steps or root).place)
    parameters = root.get("parameters")
    declared = parameters.mapping("parameters") if parameters and parameters.value is not None else {}
    return Pipeline(
        name=name,
        folder=folder,
        file=file,
        parameters=tuple(read_parameter(key, node) for key, node in declared.items()),
        steps=tuple(read_steps(steps, declared.keys())),
        config=_config(root, file, config),
        track=_track(root),
    )


def _track(root: Node) -> tuple[str, ...] | None:
    node = root.get("track")
    if node is None:
        return None
    names = (node.value,) if isinstance(node.value, str) else node.strings("track")
    for name in names:
        if name not in TRACK_NAMES:
            near = near_matches(name, TRACK_NAMES)
            raise node.error(f"track names {', '.join(TRACK_NAMES)}, got {name!r}", hint=near)
    return tuple(names)


def _name(root: Node, default: str) -> str:
    node = root.get("name")
    if node is None:
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", default).strip("-.") or "pipeline"
    try:
        return check_name(node.string("name"), "pipeline name")
    except UsageError as error:
        raise ContractError(error.message, hint=error.hint, place=node.place) from None


def _config(root: Node, file: Path, config: Path | None) -> Mapping[str, tuple[Value, Place]]:
    node = root.get("config")
    if config is not None:
        path = config
    elif node is not None:
        path = file.parent / node.string("config")
    else:
        return {}
    try:
        content = read_yaml_file(path)
    except NotFoundError as error:
        raise error.at(node.place) if config is None and node else error from None
    return dict(_flattened("", content)) if content.value is not None else {}


def _flattened(prefix: str, node: Node) -> Iterator[tuple[str, tuple[Value, Place]]]:
    """`train: {seed: 7}` gives `train.seed`."""
    node.refuse_duplicates()
    for key, child in node.mapping("a config file").items():
        if isinstance(child.value, dict):
            yield from _flattened(f"{prefix}{key}.", child)
        else:
            yield f"{prefix}{key}", (child.scalar(f"{prefix}{key}"), child.place)
