"""One parameter of the manifest against the option of the script that takes its value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from artifactflow.check.findings import Finding, Fix
from artifactflow.check.mismatch import mismatch_catalogue as catalogue
from artifactflow.check.mismatch.script_rules import SENTINELS
from artifactflow.check.parameters.parameter_secrets import is_secret
from artifactflow.check.subjects import ComponentSubject
from artifactflow.contract import Contract, Input
from artifactflow.errors import Place, UsageError
from artifactflow.parameters import REQUIRED, TYPE_SYNONYMS, Parameter, ParameterType, Value, format_value
from artifactflow.read.script.command_line import Option
from artifactflow.read.script.static_values import Unknown
from artifactflow.read.yaml_node import Node
from artifactflow.write.mlproject import edit_manifest

_TEXTS = (ParameterType.STR, ParameterType.PATH, ParameterType.URI)


def compare_option(
    component: ComponentSubject, contract: Contract, stated: Parameter | Input, option: Option
) -> Iterator[Finding]:
    """Where a parameter and the option that it goes to differ in default, type, choices, being required, or words."""
    where = _Where(component, contract, stated.name)
    yield from _description(where, stated.description, option)
    if isinstance(stated, Input):
        return
    yield from _default(where, stated, option)
    yield from _type(where, stated, option)
    yield from _choices(where, stated, option)


class _Where:
    """The places of what a manifest states of one parameter."""

    def __init__(self, component: ComponentSubject, contract: Contract, name: str) -> None:
        self.path = component.manifest_path
        self.entry_point = contract.entry_point
        self.places = contract.places
        self.name = name
        node = component.root
        for key in ("entry_points", contract.entry_point):
            node = node.get(key) if node is not None else None
        sections = [node.get(key) for key in ("parameters", "optional_parameters")] if node is not None else []
        found = [section.get(name) for section in sections if section is not None]
        self.node: Node | None = next((each for each in found if each is not None), None)

    def of(self, key: str = "") -> tuple[Place, int]:
        """The place of a key's value, and its length; those of the parameter's name where it is not stated."""
        value = self.node.get(key) if key and self.node is not None else None
        if value is not None:
            return value.place, max(len((value.text or "").partition("\n")[0]), 1)
        return self.places.get(f"parameters.{self.name}", Place(str(self.path))), len(self.name)

    def type_word(self) -> Node | None:
        """What is stated as the type, also in `name: float`."""
        if self.node is None or isinstance(self.node.value, str):
            return self.node
        return self.node.get("type")


def _at(option: Option) -> str:
    return f"{Path(option.place.file).name}:{option.place.line}"


def _default(where: _Where, parameter: Parameter, option: Option) -> Iterator[Finding]:
    ours, theirs = parameter.default, option.default
    if isinstance(ours, str) and ours.lower() in SENTINELS and where.node is not None and where.node.get("default"):
        place, length = where.of("default")
        yield catalogue.SENTINEL.at(
            place,
            f"the default of {parameter.name} is the text {ours!r}",
            hint="state the parameter under optional_parameters without a default",
            length=length,
        )
    if isinstance(theirs, (Unknown, list, dict)) or option.suppressed or isinstance(option.required, Unknown):
        return
    if ours is REQUIRED or theirs is REQUIRED:
        if (ours is REQUIRED) != (theirs is REQUIRED) and not parameter.optional and theirs is not None:
            place, length = where.of()
            given = theirs if isinstance(theirs, (str, int, float)) else None
            yield catalogue.REQUIRED.at(
                place,
                f"{parameter.name} is required here, and has the default {_shown(parameter, given)} in the script "
                f"({_at(option)})"
                if ours is REQUIRED
                else f"{parameter.name} has a default here, and is required by the script ({_at(option)})",
                hint=f"write default: {_shown(parameter, given, format_value(given))}"
                if ours is REQUIRED
                else "take one of the two away",
                length=length,
            )
        return
    if ours is None or theirs is None or isinstance(ours, type(REQUIRED)) or isinstance(theirs, type(REQUIRED)):
        return
    if option.nargs is None and not option.multiple and not _same(ours, theirs, option.type):
        place, length = where.of("default")
        yield catalogue.DEFAULT.at(
            place,
            f"the default of {parameter.name} is {_shown(parameter, ours)} here and {_shown(parameter, theirs)} "
            f"in the script ({_at(option)})",
            hint=f"write the same in both; under mlflow the manifest's {_shown(parameter, ours)} wins",
            length=length,
            masked=is_secret(parameter, ours),
        )


def _same(one: Value, other: Value, kind: ParameterType | Unknown | None) -> bool:
    if isinstance(kind, ParameterType):
        reader = Parameter("value", kind)
        try:
            one, other = reader.check(one), reader.check(other)
        except UsageError:
            return format_value(one) == format_value(other)
        if kind in (ParameterType.PATH, ParameterType.STR):
            return str(one) == str(other) or PurePosixPath(str(one)) == PurePosixPath(str(other))
        return one == other
    if isinstance(one, str) != isinstance(other, str):
        one, other = format_value(one), format_value(other)
        return one == other or (_number(one) is not None and _number(one) == _number(other))
    return one == other


def _type(where: _Where, parameter: Parameter, option: Option) -> Iterator[Finding]:
    word = where.type_word()
    if word is None or not isinstance(word.value, str) or not isinstance(option.type, ParameterType) or option.flag:
        return
    ours = TYPE_SYNONYMS.get(word.value.strip().lower())
    if ours is None or option.multiple or option.nargs is not None or option.converter == "bool":
        return
    if ours is option.type or (ours in _TEXTS and option.type in _TEXTS):
        return
    if option.converter is None and option.type in _TEXTS:
        return  # a text that the script may convert later
    place = word.place
    yield catalogue.TYPE.at(
        place,
        f"the type of {parameter.name} is {word.value} here and {option.type} in the script ({_at(option)})",
        hint=f"write type: {option.type}",
        length=len(word.value),
        fix=_retyped(where, parameter, option.type),
    )


def _retyped(where: _Where, parameter: Parameter, kind: ParameterType) -> Fix | None:
    """The script decides what it takes; its type is safe where the manifest's default and bounds are of it."""
    if kind not in (ParameterType.INT, ParameterType.FLOAT) or parameter.choices:
        return None
    if isinstance(parameter.default, (str, int, float)):
        try:
            Parameter("value", kind).check(parameter.default)
        except UsageError:
            return None

    def change(manifest: Any) -> None:
        entry_point = manifest["entry_points"][where.entry_point]
        for section in ("parameters", "optional_parameters"):
            stated = entry_point.get(section) or {}
            if isinstance(stated.get(where.name), str):
                stated[where.name] = kind.value
            elif where.name in stated:
                stated[where.name]["type"] = kind.value

    path = where.path
    return Fix(path, f"{where.name}: type {kind}", lambda text: edit_manifest(text, change, str(path)))


def _choices(where: _Where, parameter: Parameter, option: Option) -> Iterator[Finding]:
    if not isinstance(option.choices, tuple) or not option.choices or option.multiple or option.nargs is not None:
        return
    allowed = {format_value(choice).casefold() for choice in option.choices}
    shown = ", ".join(format_value(choice) for choice in option.choices)
    for choice in parameter.choices:
        if format_value(choice).casefold() not in allowed:
            place, length = where.of("choices")
            yield catalogue.CHOICES.at(
                place,
                f"{parameter.name} may be {choice!r} here, the script takes one of {shown} ({_at(option)})",
                hint=f"write choices: [{shown}]",
                length=length,
            )
    default = parameter.default
    if isinstance(default, (str, int, float)) and format_value(default).casefold() not in allowed:
        place, length = where.of("default")
        yield catalogue.CHOICES.at(
            place,
            f"the default of {parameter.name} is {_shown(parameter, default)}, the script takes one of {shown} "
            f"({_at(option)})",
            hint=f"write one of {shown}",
            length=length,
            masked=is_secret(parameter, default),
        )


def _description(where: _Where, ours: str, option: Option) -> Iterator[Finding]:
    theirs = option.description
    if not ours or isinstance(theirs, Unknown) or not theirs or _words(ours) == _words(theirs):
        return
    place, length = where.of("description")
    yield catalogue.DESCRIPTION.at(
        place,
        f"{where.name} is described in other words in the script: {theirs!r} ({_at(option)})",
        hint="write the same in both",
        length=length,
    )


def _shown(parameter: Parameter, value: Value, text: str | None = None) -> str:
    """A value as a message shows it: a secret only as `***`."""
    return "***" if is_secret(parameter, value) else repr(value) if text is None else text


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .").casefold()


def _number(text: Value) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
