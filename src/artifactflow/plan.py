"""Why a step runs: the cache key, what it is made of, and the difference between two of them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from artifactflow.parameters import Value, format_value

CACHE_KEY_VERSION = 1

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class Decision(StrEnum):
    """What a plan says of a step. One that a selection leaves out is a SKIP: its last outputs serve."""

    RUN = "RUN"
    REUSE = "REUSE"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class InputIdentity:
    """What an input is, and what to call it: only the digest counts for the cache key."""

    digest: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """Everything that a step's result depends on.

    `code` maps files of the component to digests (of the syntax tree for Python, of the bytes otherwise),
    `environment` packages to versions, `variables` declared environment variables to digests of their values.
    `command` is the template, not the filled command: paths of one run must not count. `outputs` maps keys to
    the names, types and paths under which they are kept.
    """

    component: str
    entry_point: str
    command: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    inputs: Mapping[str, InputIdentity] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def cache_key(self) -> str:
        """SHA-256 of the canonical JSON, values tagged with their types: `1`, `1.0`, `true` and `"1"` all differ."""
        content = {
            "version": CACHE_KEY_VERSION,
            "component": self.component,
            "entry_point": self.entry_point,
            "command": self.command,
            "parameters": {
                name: [type(value).__name__, format_value(value)] for name, value in self.parameters.items()
            },
            "inputs": {name: identity.digest for name, identity in self.inputs.items()},
            "code": dict(self.code),
            "variables": dict(self.variables),
            "outputs": dict(self.outputs),
        }
        texts = {name: _canonical(value) for name, value in content.items()}
        # Hundreds of packages, and the same for most steps of a run: written out once.
        texts["environment"] = _canonical_packages(tuple(self.environment.items()))
        text = ",".join(f'"{name}":{texts[name]}' for name in sorted(texts))
        return hashlib.sha256(f"{{{text}}}".encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The record of them, kept with the run."""
        return {
            "component": self.component,
            "entry_point": self.entry_point,
            "command": self.command,
            "parameters": dict(self.parameters),
            "inputs": {name: [identity.digest, identity.label] for name, identity in self.inputs.items()},
            "code": dict(self.code),
            "environment": dict(self.environment),
            "variables": dict(self.variables),
            "outputs": dict(self.outputs),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The ingredients that `to_json` wrote."""
        known = dict(record)
        known["inputs"] = {name: InputIdentity(*pair) for name, pair in known["inputs"].items()}
        return cls(**known)


@functools.lru_cache(maxsize=64)
def _canonical_packages(packages: tuple[tuple[str, str], ...]) -> str:
    return _canonical(dict(packages))


def differences(old: Ingredients, new: Ingredients) -> list[str]:
    """What changed from one execution to the next, most telling first, each in a few words.

    >>> old, new = (Ingredients("fit", "main", "", {"max_iter": number}) for number in (200, 300))
    >>> differences(old, new)
    ['parameter max_iter 200 → 300']
    """
    found = [
        f"parameter {name} {_shown(old.parameters, name)} → {_shown(new.parameters, name)}"
        for name in _changed(_tagged(old.parameters), _tagged(new.parameters))
    ]
    found += [
        f"input {name}: {_label(old.inputs, name)} → {_label(new.inputs, name)}"
        for name in _changed(
            {name: identity.digest for name, identity in old.inputs.items()},
            {name: identity.digest for name, identity in new.inputs.items()},
        )
    ]
    found += [f"code {_verb(old.code, new.code, name)}: {name}" for name in _changed(old.code, new.code)]
    found += [
        f"environment: {name} {old.environment.get(name, '(none)')} → {new.environment.get(name, '(none)')}"
        for name in _changed(old.environment, new.environment)
    ]
    found += [f"environment variable {name} changed" for name in _changed(old.variables, new.variables)]
    found += [f"output {_verb(old.outputs, new.outputs, key)}: {key}" for key in _changed(old.outputs, new.outputs)]
    if old.command != new.command:
        found.append("command changed")
    if (old.component, old.entry_point) != (new.component, new.entry_point):
        found.append(f"component {old.component}:{old.entry_point} → {new.component}:{new.entry_point}")
    return found


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return [
        name for name in dict.fromkeys([*new, *old]) if (name in old, old.get(name)) != (name in new, new.get(name))
    ]


def _tagged(values: Mapping[str, Value]) -> dict[str, tuple[str, str]]:
    return {name: (type(value).__name__, format_value(value)) for name, value in values.items()}


def _shown(values: Mapping[str, Value], name: str) -> str:
    return "(none)" if name not in values or values[name] is None else format_value(values[name])


def _label(inputs: Mapping[str, InputIdentity], name: str) -> str:
    return inputs[name].label or inputs[name].digest[:19] if name in inputs else "(none)"


def _verb(old: Mapping[str, str], new: Mapping[str, str], name: str) -> str:
    return "added" if name not in old else "removed" if name not in new else "changed"
