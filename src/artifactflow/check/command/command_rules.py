"""Rules about commands: what plain `mlflow run` makes of them, which fills them in and hands them to bash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from artifactflow.check.command import command_catalogue as catalogue
from artifactflow.check.command.command_program import check_program
from artifactflow.check.command.command_text import (
    accidental_redirections,
    braces,
    breaks_under_bash,
    joined,
    quotes_pair,
    same_words,
    unsafe_placeholders,
    without_quotes,
)
from artifactflow.check.findings import Finding, Fix, Rule
from artifactflow.check.manifest.manifest_text import add_item, command_node, place_in, rewrite_command
from artifactflow.check.subjects import ComponentSubject, EntryPointSubject
from artifactflow.contract import template_names
from artifactflow.errors import Place, near_matches
from artifactflow.pipeline import variable_name
from artifactflow.read.yaml_node import Node

RULES: tuple[Rule, ...] = catalogue.RULES


def check_commands(component: ComponentSubject) -> Iterator[Finding]:
    """What is wrong with the commands of entry points."""
    if component.root is None:
        return
    for point in component.entry_points.values():
        node = command_node(component.root, point.contract.entry_point)
        if node is None:
            continue
        found = list(_Command(component, point, node).findings())
        if found and point.command is None:
            # The reader has refused the command in general words; these findings say it at the very place.
            place = point.contract.places.get("command")
            component.reading.errors[:] = [error for error in component.reading.errors if error.place != place]
        yield from found


@dataclass
class _Command:
    """The command of one entry point, looked at from every side."""

    component: ComponentSubject
    point: EntryPointSubject
    node: Node

    @property
    def text(self) -> str:
        return self.point.contract.command

    @cached_property
    def declared(self) -> set[str]:
        """What MLflow fills in: the keys under `parameters`."""
        node = self.component.root
        for key in ("entry_points", self.point.contract.entry_point, "parameters"):
            node = node.get(key) if node is not None else None
        return set(node.items) if node is not None else set()

    def findings(self) -> Iterator[Finding]:
        stray = list(self.stray_braces())
        yield from stray
        if not stray and not quotes_pair(self.text):
            yield catalogue.OPEN_QUOTE.at(
                self.place(_last_quote(self.text)), "a quote of the command is never closed", hint="close the quote"
            )
        elif not stray:
            yield from self.broken_lines()
            yield from self.unsafe()
            yield from self.redirections()
            yield from self.undeclared()
            yield from self.unused()
            yield from self.secrets()
        yield from self.echoed()
        yield from check_program(self.component, self.point, self.place, self.fix)

    def place(self, pattern: str, occurrence: int = 0) -> Place:
        return place_in(self.node, pattern, occurrence)

    def fix(self, summary: str, edit: Callable[[str], str]) -> Fix:
        name, path = self.point.contract.entry_point, self.component.manifest_path
        return Fix(path, summary, lambda text: rewrite_command(text, str(path), name, edit))

    def stray_braces(self) -> Iterator[Finding]:
        for brace in braces(self.text):
            if brace.name is not None and not brace.variable:
                continue
            written = re.escape(brace.text)
            place = self.place(rf"(?<!\{{){written}")
            if brace.name is not None:
                certain = brace.name not in self.declared
                yield catalogue.BRACE.at(
                    place,
                    f"MLflow takes {{{brace.name}}} in {brace.text} for a placeholder",
                    hint=f"write ${{{{{brace.name}}}}} for the shell's variable, "
                    f"{{{brace.name}}} without the dollar for a parameter",
                    length=len(brace.text),
                    fix=self.fix(f"double the braces of {brace.text}", _doubling(written)) if certain else None,
                )
            else:
                yield catalogue.BRACE.at(
                    place,
                    f"{brace.text} in the command is no placeholder, MLflow stops there",
                    hint="double a brace that means itself: {{ and }}; a placeholder is one parameter's name",
                    length=len(brace.text),
                    fix=self.fix(f"double the braces of {brace.text}", _doubling(written)) if brace.literal else None,
                )

    def broken_lines(self) -> Iterator[Finding]:
        command = self.point.command
        if command is None or not (command.continued or (command.shell and breaks_under_bash(self.text))):
            return
        rewritten = joined(self.text)
        certain = same_words(command, rewritten) if command.words else not breaks_under_bash(rewritten)
        yield catalogue.BROKEN_LINES.at(
            self.place(r"\\[ \t]*(\n|$)|\n[ \t]*(?=-)|\\ "),
            "bash does not read these lines as one command: plain mlflow run stops or drops options",
            hint=f"write it on one line: {rewritten.strip()}",
            fix=self.fix("write the command on one line", joined) if certain else None,
        )

    def unsafe(self) -> Iterator[Finding]:
        numbers = unsafe_placeholders(self.text)
        if not numbers:
            return
        bare = without_quotes(self.text)
        mends = bare != self.text and not unsafe_placeholders(bare)
        names = [brace.name or "" for brace in braces(self.text)]
        for number in numbers:
            name = names[number]
            yield catalogue.UNSAFE.at(
                self.place(_placeholder(name), names[:number].count(name)),
                f"{{{name}}} stands inside quotes or other shell syntax, where its value could run as code",
                hint=f"write a bare {{{name}}}: MLflow and artifactflow quote its value",
                length=len(name) + 2,
                fix=self.fix("take the quotes off placeholders", without_quotes) if mends else None,
            )

    def redirections(self) -> Iterator[Finding]:
        if self.point.command is None or not self.point.command.shell:
            return
        known = sorted(self.declared)
        for found in accidental_redirections(self.text):
            certain = found.name in self.declared
            pattern = re.escape(found.text)
            if found.name:
                near = near_matches(found.name, known)
                hint = f"write {{{found.name}}} for the parameter" if certain or not near else f"{near} write {{name}}"
            else:
                hint = f"put the word with {found.text[-2:]} in quotes"
            yield catalogue.REDIRECTION.at(
                self.place(pattern),
                f"bash takes {found.text} in the command for a redirection",
                hint=hint,
                length=len(found.text),
                fix=self.fix(f"write {{{found.name}}}", _replacing(found.text, f"{{{found.name}}}"))
                if certain
                else None,
            )

    def undeclared(self) -> Iterator[Finding]:
        contract = self.point.contract
        outputs = {output.key: output for output in contract.outputs}
        given = set(contract.names())
        for name in dict.fromkeys(brace.name for brace in braces(self.text) if brace.name):
            if name in self.declared:
                continue
            place, length = self.place(_placeholder(name)), len(name) + 2
            if name in outputs:
                item = {"type": "str", "default": outputs[name].path}
                yield catalogue.OUTPUT_UNDECLARED.at(
                    place,
                    f"the output {name} is no parameter as well: plain mlflow run stops with KeyError: {name!r}",
                    hint=f"add under parameters: {name}: {{type: str, default: {outputs[name].path}}}",
                    length=length,
                    fix=self._declaring(name, item),
                )
            elif name in given:
                yield catalogue.UNDECLARED.at(
                    place,
                    f"{name} stands under optional_parameters, which MLflow does not read: plain mlflow run stops "
                    f"with KeyError: {name!r}",
                    hint=f"take {{{name}}} out of the command, it is appended when it is given; or declare it "
                    "under parameters with a default",
                    length=length,
                )
            else:
                yield catalogue.UNDECLARED.at(
                    place,
                    f"the command uses {{{name}}}, which is no parameter, input or output: MLflow stops with "
                    f"KeyError: {name!r}",
                    hint=near_matches(name, [*contract.option_names()])
                    or f"declare it: parameters: {name}: {{type: str}}",
                    length=length,
                )

    def _declaring(self, name: str, item: dict[str, str]) -> Fix:
        point, path = self.point.contract.entry_point, self.component.manifest_path
        return Fix(
            path,
            f"declare {name} under parameters",
            lambda text: add_item(text, str(path), point, "parameters", name, item),
        )

    def unused(self) -> Iterator[Finding]:
        contract = self.point.contract
        used = {brace.name for brace in braces(self.text)}
        for output in contract.outputs:
            for template in (output.name, output.type, output.description):
                used.update(template_names(template))
        secret = {parameter.name for parameter in contract.parameters if parameter.secret}
        for name in [*contract.names()]:
            if name in self.declared and name not in used and name not in secret:
                yield catalogue.UNUSED.at(
                    contract.places[f"parameters.{name}"],
                    f"{name} is declared and the command never uses it: its value is ignored",
                    hint=f"add --{name}={{{name}}} to the command, or take the parameter away",
                    length=len(name),
                )

    def secrets(self) -> Iterator[Finding]:
        named = {brace.name for brace in braces(self.text)}
        for parameter in self.point.contract.parameters:
            if parameter.secret and parameter.name in named:
                variable = variable_name(parameter.name)
                yield catalogue.SECRET.at(
                    self.place(_placeholder(parameter.name)),
                    f"the secret {parameter.name} would stand on a command line, which every user can read",
                    hint=f"take {{{parameter.name}}} out of the command, and read {variable} in the script",
                    length=len(parameter.name) + 2,
                )

    def echoed(self) -> Iterator[Finding]:
        seen: dict[str, int] = {}
        for match in _echo_pattern.finditer(self.text):
            name = match["name"]
            number = seen[match[0]] = seen.get(match[0], -1) + 1
            empty = any(each.name == name and each.default in ("", None) for each in self.point.contract.parameters)
            whole = match["before"] is not None and not empty
            yield catalogue.ECHOED.at(
                self.place(re.escape(match["echo"]), number),
                f"bash splits the value of {name} at blanks, and replaces wildcards in it by file names",
                hint=f"write {{{name}}}" + ("" if whole else f" where the value of {name} is one argument"),
                length=len(match["echo"]),
                fix=self.fix(f"write {{{name}}}", _without_echo) if whole else None,
            )


_echo_pattern = re.compile(
    r"(?P<before>(?:(?<=\s)--?[A-Za-z][\w-]*\s+)|(?<=[=:/]))?(?P<echo>\$\(\s*echo\s+\{(?P<name>[A-Za-z_][\w-]*)\}\s*\))"
)


def _without_echo(template: str) -> str:
    return _echo_pattern.sub(
        lambda match: f"{match['before']}{{{match['name']}}}" if match["before"] is not None else match[0], template
    )


def _placeholder(name: str) -> str:
    return rf"\{{{re.escape(name)}\}}"


def _last_quote(template: str) -> str:
    """A pattern of the quote that is most likely the open one: the kind that is odd in number."""
    return next((rf"{quote}(?=[^{quote}]*\Z)" for quote in ("'", '"', "`") if template.count(quote) % 2), r"['\"`]")


def _doubling(written: str) -> Callable[[str], str]:
    def double(template: str) -> str:
        def doubled(match: re.Match[str]) -> str:
            return match[0].replace("{", "{{").replace("}", "}}")

        return re.sub(rf"(?<!\{{){written}(?!\}})", doubled, template)

    return double


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda template: template.replace(old, new)
