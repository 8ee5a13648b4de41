"""A script → a component: MLproject from its command line and its artifacts, an environment file from its imports."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from artifactflow.adopt.adoption import Adoption, Remark
from artifactflow.adopt.artifacts import artifact_parameters, take_artifacts
from artifactflow.adopt.environment import ENVIRONMENT_FILES, environment_text, existing_environment
from artifactflow.adopt.options import Draft, take_options
from artifactflow.adopt.path_uses import read_path_uses
from artifactflow.contract import MAIN, Contract, EnvironmentKind
from artifactflow.errors import Place
from artifactflow.read.mlproject import find_manifest
from artifactflow.read.orchestration.tracking import read_tracking
from artifactflow.read.script import read_script
from artifactflow.read.script.command_line import CommandLine
from artifactflow.read.signature_source import contract_of_script
from artifactflow.read.source import read_source
from artifactflow.write.mlproject import command_for, write_component_text


def adopt_script(script: Path, environment: EnvironmentKind | None = None) -> Adoption:
    """The component that a script makes with its folder.

    An environment file that the folder has is used as it is, unless `environment` asks for one of that kind.
    Raises ContractError for a script that is not Python.
    """
    folder = script.parent
    name = folder.resolve().name
    remarks: list[Remark] = []
    contracts = _contracts(script, remarks)
    texts: dict[str, str] = {}
    kept = existing_environment(folder) if environment is None else None
    if kept is None:
        kind = environment or EnvironmentKind.CONDA
        kept = (kind, ENVIRONMENT_FILES[kind])
        texts[kept[1]], unpinned = environment_text(kind, name, script)
        remarks += unpinned
    else:
        remarks.append(Remark("is used as it is", Place(str(folder / kept[1]))))
    manifest = find_manifest(folder)
    text = write_component_text(name, contracts, kept)
    texts = {manifest.name if manifest else "MLproject": text, **texts}
    return Adoption("component", folder, texts, tuple(_in_order(remarks)))


def _contracts(script: Path, remarks: list[Remark]) -> list[Contract]:
    """A contract for the script, or one for each of its sub-commands."""
    stated = contract_of_script(script)
    if stated is not None:
        return [replace(stated, command=command_for(stated, script.name))]
    line = read_script(script)
    paths, tracking, description = read_path_uses(script), read_tracking(script), _description(script)
    contracts = []
    for above, last in _command_lines(line):
        draft = Draft(["python", _word(script.name)])
        for upper, name in above:
            take_options(upper, draft, paths.options, artifact_parameters(tracking), appended=False)
            draft.words.append(_word(name))
        take_options(last, draft, paths.options, artifact_parameters(tracking))
        take_artifacts(tracking, draft, paths)
        remarks += draft.remarks
        contracts.append(
            Contract(
                entry_point="-".join(name for _, name in above) or MAIN,
                description=description,
                parameters=tuple(draft.parameters),
                inputs=tuple(draft.inputs),
                outputs=tuple(draft.outputs),
                command=" ".join(draft.words),
            )
        )
    return contracts


Above = tuple[tuple[CommandLine, str], ...]
"""The command lines around one, from the outermost, each with the name of the sub-command that is chosen."""


def _command_lines(line: CommandLine, above: Above = ()) -> Iterator[tuple[Above, CommandLine]]:
    if not line.subcommands:
        yield above, line
    for name, below in line.subcommands.items():
        yield from _command_lines(below, (*above, (line, name)))


def _word(text: str) -> str:
    """A word of the script's own for a command, where braces mean placeholders."""
    return shlex.quote(text).replace("{", "{{").replace("}", "}}")


def _description(script: Path) -> str:
    """The first sentence of the script's docstring."""
    text = ast.get_docstring(read_source(script).tree) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _in_order(remarks: Iterable[Remark]) -> list[Remark]:
    """Each remark once, by file and line."""
    return sorted(dict.fromkeys(remarks), key=lambda remark: (remark.place.file, remark.place.line or 0))
