"""Rules about the program that a command starts, and where."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from artifactflow.check.command import command_catalogue as catalogue
from artifactflow.check.findings import Finding, Fix
from artifactflow.check.subjects import ComponentSubject, EntryPointSubject
from artifactflow.errors import Place
from artifactflow.read.paths import exists, is_file

MakeFix = Callable[[str, Callable[[str], str]], Fix]
"""From a summary and an edit of the command to a mend of the manifest."""

_RUNNERS: Final[Mapping[str, str]] = {".py": "python", ".sh": "bash", ".R": "Rscript"}


def check_program(
    component: ComponentSubject, point: EntryPointSubject, place_of: Callable[[str], Place], fix: MakeFix
) -> Iterator[Finding]:
    """What is wrong with the program. `place_of` finds a pattern in the command, `fix` makes a mend of it."""
    command = point.command
    if command is None:
        return
    moved = re.match(r"\s*(?:pushd|cd)\s+(?P<folder>[^\s;&|]+)", command.text)
    if moved and command.shell and moved["folder"] not in (".", "./"):
        yield catalogue.CHANGED_FOLDER.at(
            place_of(r"\b(cd|pushd)\b"),
            f"the command leaves the component's folder for {moved['folder']}",
            hint=f"run the script from here: python {moved['folder'].rstrip('/')}/SCRIPT",
            length=2,
        )
    if not command.words or not command.program:
        return
    program = command.program
    start = place_of(re.escape(program))
    if re.fullmatch(r"python[23]?(\.\d+)*", program.rpartition("/")[2]) and program not in ("python", "python3"):
        yield catalogue.INTERPRETER.at(
            start,
            f"the command runs {program}, whatever Python its environment has",
            hint="write python, and the version in the environment file",
            length=len(program),
        )
        return
    rest = [word.literal for word in command.words[1:]]
    yield from _bare_name(component, program, start, fix)
    yield from _missing_file(component, program, rest, place_of)


def _bare_name(component: ComponentSubject, program: str, start: Place, fix: MakeFix) -> Iterator[Finding]:
    runner = next((runner for ending, runner in _RUNNERS.items() if program.endswith(ending)), None)
    if runner is None or "/" in program or not is_file(component.folder / program):
        return
    yield catalogue.MISSING_PROGRAM.at(
        start,
        f"bash looks for {program} in PATH, not in the component's folder",
        hint=f"write {runner} {program}",
        length=len(program),
        fix=fix(f"run {program} by {runner}", partial(_prefixed, program=program, runner=runner)),
    )


def _missing_file(
    component: ComponentSubject, program: str, rest: list[str | None], place_of: Callable[[str], Place]
) -> Iterator[Finding]:
    file = program if "/" in program else None
    if program in ("bash", "sh", "Rscript") and rest and rest[0] and not rest[0].startswith("-"):
        file = rest[0]
    if file and not exists(component.folder / file):
        yield catalogue.MISSING_PROGRAM.at(
            place_of(re.escape(shlex.quote(file))),
            f"the command starts {file}, which does not exist in {component.folder}",
            hint="write the file, or correct its name here",
            length=len(file),
        )


def _prefixed(template: str, program: str, runner: str) -> str:
    return re.sub(rf"(?<![\w./-]){re.escape(program)}", f"{runner} {program}", template, count=1)
