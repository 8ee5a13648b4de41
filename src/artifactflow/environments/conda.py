"""Environments that conda builds, where micromamba, mamba or conda is on the machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from artifactflow.contract import Environment
from artifactflow.environments.build import build_once, facts_of, python_of
from artifactflow.environments.current import OURSELVES
from artifactflow.environments.installed import installed, metadata_names
from artifactflow.environments.interpreters import PLATFORM
from artifactflow.environments.program import run_program
from artifactflow.environments.wanted import wanted
from artifactflow.environments.wheel import running_digest, running_wheel
from artifactflow.errors import MissingToolError, OutsideError

TOOLS: Final = ("micromamba", "mamba", "conda")
DEFAULT_CHANNEL: Final = "conda-forge"
FORMAT: Final = 2


def conda_command() -> Path:
    """The first of micromamba, mamba and conda on PATH. Raises MissingToolError."""
    for name in TOOLS:
        if program := shutil.which(name):
            return Path(program)
    raise MissingToolError(
        "conda is needed to build this environment, and neither micromamba nor mamba nor conda is on PATH",
        hint="install micromamba: https://mamba.readthedocs.io/en/latest/installation/micromamba-installation.html",
    )


def conda_key(environment: Environment) -> str:
    """The name of the folder: everything that the file states. Conda resolves while it builds, so not what it found."""
    own = running_digest() if _asks_for_us(environment) else ""
    return hashlib.sha256(json.dumps([FORMAT, PLATFORM, _statement(environment, own)]).encode()).hexdigest()[:32]


def build_conda(environment: Environment, root: Path) -> Path:
    """The folder of an environment, built by conda where it is not there yet. It stays as it is until it is removed."""
    key = conda_key(environment)
    if facts_of(root / key) is not None:
        return root / key
    command = conda_command()
    own = running_wheel(root / "wheels").absolute().as_uri() if _asks_for_us(environment) else ""
    statement = _statement(environment, own)

    def fill(folder: Path, keep: Sequence[int]) -> None:
        with tempfile.TemporaryDirectory() as aside:
            file = Path(aside, "environment.yml")
            file.write_text(yaml.safe_dump(statement, sort_keys=False), encoding="utf-8")
            verb = ["create", "--yes"] if command.name == "micromamba" else ["env", "create", "--quiet"]
            variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = run_program([command, *verb, "--prefix", folder, "--file", file], environment=variables, keep=keep)
        if done.returncode:
            last = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:])
            raise OutsideError(
                f"{command.name} could not build the environment of {environment.file}: {last}",
                hint=f"see what it says: {command.name} {' '.join(verb)} --prefix DIR --file {environment.file}",
            )
        if not python_of(folder).exists():
            raise MissingToolError(
                f"the environment of {environment.file} has no Python", hint="list python under dependencies:"
            )

    return build_once(root, key, fill, lambda folder: _facts(folder, statement))


def _asks_for_us(environment: Environment) -> bool:
    return wanted(environment, with_conda=True).own_extras is not None


def _statement(environment: Environment, own: str) -> dict[str, Any]:
    """The environment file as conda reads it, whatever its own form; `own` is what artifactflow's name stands for."""
    stated = wanted(environment, with_conda=True)
    pip = [*stated.options, *stated.lines]
    if stated.own_extras is not None:
        extras = f"[{','.join(stated.own_extras)}]" if stated.own_extras else ""
        pip.append(f"{OURSELVES}{extras} @ {own}")
    python = environment.python
    version = "" if not python else f"={python}" if python[:1].isdigit() else python
    dependencies: list[Any] = [f"python{version}", *environment.conda_packages, "pip"]
    if pip:
        dependencies.append({"pip": pip})
    return {"channels": list(environment.channels) or [DEFAULT_CHANNEL], "dependencies": dependencies}


def _facts(folder: Path, statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """The marker's content: every package of Python, and every package of conda with its build."""
    packages: dict[str, str] = {}
    for name, version in _of_conda(folder):
        packages[name] = version
    libraries = sorted(str(path) for path in folder.glob("lib/python3.*/site-packages"))
    for name, found in installed(metadata_names(libraries)).items():
        packages.setdefault(name, found.version)
    python = packages.get("python", "").partition(" ")[0]
    text = json.dumps([statement, packages], sort_keys=True)
    counted = {"python": ".".join(python.split(".")[:2]), "platform": PLATFORM}
    rest = {name: version for name, version in sorted(packages.items()) if name != "python"}
    return {
        "kind": "conda",
        "python": python,
        "lock": hashlib.sha256(text.encode()).hexdigest(),
        "packages": counted | rest,
    }


def _of_conda(folder: Path) -> Iterator[tuple[str, str]]:
    """What conda installed, from the names of its records: `name-version-build.json`."""
    for record in sorted(folder.glob("conda-meta/*.json")):
        name, version, build = record.stem.rsplit("-", 2)
        yield name, f"{version} {build}"
