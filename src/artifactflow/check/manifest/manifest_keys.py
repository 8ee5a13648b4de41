"""Rules about the keys of a manifest: misspelt, unknown, stated twice, or no text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from artifactflow.check.environment.environment_keys import environment_key_for
from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.manifest.manifest_fixes import key_source, mend, quoted, replace_key
from artifactflow.check.subjects import ComponentSubject
from artifactflow.errors import Place
from artifactflow.parameters import TYPE_SYNONYMS
from artifactflow.read.mlproject import ENVIRONMENT_KEYS
from artifactflow.read.yaml_node import Node

MISSPELT_KEY = Rule(
    "M002",
    "misspelt-key",
    Severity.ERROR,
    "A key is nearly one that MLflow or artifactflow knows, so what it says is lost.",
    """MLflow ignores keys that it does not know, without a word: the environment or the default is as if not stated.

Wrong:  conda_enviroment: conda.yaml
Right:  conda_env: conda.yaml""",
)
UNKNOWN_KEY = Rule(
    "M003",
    "unknown-key",
    Severity.WARNING,
    "A key that neither MLflow nor artifactflow knows.",
    """Nothing reads it. A note belongs into a comment or a description; a key that begins with `x-` is left alone.

Wrong:  owner: data team
Right:  # owner: data team""",
)
DUPLICATE_KEY = Rule(
    "M004",
    "duplicate-key",
    Severity.ERROR,
    "A mapping states a key twice: the last one counts and the others are lost.",
    """YAML forbids it, and the reader of MLflow keeps the last one silently.

Wrong:  parameters:
          seed: {type: int, default: 1}
          seed: {type: int, default: 2}
Right:  parameters:
          seed: {type: int, default: 2}""",
)
KEY_NOT_TEXT = Rule(
    "M005",
    "key-not-text",
    Severity.ERROR,
    "The name of an entry point or a parameter is read as something else than a text.",
    """YAML 1.1 reads `no`, `on` and `yes` as truth values and `1` as a number; a value given to the parameter by its
name is then taken for another one.

Wrong:  no: {type: int}
Right:  "no": {type: int}""",
)

RULES: Final = (MISSPELT_KEY, UNKNOWN_KEY, DUPLICATE_KEY, KEY_NOT_TEXT)

_run_together = re.compile(r"(type|default|description|minimum|maximum)(?:\s*[:=]\s*|\s+)(\S.*)")


def _is_type(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in TYPE_SYNONYMS


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


Known = Mapping[str, Callable[[Any], bool]]
"""The keys of a level, each with what its value looks like: a key of another shape is not meant by a typo."""

_TOP: Final[Known] = {
    "name": _is(str),
    "entry_points": _is(dict),
    **{key: _is(dict) if kind is None else _is(str) for key, kind in ENVIRONMENT_KEYS.items()},
    "databricks_spark_job": _is(dict),
}
_ENTRY_POINT: Final[Known] = {
    "description": _is(str),
    "parameters": _is(dict),
    "optional_parameters": _is(dict),
    "outputs": _is(dict),
    "env": _is(list),
    "include": _is(list),
    "cache": _is(bool),
    "command": _is(str),
}
_PARAMETER: Final[Known] = {
    "type": _is_type,
    "default": _is(str, int, float),
    "description": _is(str),
    "artifact": _is(str, bool),
    "minimum": _is_number,
    "maximum": _is_number,
    "choices": _is(list),
    "secret": _is(bool),
    "flag": _is(bool),
}
_OUTPUT: Final[Known] = {
    "name": _is(str),
    "type": _is(str),
    "path": _is(str),
    "description": _is(str),
    "unwrap": _is(bool),
}
_SHORT: Final = {"min": "minimum", "max": "maximum", "help": "description", "desc": "description"}


def check_keys(component: ComponentSubject, root: Node) -> Iterator[Finding]:
    """What is wrong with keys, at every level that MLflow or artifactflow reads."""
    yield from _check_level(component, root, (), "a manifest", _TOP)
    points = root.get("entry_points")
    yield from _check_names(component, points, ("entry_points",), "entry point")
    for name, point in (points.items if points else {}).items():
        keys = ("entry_points", name)
        yield from _check_level(component, point, keys, "an entry point", _ENTRY_POINT)
        for section in ("parameters", "optional_parameters"):
            stated = point.get(section)
            yield from _check_names(component, stated, (*keys, section), "parameter")
            for parameter, node in (stated.items if stated else {}).items():
                yield from _check_level(component, node, (*keys, section, parameter), "a parameter", _PARAMETER)
        outputs = point.get("outputs")
        yield from _check_names(component, outputs, (*keys, "outputs"), "output")
        for output, node in (outputs.items if outputs else {}).items():
            yield from _check_level(component, node, (*keys, "outputs", output), "an output", _OUTPUT)
    yield from _check_duplicates(component, root, set())


def run_together(key: str, node: Node) -> str | None:
    """`type: str` for the key `type str` or `type:str` that stands without a value; None for any other key."""
    match = _run_together.fullmatch(key) if node.value is None else None
    return f"{match[1]}: {match[2]}" if match else None


def meant_top_key(component: ComponentSubject, key: str, node: Node) -> str | None:
    """The key of the top level that another one stands for, by its letters and its value's shape, or None."""
    return _meant(component, key, node, _TOP)


def _meant(component: ComponentSubject, key: str, node: Node, known: Known) -> str | None:
    normal = re.sub(r"[\s-]+", "_", key.strip().lower())
    if known is _TOP and (environment := environment_key_for(component, normal, node.value)):
        return environment
    fitting = [name for name, fits in known.items() if fits(node.value) and name not in ENVIRONMENT_KEYS]
    if _SHORT.get(normal) in fitting:
        return _SHORT[normal]
    return next(iter(difflib.get_close_matches(normal, fitting, n=1, cutoff=0.72)), None)


def _check_level(
    component: ComponentSubject, node: Node, keys: Sequence[str], what: str, known: Known
) -> Iterator[Finding]:
    for key, value in node.items.items():
        if key in known or key.startswith("x-") or (known is _PARAMETER and run_together(key, value)):
            continue
        place = node.key_place(key)
        meant = _meant(component, key, value, known)
        if meant is not None:
            yield MISSPELT_KEY.at(
                place,
                f"{what} has no key {key!r}, so what it says is ignored",
                hint=f"write {meant}" if meant not in node.items else f"{meant} is stated too: keep one of them",
                length=len(key),
                fix=mend(component, f"{key} → {meant}", replace_key((*keys, key), meant)),
            )
        elif known is not _OUTPUT:  # an unknown key of an output is refused by the reader
            hint = f"known are {', '.join(known)}"
            yield UNKNOWN_KEY.at(place, f"{what} has no key {key!r}: nothing reads it", hint=hint, length=len(key))


def _check_names(component: ComponentSubject, node: Node | None, keys: Sequence[str], what: str) -> Iterator[Finding]:
    if node is None or not isinstance(node.value, dict):
        return
    for key in node.value:
        if isinstance(key, str):
            continue
        place = node.key_place(str(key))
        source = _source(component, place)
        fix = mend(component, f"{what} {source} in quotes", replace_key((*keys, str(key)), quoted(source)))
        yield KEY_NOT_TEXT.at(
            place,
            f"the {what} {source} is no text to YAML 1.1 but {key!r}",
            hint=f"put it in quotes: {quoted(source)}",
            length=len(source),
            fix=fix,
        )


def _check_duplicates(component: ComponentSubject, node: Node, seen: set[int]) -> Iterator[Finding]:
    if id(node) in seen:
        return
    seen.add(id(node))
    for place in node.duplicates:
        source = _source(component, place)
        yield DUPLICATE_KEY.at(
            place,
            f"{source} is stated before in this mapping: the last one counts, the others are lost",
            hint="keep one of them",
            length=len(source),
        )
    for child in (*node.items.values(), *node.elements):
        yield from _check_duplicates(component, child, seen)


def _source(component: ComponentSubject, place: Place) -> str:
    return key_source(component.manifest_path.read_text(encoding="utf-8-sig"), place)
