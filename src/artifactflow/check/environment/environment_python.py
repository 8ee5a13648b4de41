"""How an environment file states Python, and what MLflow's environment managers make of it.

conda reads everything. virtualenv and uv, as MLflow starts them, get one version: of a conda.yaml what stands behind
`python` and one operator, of a python_env.yaml the text of `python:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.text_fixes import replacement
from artifactflow.contract import EnvironmentKind
from artifactflow.errors import Place
from artifactflow.read.mlproject import EnvironmentFile
from artifactflow.read.requirement import Entry, EntryRole

PYTHON_UNPINNED = Rule(
    "E410",
    "python-unpinned",
    Severity.INFO,
    "The environment does not say one version of Python.",
    "conda installs the newest Python that fits, virtualenv and uv as MLflow starts them take the running one where "
    "none is stated and exactly 3.11 for `python>=3.11`: the same file gives different environments.\n"
    "  wrong:  - python>=3.11\n"
    "  right:  - python=3.11",
)
PYTHON_NOT_READ = Rule(
    "E411",
    "python-not-read",
    Severity.WARNING,
    "MLflow's virtualenv and uv cannot read how Python is stated.",
    "Of a conda.yaml they understand `python=3.11` and nothing longer. A bare `python`, `<`, `>` and `!=` stop the "
    "run; conditions with two parts, a star or a build are passed over, and the running Python is used instead.\n"
    "  wrong:  - python>=3.8,<3.12\n"
    "  right:  - python=3.11",
)
PYTHON_NOT_TEXT = Rule(
    "E412",
    "python-not-text",
    Severity.ERROR,
    "The version of Python is a number to YAML.",
    "YAML reads 3.10 as 3.1, and MLflow stops with a TypeError for every number.\n"
    "  wrong:  python: 3.10\n"
    '  right:  python: "3.10"',
)

RULES = (PYTHON_UNPINNED, PYTHON_NOT_READ, PYTHON_NOT_TEXT)

_conda_python = re.compile(r"python(?P<operator><=|>=|==|!=|<|>|=)?(?P<version>[\d.]+)?")
_one_version = re.compile(r"\d+(\.\d+)*")


def check_python(file: EnvironmentFile, entries: Sequence[Entry]) -> Iterator[Finding]:
    """What is wrong with the statement of Python in an environment file of either kind."""
    entry = next((entry for entry in entries if entry.role is EntryRole.PYTHON), None)
    if entry is None:
        yield PYTHON_UNPINNED.at(
            Place(str(file.path), 1, 1),
            "no version of Python is stated: conda takes its newest, virtualenv and uv the running one",
            hint="state one: " + ("- python=3.11" if file.kind is EnvironmentKind.CONDA else 'python: "3.11"'),
        )
    elif file.kind is EnvironmentKind.CONDA:
        yield from _check_conda(entry)
    else:
        yield from _check_python_env(entry, file)


def _check_conda(entry: Entry) -> Iterator[Finding]:
    match = _conda_python.fullmatch(entry.text)
    length = len(entry.text)
    version = _version_in(entry.text)
    hint = f"write one version: python={version}"
    if match is None or (match["operator"] and not match["version"]):
        yield PYTHON_NOT_READ.at(
            entry.place,
            f"virtualenv and uv pass over {entry.text!r} and take the running Python",
            hint=hint,
            length=length,
        )
    elif match["operator"] in (None, "<", ">", "!="):
        yield PYTHON_NOT_READ.at(
            entry.place,
            f"virtualenv and uv stop at {entry.text!r}, they read =, ==, >= or <= and a version",
            hint=hint,
            length=length,
        )
    elif match["operator"] in ("<=", ">="):
        yield PYTHON_UNPINNED.at(
            entry.place,
            f"{entry.text} is exactly {match['version']} to virtualenv and uv, and to conda the newest that fits",
            hint=hint,
            length=length,
        )


def _check_python_env(entry: Entry, file: EnvironmentFile) -> Iterator[Finding]:
    if entry.problem:
        quoted = f'"{entry.text}"'
        fix = Fix(file.path, f"put {entry.text} in quotes", change=replacement(entry.place, entry.text, quoted))
        yield PYTHON_NOT_TEXT.at(
            entry.place, entry.problem, hint=f"write python: {quoted}", length=len(entry.text), fix=fix
        )
    elif not _one_version.fullmatch(entry.text):
        yield PYTHON_NOT_READ.at(
            entry.place,
            f"virtualenv takes one version of Python, got {entry.text!r}",
            hint=f'write python: "{_version_in(entry.text)}"',
            length=len(entry.text),
        )


def _version_in(text: str) -> str:
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found[0] if found else "3.11"
