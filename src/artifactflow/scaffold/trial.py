"""The text of a new component's own test."""

from __future__ import annotations

from typing import Final

from artifactflow.parameters import ParameterType
from artifactflow.scaffold.design import Design
from artifactflow.scaffold.samples import example_value, sample_path
from artifactflow.write.python_text import INDENT, Bracketed, docstring_lines, import_lines, lines_of, literal

_ASSERTIONS: Final = {
    "json": 'json.loads({path}.read_text(encoding="utf-8"))',
    "table": '{path}.read_text(encoding="utf-8")',
    "file": '{path}.read_text(encoding="utf-8")',
    "folder": "list({path}.iterdir())",
}
"""What holds of an output of each format; of the others it is enough that there is something in them."""

_ANY_FILE: Final = "{path}.stat().st_size > 0"


def file_name(component: str) -> str:
    """The test's file: pytest wants another name in each folder of a project.

    >>> file_name("new-step")
    'test_new_step.py'
    """
    return f"test_{component.replace('-', '_')}.py"


def trial_text(design: Design) -> str:
    """A test that runs the script on the samples and looks at what it wrote."""
    contract = design.contract
    imports = ["import subprocess", "import sys", "from pathlib import Path"]
    if any(design.formats[output.key] == "json" for output in contract.outputs):
        imports.append("import json")
    made = [item.name for item in contract.inputs if sample_path(item.name, design.formats[item.name]) is None]
    if made:
        imports += ["import skops.io", "from sklearn.linear_model import LinearRegression"]
    body = [_dumped_model(name) for name in made]
    body += lines_of(Bracketed("options = [", tuple(_options(design)), "]"))
    body.append('subprocess.run([sys.executable, "main.py", *options], cwd=FOLDER, check=True)')
    for output in contract.outputs:
        holds = _ASSERTIONS.get(design.formats[output.key], _ANY_FILE)
        body.append(f"assert {holds.format(path=_path(output.path))}")
    needs_folder = any("tmp_path" in line for line in body)
    name = design.name.replace("-", "_")
    return "\n".join(
        [
            *docstring_lines(f"The component {design.name}, run as a process of its own, as a pipeline runs it."),
            "",
            *import_lines(imports),
            "",
            "FOLDER = Path(__file__).resolve().parent",
            "",
            "",
            f"def test_{name}_does_what_its_contract_says({'tmp_path: Path' if needs_folder else ''}) -> None:",
            *(f"{INDENT}{line}" for line in body),
            "",
        ]
    )


def _options(design: Design) -> list[str]:
    """The options that have to be given, and where to write, as Python source."""
    options = []
    for item in design.contract.inputs:
        sample = sample_path(item.name, design.formats[item.name])
        place = f"FOLDER / '{sample}'" if sample else f"tmp_path / '{item.name}_given.skops'"
        options.append(f'f"--{item.name}={{{place}}}"')
    for parameter in design.contract.parameters:
        if parameter.required:
            value = example_value(parameter)
            is_path = parameter.type is ParameterType.PATH
            options.append(
                f"f\"--{parameter.name}={{FOLDER / '{value}'}}\"" if is_path else literal(f"--{parameter.name}={value}")
            )
    return options + [f"f\"--{output.key}={{tmp_path / '{output.path}'}}\"" for output in design.contract.outputs]


def _dumped_model(name: str) -> str:
    place = f"tmp_path / {literal(f'{name}_given.skops')}"
    return f"skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]), {place})"


def _path(name: str) -> str:
    return f"(tmp_path / {literal(name)})"
