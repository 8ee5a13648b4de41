"""The files of a new project: a pipeline of one component, made to be added to."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Final

from artifactflow.contract import Contract, EnvironmentKind
from artifactflow.parameters import REQUIRED, Parameter, Required
from artifactflow.pipeline import Interpolation, ParameterName, Pipeline, Step
from artifactflow.scaffold.component import code_block, component_texts, environment_text
from artifactflow.scaffold.design import ENVIRONMENT_FILES, Design
from artifactflow.scaffold.requirements import OURSELVES, requirements_of
from artifactflow.write.mlproject import write_component_text
from artifactflow.write.pipeline import write_pipeline_text
from artifactflow.write.yaml import format_scalar, format_text

COMPONENTS: Final = "components"
CONFIG: Final = "config.yaml"
PIPELINE: Final = "pipeline.yaml"

_GITIGNORE: Final = """\
# artifacts and runs: what the pipeline makes is made again
.artifactflow/
mlruns/
mlflow.db*
wandb/

__pycache__/
.pytest_cache/
.venv/
"""

_WORKFLOW: Final = """\
# Checks the components against their contracts, tests them, and runs the pipeline.
name: pipeline
on: [push, pull_request]
permissions:
  contents: read
jobs:
  pipeline:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "{python}"
      - run: {install}
      # The store is kept from one run to the next, so that only what has changed is run again.
      - uses: actions/cache@v4
        with:
          path: .artifactflow
          key: artifactflow-${{{{ github.run_id }}}}-${{{{ github.run_attempt }}}}
          restore-keys: artifactflow-
      - run: artifactflow check
      - run: pytest {components}
      - run: artifactflow run-pipeline
"""


def project_texts(name: str, component: Design, description: str = "") -> dict[str, str]:
    """Every file of a project called `name` with this component as its only step, by path, with its text.

    The step's parameters are the pipeline's, and their defaults stand in the config file. `mlflow run` of the project
    runs the pipeline.
    """
    folder = f"{COMPONENTS}/{component.name}"
    own = component_texts(component)
    scripts = [text for file, text in own.items() if file.endswith(".py")]
    requirements = requirements_of(scripts, (*component.packages, OURSELVES))
    environment_file = ENVIRONMENT_FILES[component.environment]
    installed = " ".join(map(shlex.quote, (*requirements, "pytest")))
    return {
        PIPELINE: _pipeline_text(name, component, folder),
        CONFIG: _config_text(component.contract.parameters),
        "MLproject": _manifest_text(name, component.environment, environment_file),
        environment_file: environment_text(component.environment, name, component.python, requirements),
        **{f"{folder}/{file}": text for file, text in own.items()},
        "README.md": _readme_text(name, component, description),
        ".gitignore": _GITIGNORE,
        ".github/workflows/pipeline.yml": _WORKFLOW.format(
            python=component.python,
            install=format_text(f"pip install {installed}", flow=False),
            components=COMPONENTS,
        ),
    }


def project_commands(folder: PurePath) -> list[str]:
    """The commands that run, test and check the project in `folder`, from where that path is relative to."""
    place = shlex.quote(str(folder))
    return [
        f"artifactflow run-pipeline {place}",
        f"mlflow run {place} --env-manager local",
        f"pytest {place}",
        f"artifactflow check {place}",
    ]


def _pipeline_text(name: str, component: Design, folder: str) -> str:
    parameters = component.contract.parameters
    (first, *_) = component.contract.outputs
    step = Step(
        name=component.name,
        component=folder,
        bindings={each.name: Interpolation((ParameterName(each.name),)) for each in parameters},
    )
    pipeline = Pipeline(
        name=name,
        folder=Path(),
        steps=(step,),
        # Their values are in the config file, and a second default here would only disagree with it one day.
        parameters=tuple(replace(each, default=REQUIRED) for each in parameters),
        track=("mlflow",),
    )
    return write_pipeline_text(
        pipeline,
        config=CONFIG,
        heading=[f"The steps of {name}, each a component, and what goes from one to the next."],
        comments={
            component.name: [
                f"What it makes goes to another step as ${{{component.name}.{first.key}}}. A component for that:",
                f"artifactflow scaffold NAME --into {COMPONENTS} --input {first.key}:{first.type}",
            ]
        },
    )


def _config_text(parameters: tuple[Parameter, ...]) -> str:
    values = ((each.name, each.default) for each in parameters if not isinstance(each.default, Required))
    lines = (f"{name}: {format_scalar(value)}" for name, value in values if value is not None)
    return "\n".join(["# The values of the pipeline's parameters; `-P name=value` goes before them.", *lines, ""])


def _manifest_text(name: str, kind: EnvironmentKind, environment_file: str) -> str:
    contract = Contract(
        description="Run the whole pipeline.",
        parameters=(Parameter("config", default=CONFIG, description="The values of the parameters"),),
        command=f"python -m artifactflow run-pipeline {PIPELINE} --config={{config}}",
    )
    return write_component_text(name, [contract], (kind, environment_file))


def _readme_text(name: str, component: Design, description: str) -> str:
    return "\n\n".join(
        [
            f"# {name}\n\n{description or 'A pipeline of components with contracts.'}",
            f"From the folder that holds `{name}`:\n\n{code_block(project_commands(PurePath(name)))}",
            f"`{PIPELINE}` has the steps, `{CONFIG}` the values of their parameters, `{COMPONENTS}/` a folder for each "
            f"component. `{COMPONENTS}/{component.name}` is the first of them, an example to replace.",
            f"Add a component, then name it in `{PIPELINE}`:\n\n"
            + code_block([f"artifactflow scaffold new-step --into {name}/{COMPONENTS}"]),
            "What a step makes is kept in `.artifactflow/`: `artifactflow artifacts ls` lists it, and a second run "
            "reuses what has not changed.\n",
        ]
    )
