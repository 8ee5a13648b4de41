"""The text of each file of a new component, and the commands that run it."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import PurePath

from artifactflow.contract import Contract, EnvironmentKind
from artifactflow.parameters import Parameter, ParameterType, Required, format_value
from artifactflow.scaffold.design import ENVIRONMENT_FILES, Design
from artifactflow.scaffold.requirements import requirements_of
from artifactflow.scaffold.samples import README, example_value, sample_path, sample_texts
from artifactflow.scaffold.trial import file_name, trial_text
from artifactflow.write.environment import conda_text, python_env_text
from artifactflow.write.mlproject import command_for, write_component_text
from artifactflow.write.script import script_text

SCRIPT = "main.py"

_GIVEN_MODEL = "model.skops"
"""What `artifactflow artifacts get model` writes: the model that `artifactflow train` makes."""


def component_texts(design: Design) -> dict[str, str]:
    """Every file of the component by its path, with its text. Raises ContractError for what no script can state."""
    script = script_text(design.template, design.name, design.contract, design.formats, design.body)
    trial = trial_text(design)
    requirements = requirements_of([script, trial], design.packages)
    environment_file = ENVIRONMENT_FILES[design.environment]
    contract = replace(design.contract, command=command_for(design.contract, SCRIPT))
    return {
        "MLproject": write_component_text(design.name, [contract], (design.environment, environment_file)),
        environment_file: environment_text(design.environment, design.name, design.python, requirements),
        SCRIPT: script,
        file_name(design.name): trial,
        **sample_texts(design.contract, dict(design.formats)),
        README: readme_text(design),
    }


def environment_text(kind: EnvironmentKind, name: str, python: str, requirements: tuple[str, ...]) -> str:
    """The text of the environment file of this kind."""
    if kind is EnvironmentKind.PYTHON:
        return python_env_text(python, requirements)
    return conda_text(name, python, requirements)


def component_commands(design: Design, folder: PurePath) -> list[str]:
    """The commands that run and test the component in `folder`, from where that path is relative to.

    A model is no file to be shipped: the commands begin with training one where an input is a model.
    """
    given = " ".join(f"-P {shlex.quote(f'{name}={value}')}" for name, value in _given(design, folder).items())
    place = shlex.quote(str(folder))
    commands = []
    if any(sample_path(item.name, design.formats[item.name]) is None for item in design.contract.inputs):
        commands += ["artifactflow train", "artifactflow artifacts get model"]
    return [
        *commands,
        f"artifactflow run-pipeline {place} {given}".rstrip(),
        f"mlflow run {place} --env-manager local {given}".rstrip(),
        f"pytest {place}",
    ]


def _given(design: Design, folder: PurePath) -> dict[str, str]:
    """What has to be given by the caller, with something to try."""
    given = {}
    for item in design.contract.inputs:
        sample = sample_path(item.name, design.formats[item.name])
        given[item.name] = str(folder / sample) if sample else _GIVEN_MODEL
    for parameter in design.contract.parameters:
        if parameter.required:
            value = example_value(parameter)
            given[parameter.name] = str(folder / value) if parameter.type is ParameterType.PATH else value
    return given


def readme_text(design: Design) -> str:
    """What the component does, takes and makes, and how to run it, for whoever finds its folder."""
    contract = design.contract
    environment_file = ENVIRONMENT_FILES[design.environment]
    sections = [
        f"# {design.name}\n\n{contract.description}",
        f"From the folder that holds `{design.name}`:\n\n"
        + code_block(component_commands(design, PurePath(design.name))),
    ]
    for heading, rows in _tables(design).items():
        if rows:
            sections.append(markdown_table(heading, rows))
    sections.append(
        f"`{SCRIPT}` does the work, `MLproject` states what it takes and makes, `{environment_file}` what has to be "
        f"installed. Change them together: `artifactflow check {design.name}` finds where they disagree."
    )
    return "\n\n".join(sections) + "\n"


def _tables(design: Design) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    contract: Contract = design.contract
    return {
        ("input", "type", "sample"): [
            (_code(item.name), item.type, _code(sample) if sample else "any model")
            for item in contract.inputs
            for sample in [sample_path(item.name, design.formats[item.name])]
        ],
        ("parameter", "takes", "default", "what"): [
            (_code(parameter.name), parameter.expects(), _default(parameter), parameter.description)
            for parameter in contract.parameters
        ],
        ("output", "artifact", "type", "file", "what"): [
            (_code(output.key), _code(output.name), output.type, _code(output.path), output.description)
            for output in contract.outputs
        ],
    }


def _default(parameter: Parameter) -> str:
    return "required" if isinstance(parameter.default, Required) else _code(format_value(parameter.default))


def _code(text: str) -> str:
    """Text as code in Markdown, which has no word for an empty one."""
    fence = "``" if "`" in text else "`"
    space = " " if fence == "``" else ""
    return f"{fence}{space}{text}{space}{fence}" if text.strip() else "(empty)"


def code_block(commands: list[str]) -> str:
    """Commands as a block of Markdown."""
    return "\n".join(["```bash", *commands, "```"])


def markdown_table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown; columns in which no row says anything are left out."""
    kept = [column for column in range(len(heading)) if any(row[column] for row in rows)]
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join("| " + " | ".join(line[column].replace("|", "\\|") for column in kept) + " |" for line in lines)
