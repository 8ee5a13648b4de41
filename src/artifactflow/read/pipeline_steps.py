"""The steps that `pipeline.yaml` declares. Nothing that they name is looked at yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from artifactflow.artifact import check_name
from artifactflow.contract import MAIN
from artifactflow.errors import ContractError, UsageError
from artifactflow.parameters import Value, format_value
from artifactflow.pipeline import EnvironmentMode, Step
from artifactflow.read.duration import duration
from artifactflow.read.pipeline_bindings import read_binding
from artifactflow.read.yaml_node import Node

STEP_KEYS = ("component", "entry_point", "with", "matrix", "retries", "timeout", "tags", "after", "env", "cache")


def read_steps(steps: Node, parameters: Collection[str]) -> Iterator[Step]:
    """The steps under `steps:`, of a pipeline that declares `parameters`."""
    steps.refuse_duplicates()
    for name, node in steps.mapping("steps").items():
        place = steps.key_place(name)
        try:
            check_name(name, "step name")
            if "." in name:
                raise UsageError(f"{name!r} cannot name a step: a dot ends a step's name in `${{step.output}}`")
        except UsageError as error:
            raise ContractError(error.message, hint=error.hint, place=place) from None
        node.mapping(f"step {name}")
        node.refuse_unknown_keys(STEP_KEYS, f"step {name}")
        node.refuse_duplicates()
        component = node.get("component")
        if component is None:
            raise ContractError(f"step {name} names no component", hint="component: FOLDER", place=place)
        bound = node.get("with")
        bindings = bound.mapping("with") if bound is not None and bound.value is not None else {}
        if bound is not None:
            bound.refuse_duplicates()
        entry_point = node.get("entry_point")
        yield Step(
            name=name,
            component=component.string("component"),
            entry_point=entry_point.string("entry_point") if entry_point else MAIN,
            bindings={key: read_binding(value, parameters) for key, value in bindings.items()},
            matrix=dict(_matrix(node)),
            retries=_count(node, "retries"),
            timeout=_timeout(node),
            tags=tags.strings("tags") if (tags := node.get("tags")) else (),
            after=after.strings("after") if (after := node.get("after")) else (),
            env=_environment(node),
            cache=cache.boolean("cache") if (cache := node.get("cache")) else True,
            place=place,
            places={key: value.place for key, value in bindings.items()},
        )


def _timeout(step: Node) -> float | None:
    node = step.get("timeout")
    if node is None:
        return None
    seconds = duration(str(node.value)) if isinstance(node.value, (str, int, float)) else None
    if not seconds:
        raise node.error(f"timeout must be a duration, got {node.shown()}", hint="write it as 90s, 30m or 2h")
    return seconds


def _environment(step: Node) -> EnvironmentMode | None:
    node = step.get("env")
    if node is None:
        return None
    try:
        return EnvironmentMode(node.string("env"))
    except ValueError:
        raise node.error(f"env must be one of {', '.join(EnvironmentMode)}, got {node.shown()}") from None


def _count(step: Node, key: str) -> int:
    node = step.get(key)
    if node is None:
        return 0
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 0:
        raise node.error(f"{key} must be a whole number of at least 0, got {node.shown()}")
    return node.value


def _matrix(step: Node) -> Iterator[tuple[str, tuple[Value, ...]]]:
    node = step.get("matrix")
    if node is None:
        return
    node.refuse_duplicates()
    for name, values in node.mapping("matrix").items():
        cells = tuple(value.scalar(f"a value of {name}") for value in values.sequence(f"matrix {name}"))
        if not cells:
            raise values.error(f"matrix {name} has no values")
        if len({format_value(cell) for cell in cells}) < len(cells):
            raise values.error(f"matrix {name} has a value twice")
        yield name, cells
