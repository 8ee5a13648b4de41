"""A manifest against the step function that it was derived from: every difference says that it is stale."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml

from artifactflow.check.findings import Finding, Fix
from artifactflow.check.manifest.manifest_text import add_item, command_node, place_in, remove_item, rewrite_command
from artifactflow.check.mismatch import mismatch_catalogue as catalogue
from artifactflow.check.mismatch.arguments import only_placeholder
from artifactflow.check.subjects import ComponentSubject, EntryPointSubject
from artifactflow.contract import Contract, Input, Output
from artifactflow.errors import Place
from artifactflow.parameters import Parameter, format_value
from artifactflow.read.command_words import Word
from artifactflow.write.mlproject import command_for, edit_manifest, write_component_text
from artifactflow.write.yaml import format_mapping

Change = Callable[[str], str]


def check_step_function(
    component: ComponentSubject, point: EntryPointSubject, signature: Contract
) -> Iterator[Finding]:
    """Where the entry point differs from the signature of the step function that its command runs."""
    yield from _Comparison(component, point, signature).findings()


@dataclass(frozen=True, slots=True)
class _Section:
    """The items of one kind, by name, as the manifest and as the signature state them."""

    word: str
    ours: Mapping[str, Parameter | Input | Output]
    theirs: Mapping[str, Parameter | Input | Output]


class _Comparison:
    def __init__(self, component: ComponentSubject, point: EntryPointSubject, signature: Contract) -> None:
        self.component = component
        self.point = point
        self.ours = point.contract
        script = point.script.path.name if point.script else ""
        self.script = (point.command.script if point.command else None) or script
        self.theirs = replace(signature, entry_point=self.ours.entry_point, command=command_for(signature, self.script))
        self.path = str(component.manifest_path)
        words = self.point.command.words if self.point.command else None
        self.passed = _passed(list(words or ()))

    @cached_property
    def written(self) -> Mapping[str, Any]:
        """The entry point as the writer would state it, as plain data: the mends are taken from it."""
        manifest = yaml.safe_load(write_component_text("x", [self.theirs]))
        stated: Mapping[str, Any] = manifest["entry_points"][self.ours.entry_point]
        return stated

    def findings(self) -> Iterator[Finding]:
        if self.ours.description != self.theirs.description and self.theirs.description:
            yield self.found(
                self.places("description"),
                f"the description is {self.ours.description!r}, the step function's is {self.theirs.description!r}",
                f"write description: {self.theirs.description}",
                "description",
                self.describe,
            )
        sections = (
            _Section("input", _by_name(self.ours.inputs), _by_name(self.theirs.inputs)),
            _Section("parameter", _by_name(self.ours.parameters), _by_name(self.theirs.parameters)),
            _Section("output", _by_key(self.ours.outputs), _by_key(self.theirs.outputs)),
        )
        for section in sections:
            for name in section.theirs:
                yield from self.item(section, name)
            for name in section.ours:
                if name not in section.theirs and name not in {key for each in sections for key in each.theirs}:
                    yield self.found(
                        self.places(name),
                        f"{name} is no {section.word} of the step function {self.script}",
                        f"take {name} out of the manifest and the command",
                        name,
                        partial(self.remove, name=name),
                    )
        yield from self.options()

    def item(self, section: _Section, name: str) -> Iterator[Finding]:
        ours, theirs = section.ours.get(name), section.theirs[name]
        place = self.places(name, ("outputs", "parameters") if section.word == "output" else ("parameters", "outputs"))
        if ours is None:
            if name.replace("-", "_") in self.passed:
                return  # an entry point of its own gives a fixed value
            message = f"the {section.word} {name} of the step function is not in the manifest"
        else:
            differing = [self.difference(ours, theirs, key) for key in _differing(ours, theirs)]
            if not differing:
                return
            message = f"{section.word} {name}: " + "; ".join(differing)
        stated = self.written.get("outputs" if section.word == "output" else self.section_of(name), {}).get(name)
        yield self.found(
            place,
            message,
            f"write {name}: {format_mapping(stated or {})}",
            name,
            partial(self.write, name=name),
        )

    def difference(self, ours: object, theirs: object, key: str) -> str:
        here, there = getattr(ours, key), getattr(theirs, key)
        return f"{key} is {_shown(here)} here and {_shown(there)} in the step function"

    def section_of(self, name: str) -> str:
        return "optional_parameters" if name in self.written.get("optional_parameters", {}) else "parameters"

    def options(self) -> Iterator[Finding]:
        """The options that the command passes by another name, or not at all, though the manifest states them."""
        command = self.point.command
        if command is None or not command.words:
            return
        passed = self.passed
        for name in _passed_by(self.theirs.command):
            stated = name in self.ours.names() or any(output.key == name for output in self.ours.outputs)
            if stated and passed.get(name.replace("-", "_")) is None and name not in command.placeholders:
                yield self.found(
                    self.ours.places.get("command", Place(self.path)),
                    f"the command does not pass {name} to the step function",
                    f"add --{name}={{{name}}} to the command",
                    name,
                    partial(self.pass_option, name=name),
                )
        known = {name.replace("-", "_") for name in self.theirs.option_names()}
        for option, given in passed.items():
            name = given or ""
            if option not in known and name in self.theirs.option_names():
                yield self.found(
                    self.command_place(rf"--{re.escape(option).replace('_', '[-_]')}"),
                    f"the step function takes no option --{option}",
                    f"write --{name}={{{name}}}",
                    option,
                    partial(self.rename_option, option=option, name=name),
                )
            elif option not in known and name not in self.ours.option_names():
                yield catalogue.STALE.at(
                    self.command_place(rf"--{re.escape(option).replace('_', '[-_]')}"),
                    f"the step function takes no option --{option}",
                    hint="take it out of the command",
                    length=len(option) + 2,
                )

    # The mends.

    def found(self, place: Place, message: str, hint: str, subject: str, change: Change) -> Finding:
        fix = Fix(Path(self.path), f"write {subject} as {self.script} states it", change)
        return catalogue.STALE.at(place, message, hint=hint, length=len(subject), fix=fix)

    def describe(self, text: str) -> str:
        def change(manifest: Any) -> None:
            entry_point = manifest["entry_points"][self.ours.entry_point]
            if "description" in entry_point:
                entry_point["description"] = self.theirs.description
            else:
                entry_point.insert(0, "description", self.theirs.description)

        return edit_manifest(text, change, self.path)

    def write(self, text: str, name: str) -> str:
        """State the item as the writer does, and pass it in the command where the writer would."""
        section, point = self.section_of(name), self.ours.entry_point
        other = "parameters" if section == "optional_parameters" else "optional_parameters"
        stated = self.written.get(section, {}).get(name)
        if stated is not None:
            text = remove_item(text, self.path, point, other, name)
            text = add_item(text, self.path, point, section, name, stated | self.kept(name))
        output = self.written.get("outputs", {}).get(name)
        text = (
            add_item(text, self.path, point, "outputs", name, output)
            if output is not None
            else remove_item(text, self.path, point, "outputs", name)
        )
        return self.pass_option(text, name)

    def kept(self, name: str) -> dict[str, Any]:
        """What a signature cannot say and the manifest does."""
        old = next((parameter for parameter in self.ours.parameters if parameter.name == name), None)
        return {key: True for key in ("secret", "flag") if old is not None and getattr(old, key)}

    def pass_option(self, text: str, name: str) -> str:
        point = self.ours.entry_point
        wanted = name in _passed_by(self.theirs.command) and "secret" not in self.kept(name)

        def edit(command: str) -> str:
            if wanted:
                return command if f"{{{name}}}" in command else f"{command.rstrip()} --{name}={{{name}}}"
            return _without_option(command, name)

        return rewrite_command(text, self.path, point, edit)

    def rename_option(self, text: str, option: str, name: str) -> str:
        pattern = rf"--{re.escape(option).replace('_', '[-_]')}(?=[= ])"
        return rewrite_command(
            text, self.path, self.ours.entry_point, lambda command: re.sub(pattern, f"--{name}", command)
        )

    def remove(self, text: str, name: str) -> str:
        point = self.ours.entry_point
        for section in ("parameters", "optional_parameters", "outputs"):
            text = remove_item(text, self.path, point, section, name)
        return rewrite_command(text, self.path, point, lambda command: _without_option(command, name))

    # Places.

    def places(self, name: str, sections: tuple[str, ...] = ("parameters", "outputs")) -> Place:
        """Where the manifest states an item, or else its entry point."""
        root = self.component.root
        node = root.get("entry_points") if root is not None else None
        node = node.get(self.ours.entry_point) if node is not None else None
        if node is not None and name == "description" and name in node.items:
            return node.items[name].place
        for key in (f"{section}.{name}" for section in sections):
            if key in self.ours.places:
                return self.ours.places[key]
        return self.ours.places.get("entry_point", Place(self.path))

    def command_place(self, pattern: str) -> Place:
        node = command_node(self.component.root, self.ours.entry_point) if self.component.root is not None else None
        return place_in(node, pattern) if node is not None else Place(self.path)


def _by_name(items: tuple[Parameter, ...] | tuple[Input, ...]) -> dict[str, Parameter | Input | Output]:
    return {item.name: item for item in items}


def _by_key(outputs: tuple[Output, ...]) -> dict[str, Parameter | Input | Output]:
    return {output.key: output for output in outputs}


def _differing(ours: Parameter | Input | Output, theirs: Parameter | Input | Output) -> list[str]:
    """The names of the fields that differ, but for what a signature cannot say."""
    if isinstance(ours, Parameter) and isinstance(theirs, Parameter):
        # A manifest may mark what the signature does not; a secret of the signature's has to be one here.
        theirs = replace(theirs, secret=ours.secret or theirs.secret, flag=ours.flag)
        if theirs.optional and theirs.default is None and ours.default == "":
            ours = replace(ours, default=None, optional=True)  # an empty text is how an absent one is said to MLflow
    if type(ours) is not type(theirs):
        return []
    return [
        field.name
        for field in fields(ours)
        if field.compare and getattr(ours, field.name) != getattr(theirs, field.name)
    ]


def _shown(value: object) -> str:
    if isinstance(value, str) or value is None or value == ():
        return repr(str(value)) if isinstance(value, str) else "none"
    if isinstance(value, tuple):
        return ", ".join(map(format_value, value))
    return format_value(value) if isinstance(value, (bool, int, float)) else str(value).lower()


def _passed_by(command: str) -> list[str]:
    return re.findall(r"\{([^{}]+)\}", command)


def _passed(words: list[Word]) -> dict[str, str | None]:
    """The options of a command, with `_` for `-`, and the placeholder that each gets."""
    found: dict[str, str | None] = {}
    for number, word in enumerate(words):
        first = word.parts[0] if word.parts else ""
        if not isinstance(first, str) or not first.startswith("--") or first == "--":
            continue
        option, equals, _ = first.removeprefix("--").partition("=")
        following = words[number + 1] if number + 1 < len(words) else None
        rest = word.parts[1:] if equals else following.parts if following is not None else ()
        found[option.replace("-", "_")] = only_placeholder(rest)
    return found


def _without_option(command: str, name: str) -> str:
    option = re.escape(name).replace("_", "[-_]")
    return re.sub(rf"[ \t]+(--{option}(=|[ \t]+))?\{{{re.escape(name)}\}}(?=\s|$)", "", command)
