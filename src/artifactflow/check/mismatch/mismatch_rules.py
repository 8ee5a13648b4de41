"""Rules about the manifest against the script: whether the command passes what the script takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from artifactflow.check.findings import Finding, Fix, Rule
from artifactflow.check.manifest.manifest_text import command_node, place_in, rewrite_command
from artifactflow.check.mismatch import mismatch_catalogue as catalogue
from artifactflow.check.mismatch.arguments import (
    Arguments,
    Passed,
    arguments_of,
    find_option,
    only_placeholder,
    same_but_dashes,
)
from artifactflow.check.mismatch.option_mismatch import compare_option
from artifactflow.check.mismatch.script_rules import check_script
from artifactflow.check.mismatch.stale_manifest import check_step_function
from artifactflow.check.subjects import ComponentSubject, EntryPointSubject
from artifactflow.contract import Input
from artifactflow.errors import Place, near_matches
from artifactflow.parameters import Parameter
from artifactflow.read.command_words import Placeholder
from artifactflow.read.paths import exists
from artifactflow.read.script.command_line import CommandLine, Option

RULES: tuple[Rule, ...] = catalogue.RULES


def check_mismatches(component: ComponentSubject) -> Iterator[Finding]:
    """Where manifest and script disagree."""
    used: dict[str, list[Arguments]] = {}
    for point in component.entry_points.values():
        if point.missing_script is not None:
            yield from _missing_script(component, point)
        if point.script is None or point.command is None:
            continue
        if point.script.contract is not None:
            yield from check_step_function(component, point, point.script.contract)
            continue
        line = point.script.command_line
        arguments = arguments_of(point.command, line) if line is not None else None
        if line is None or arguments is None or line.kind in ("step", "none"):
            continue
        yield from _EntryPoint(component, point, arguments).findings()
        used.setdefault(str(point.script.path), []).append(arguments)
    scripts = {str(point.script.path): point.script for point in component.entry_points.values() if point.script}
    for path, script in scripts.items():
        if script.contract is None and script.command_line is not None:
            yield from check_script(script, script.command_line)
            yield from _unstated(component, used.get(path, []))


def _missing_script(component: ComponentSubject, point: EntryPointSubject) -> Iterator[Finding]:
    path, command = point.missing_script, point.command
    if path is None or command is None or exists(path):
        return  # Python runs a folder that has a __main__.py
    script = command.script or ""
    files = sorted(str(file.relative_to(component.folder)) for file in component.folder.glob("*.py"))
    meant = near_matches(script, files) or (f"did you mean {files[0]}?" if len(files) == 1 else None)
    yield catalogue.MISSING_SCRIPT.at(
        _place(component, point, re.escape(script)),
        f"the command runs {script}, which does not exist in {component.folder}",
        hint=meant or "write the script, or correct its name here",
        length=len(script),
    )


def _place(component: ComponentSubject, point: EntryPointSubject, pattern: str) -> Place:
    node = command_node(component.root, point.contract.entry_point) if component.root is not None else None
    if node is None:
        return point.contract.places.get("command", Place(str(component.manifest_path)))
    return place_in(node, pattern)


class _EntryPoint:
    """One entry point whose script's command line is known."""

    def __init__(self, component: ComponentSubject, point: EntryPointSubject, arguments: Arguments) -> None:
        self.component = component
        self.point = point
        self.arguments = arguments
        self.line = arguments.line

    def findings(self) -> Iterator[Finding]:
        for passed in self.arguments.passed:
            yield from self.passed(passed)
        yield from self.stray_arguments()
        appended = dict(self.appended())
        yield from self.missing(list(appended.values()))
        yield from self.appended_findings()
        stated: dict[str, Parameter | Input] = {item.name: item for item in self.point.contract.inputs}
        stated |= {parameter.name: parameter for parameter in self.point.contract.parameters}
        pairs = dict(self.arguments.linked()) | appended
        for name, option in pairs.items():
            if name in stated and option.action not in ("group", "hydra", "parsers"):
                yield from compare_option(self.component, self.point.contract, stated[name], option)

    def place(self, pattern: str) -> Place:
        return _place(self.component, self.point, pattern)

    def passed(self, passed: Passed) -> Iterator[Finding]:
        spelling = passed.spelling
        pattern = rf"(?<![\w.-]){re.escape(spelling)}(?![\w-])"
        if passed.option is not None and passed.value is not None:
            yield self.flag_value(passed.option, spelling, passed.value, self.place(pattern))
        same = passed.right
        if same is not None:
            edit = partial(re.sub, pattern, same)
            yield catalogue.SPELLING.at(
                self.place(pattern),
                f"the command passes {spelling}, the script takes {same}",
                hint=f"write {same}",
                length=len(spelling),
                fix=self.fix(f"write {same} for {spelling}", edit),
            )
        elif passed.option is None and self.line.accepts(spelling) is False:
            yield catalogue.UNKNOWN_OPTION.at(
                self.place(pattern),
                f"the script takes no option {spelling}",
                hint=near_matches(spelling, _spellings(self.line))
                or "take it out of the command, or add it to the script",
                length=len(spelling),
            )

    def fix(self, summary: str, edit: partial[str]) -> Fix:
        path, name = self.component.manifest_path, self.point.contract.entry_point
        return Fix(path, summary, lambda text: rewrite_command(text, str(path), name, edit))

    def flag_value(self, option: Option, spelling: str, value: str, place: Place) -> Finding:
        name = value.strip("{}") if value.startswith("{") else option.dest
        return catalogue.FLAG_VALUE.at(
            place,
            f"{spelling} is a flag of the script and takes no value, the command gives it {value}",
            hint=f"take it out of the command and write: optional_parameters: {name}: {{type: bool, flag: true}}",
            length=len(spelling),
        )

    def stray_arguments(self) -> Iterator[Finding]:
        arguments = self.arguments
        if arguments.stray_command is not None:
            stray = arguments.stray_command
            known = ", ".join(self.line.subcommands)
            yield catalogue.STRAY_ARGUMENT.at(
                self.place(rf"(?<![\w.-]){re.escape(stray)}(?![\w-])"),
                f"the script has no sub-command {stray!r}, it has {known}",
                hint=near_matches(stray, self.line.subcommands) or f"write one of {known}",
                length=len(stray),
            )
        closed = (
            self.line.complete and not self.line.accepts_unknown and self.line.kind in ("argparse", "click", "typer")
        )
        if not closed or arguments.doubtful or self.line.subcommands:
            return
        for word in arguments.positional[int(min(arguments.capacity(), len(arguments.positional))) :]:
            name = only_placeholder(word.parts)
            if name is not None and self.may_be_option(name):
                return
            shown = "".join(f"{{{part.name}}}" if isinstance(part, Placeholder) else part for part in word.parts)
            option = find_option(self.line, f"--{name}") if name else None
            yield catalogue.STRAY_ARGUMENT.at(
                self.place(rf"(?<![\w=-]){re.escape(shown)}"),
                f"the script takes no positional argument for {shown or 'an empty text'}",
                hint=f"write --{name}={{{name}}}" if option is not None else "take it out of the command",
                length=max(len(shown), 1),
            )

    def may_be_option(self, name: str) -> bool:
        """Whether a parameter's value is itself an option: `{extra}` with the default `--verbose`."""
        found = next((each for each in self.point.contract.parameters if each.name == name), None)
        values = (found.default, *found.choices) if found is not None else ()
        return any(isinstance(value, str) and value.startswith("-") for value in values)

    def appended(self) -> Iterator[tuple[str, Option]]:
        """The optional parameters, appended as `--name` when they are given, with the options that take them."""
        for name in self._optional():
            option = find_option(self.line, f"--{name}")
            if option is not None:
                yield name, option

    def _optional(self) -> list[str]:
        contract = self.point.contract
        named = set(self.point.command.placeholders) if self.point.command else set()
        optional = [item.name for item in contract.inputs if item.optional]
        optional += [parameter.name for parameter in contract.parameters if parameter.optional]
        return [name for name in optional if name not in named]

    def appended_findings(self) -> Iterator[Finding]:
        contract = self.point.contract
        for name in self._optional():
            spelling = f"--{name}"
            place = contract.places.get(f"parameters.{name}", Place(str(self.component.manifest_path)))
            option = find_option(self.line, spelling)
            flags = {parameter.name for parameter in contract.parameters if parameter.flag}
            if option is not None and option.flag and name not in flags:
                yield self.flag_value(option, spelling, "one when the parameter is given", place)
            if option is not None or self.line.kind == "hydra" or self.line.accepts(spelling) is not False:
                continue
            same = same_but_dashes(self.line, spelling)
            rule = catalogue.SPELLING if same else catalogue.UNKNOWN_OPTION
            meant = f"call it {same.lstrip('-')}" if same else near_matches(spelling, _spellings(self.line))
            yield rule.at(
                place,
                f"{name} is appended as {spelling} when it is given, and the script takes no such option",
                hint=meant or "take the parameter away, or add the option to the script",
                length=len(name),
            )

    def missing(self, appended: list[Option]) -> Iterator[Finding]:
        """What the script requires and the command never passes."""
        arguments = self.arguments
        if arguments.doubtful or arguments.stray_command is not None or self.line.kind == "hydra":
            return
        for option in self.line.options:
            if option.positional or option.required is not True or arguments.gives(option):
                continue
            spelling = max(option.names, key=len)
            when = " unless it is given" if option in appended else ""
            yield self._missing(option, f"the script requires {spelling}, and the command does not pass it{when}")
        needed = [
            option
            for option in self.line.options
            if option.positional and option.required is True and option.action != "parsers"
        ]
        counts = [option.nargs if isinstance(option.nargs, int) else 1 for option in needed]
        if needed and sum(counts) > len(arguments.positional):
            names = ", ".join(option.names[0] if option.names else option.dest for option in needed)
            yield self._missing(
                needed[-1], f"the script requires the arguments {names}, the command passes {len(arguments.positional)}"
            )

    def _missing(self, option: Option, message: str) -> Finding:
        name = option.dest
        written = f"{{{name}}}" if option.positional else f"{max(option.names, key=len)}={{{name}}}"
        script = self.point.command.script if self.point.command else None
        return catalogue.MISSING_OPTION.at(
            self.place(re.escape(script or "")),
            message,
            hint=f"add {written} to the command, and {name} to parameters",
            length=len(script or " "),
        )


def _unstated(component: ComponentSubject, uses: list[Arguments]) -> Iterator[Finding]:
    """The options that no entry point passes or declares."""
    contracts = [point.contract for point in component.entry_points.values()]
    declared = {name.replace("-", "_") for contract in contracts for name in contract.option_names()}
    told: set[Place] = set()
    for arguments in uses:
        if arguments.line.kind not in ("argparse", "click", "typer") or arguments.doubtful:
            continue
        for option in arguments.line.options:
            dests = {option.dest, *(name.lstrip("-").replace("-", "_") for name in option.names)}
            known = bool(dests & declared) or any(each.gives(option) for each in uses)
            plain = option.type is not None and option.action != "parsers" and not option.positional
            if known or not plain or option.hidden or option.required is not False or option.place in told:
                continue
            told.add(option.place)
            spelling = max(option.names, key=len)
            section = "optional_parameters" if option.flag or option.default is None else "parameters"
            yield catalogue.UNSTATED.at(
                option.place,
                f"the manifest does not state {spelling}, it always keeps its default",
                hint=f"state {option.dest} under {section}, or leave it on purpose",
            )


def _spellings(line: CommandLine) -> list[str]:
    return [name for option in line.options if not option.positional for name in option.names]
