"""JSON Schemas of MLproject and pipeline.yaml, for editors: which keys there are, what they mean, what they hold.

The keys come from the tables that the readers use, so a schema knows exactly the keys that are read. It refuses an
unknown key where its reader does: MLflow ignores unknown keys in a manifest, a pipeline file has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any, Final

from artifactflow.errors import UsageError, near_matches
from artifactflow.parameters import TYPE_SYNONYMS, ParameterType
from artifactflow.pipeline import EnvironmentMode
from artifactflow.read import mlproject, mlproject_parameters, pipeline, pipeline_parameters, pipeline_steps

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: Final = ["string", "number", "boolean"]
_SCALAR_OR_NULL: Final = [*_SCALAR, "null"]

# A key of a table below that the readers do not have is left out; one that the readers have must stand here.
_MANIFEST: Final[Mapping[str, Schema]] = {
    "name": {"type": _SCALAR_OR_NULL, "description": "The component's name. Default: its folder's name."},
    "conda_env": {"type": ["string", "null"], "description": "The conda.yaml beside this file."},
    "python_env": {"type": ["string", "null"], "description": "The python_env.yaml beside this file."},
    "docker_env": {"type": ["object", "null"], "description": "MLflow's image; artifactflow builds none."},
}
_ENTRY_POINT: Final[Mapping[str, Schema]] = {
    "description": {"type": _SCALAR_OR_NULL, "description": "What the step does, in one sentence."},
    "parameters": {"description": "What the command names by {placeholder}: parameters, inputs and output paths."},
    "optional_parameters": {"description": "What may be absent; it is appended as --name=value when it is given."},
    "outputs": {"description": "The artifacts that the step produces."},
    "env": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Environment variables whose values count for the result.",
    },
    "include": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Globs of files in the folder that count though git ignores them.",
    },
    "cache": {"type": "boolean", "description": "false: the step runs every time."},
    "command": {"type": "string", "description": "What runs, on one line: python main.py --seed={seed}"},
}
_MANIFEST_PARAMETER: Final[Mapping[str, Schema]] = {
    "type": {
        "anyOf": [{"enum": [kind.value for kind in ParameterType]}, {"type": _SCALAR_OR_NULL}],
        "description": "str, int, float, bool, path or uri.",
    },
    "default": {"description": "The value where none is given. null makes the parameter required."},
    "artifact": {
        "type": _SCALAR_OR_NULL,
        "description": "Makes the parameter an input: the type of the artifact, or true for any.",
    },
    "minimum": {"type": ["number", "string"], "description": "The lowest value, inclusive."},
    "maximum": {"type": ["number", "string"], "description": "The highest value, inclusive."},
    "choices": {"type": "array", "items": {"type": _SCALAR}, "description": "The only values that are taken."},
    "flag": {"type": "boolean", "description": "The script takes a bare --name and no value."},
    "secret": {"type": "boolean", "description": "The value is masked, and never stands on a command line."},
    "description": {"type": _SCALAR_OR_NULL, "description": "What it is, for help and for people."},
}
_OUTPUT: Final[Mapping[str, Schema]] = {
    "name": {
        "type": _SCALAR_OR_NULL,
        "description": "The artifact's name. Default: the key. {parameter} stands for a parameter's value.",
    },
    "type": {"type": _SCALAR_OR_NULL, "description": "The artifact's type. Default: artifact."},
    "path": {
        "type": _SCALAR_OR_NULL,
        "description": "Where the step writes it: a file, a folder or a glob, relative to this folder.",
    },
    "description": {"type": _SCALAR_OR_NULL, "description": "What the artifact is."},
    "unwrap": {"type": "boolean", "description": "A folder that holds one file is kept as that file."},
}

_PIPELINE: Final[Mapping[str, Schema]] = {
    "name": {"type": "string", "description": "The pipeline's name. Default: its folder's name."},
    "description": {"type": _SCALAR_OR_NULL, "description": "What the pipeline is for."},
    "config": {"type": "string", "description": "A YAML file of parameter values, relative to this file."},
    "track": {
        "anyOf": [{"enum": [*pipeline.TRACK_NAMES]}, {"type": "array", "items": {"enum": [*pipeline.TRACK_NAMES]}}],
        "description": "Who is told of the runs: mlflow, wandb, none, or auto.",
    },
}
_STEP: Final[Mapping[str, Schema]] = {
    "component": {"type": "string", "description": "A folder with an MLproject, or artifactflow:NAME for a built-in."},
    "entry_point": {"type": "string", "default": "main", "description": "The entry point of the component."},
    "with": {
        "type": ["object", "null"],
        "additionalProperties": {"type": _SCALAR_OR_NULL},
        "description": "Values for the step: a literal, ${parameter}, ${step.output} or artifactflow:/name/alias.",
    },
    "matrix": {
        "type": "object",
        "description": "Parameters, each with a list of values: the step is one cell for each combination.",
        "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True},
    },
    "retries": {
        "type": "integer",
        "minimum": 0,
        "default": 0,
        "description": "How often a failed step is tried again.",
    },
    "timeout": {
        "type": ["string", "number"],
        "description": "After this time the step is ended: 90s, 30m, 2h.",
    },
    "tags": {"type": "array", "items": {"type": "string"}, "description": "Names that a selection may use."},
    "after": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Steps that hand something on in a way that no binding shows.",
    },
    "env": {
        "enum": list(map(str, EnvironmentMode)),
        "description": "Where the step runs. Default: what the caller says, else auto.",
    },
    "cache": {"type": "boolean", "default": True, "description": "false: the step runs every time."},
}
_PIPELINE_PARAMETER: Final[Mapping[str, Schema]] = {
    "default": {"type": _SCALAR_OR_NULL, "description": "The value where none is given; null: it may be absent."},
    "description": {"type": "string", "description": "What it is, for help and for people."},
    "minimum": {"type": ["number", "string"], "description": "The lowest value, inclusive."},
    "maximum": {"type": ["number", "string"], "description": "The highest value, inclusive."},
    "choices": {"type": "array", "items": {"type": _SCALAR_OR_NULL}, "description": "The only values that are taken."},
    "optional": {"type": "boolean", "description": "The parameter may be absent."},
    "secret": {"type": "boolean", "description": "The value is masked wherever it would be shown."},
}


def mlproject_schema() -> Schema:
    """The schema of an MLproject file, in the dialect of DESIGN.md."""
    parameter = {
        "anyOf": [
            {"type": "string", "description": "The type: x: float is short for x: {type: float}."},
            _mapping(mlproject_parameters.PARAMETER_KEYS, _MANIFEST_PARAMETER, closed=False),
        ]
    }
    output = {"anyOf": [{"type": ["string", "null"]}, _mapping(mlproject.OUTPUT_KEYS, _OUTPUT)]}
    sections = {"parameters": parameter, "optional_parameters": parameter, "outputs": output}
    items = {key: {"type": "object", "additionalProperties": schema} for key, schema in sections.items()}
    point = _mapping(mlproject.ENTRY_POINT_KEYS, _joined(_ENTRY_POINT, items), required=["command"], closed=False)
    points = {
        "type": "object",
        "additionalProperties": point,
        "description": "The entry points by name; main is the one that runs unless another is asked for.",
    }
    root = _mapping(mlproject.MANIFEST_KEYS, {**_MANIFEST, "entry_points": points}, closed=False)
    pairs = combinations(mlproject.ENVIRONMENT_KEYS, 2)
    return {
        "$schema": DIALECT,
        "title": "MLproject",
        **root,
        "allOf": [{"not": {"required": list(pair)}} for pair in pairs],
    }


def pipeline_schema() -> Schema:
    """The schema of a pipeline.yaml."""
    kind = {
        "anyOf": [{"enum": [kind.value for kind in ParameterType]}, {"type": "string", "pattern": _any_case()}],
        "description": "str, int, float, bool, path or uri.",
    }
    parameter = _mapping(pipeline_parameters.PARAMETER_KEYS, {"type": kind, **_PIPELINE_PARAMETER})
    step = _mapping(pipeline_steps.STEP_KEYS, _STEP, required=["component"])
    sections: Mapping[str, Schema] = {
        "parameters": {
            "type": ["object", "null"],
            "propertyNames": {"pattern": "^" + pipeline_parameters.PARAMETER_NAME + "$"},
            "additionalProperties": {"anyOf": [{"type": _SCALAR_OR_NULL}, parameter]},
            "description": "What the steps share; a bare value is a default with its type.",
        },
        "steps": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$"},
            "additionalProperties": step,
            "description": "The steps by name. The order follows from what they take of each other.",
        },
    }
    root = _mapping(pipeline.PIPELINE_KEYS, {**_PIPELINE, **sections}, required=["steps"])
    return {"$schema": DIALECT, "title": "pipeline.yaml", **root}


SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {"mlproject": mlproject_schema, "pipeline": pipeline_schema}


def schema_of(what: str) -> Schema:
    """The schema of `mlproject` or `pipeline`. Raises UsageError for anything else."""
    found = SCHEMAS.get(what.lower())
    if found is None:
        raise UsageError(
            f"there is no schema of {what!r}, only of {' and '.join(SCHEMAS)}", hint=near_matches(what, SCHEMAS)
        )
    return found()


def _mapping(
    keys: Iterable[str], known: Mapping[str, Schema], *, required: list[str] | None = None, closed: bool = True
) -> Schema:
    """A mapping with these keys; where it is not `closed` others are ignored."""
    schema: Schema = {"type": "object", "properties": {key: known[key] for key in keys}}
    if required:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    return schema


def _joined(first: Mapping[str, Schema], second: Mapping[str, Schema]) -> Mapping[str, Schema]:
    return {key: {**schema, **second.get(key, {})} for key, schema in first.items()}


def _any_case() -> str:
    """A pattern of every word for a type, in any case: JSON Schema's patterns have no flag for that."""
    words = ("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in TYPE_SYNONYMS)
    return rf"^\s*({'|'.join(words)})\s*$"
