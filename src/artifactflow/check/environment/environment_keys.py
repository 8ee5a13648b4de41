"""Rules about the manifest's word for its environment: which key, which file, and whether the two agree."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from artifactflow.check.findings import Finding, Fix, Rule, Severity
from artifactflow.check.manifest.manifest_fixes import mend, replace_key, replace_value
from artifactflow.check.subjects import ComponentSubject
from artifactflow.contract import EnvironmentKind
from artifactflow.errors import ArtifactflowError, Place
from artifactflow.read.mlproject import ENVIRONMENT_KEYS
from artifactflow.read.paths import is_file
from artifactflow.read.yaml import read_yaml_file
from artifactflow.read.yaml_node import Node

MISSING_FILE = Rule(
    "M010",
    "environment-file-missing",
    Severity.ERROR,
    "The environment file that the manifest names does not exist.",
    """MLflow and artifactflow stop before the command is started.

Wrong:  conda_env: conda.yml       # the file is called conda.yaml
Right:  conda_env: conda.yaml""",
)
EMPTY_FILE = Rule(
    "M011",
    "environment-file-empty",
    Severity.ERROR,
    "The environment file says nothing.",
    """An environment cannot be built of an empty file. Without packages, leave the key out of the manifest.

Right:  python: "3.11"
        dependencies:
          - pandas==2.3.1""",
)
OTHER_KIND = Rule(
    "M012",
    "environment-of-another-kind",
    Severity.ERROR,
    "The environment file is of another kind than its key says.",
    """A conda environment lists `channels` and `dependencies` with `python=3.11` and a `pip:` section; a python_env has
`python`, `build_dependencies` and `dependencies` for pip; a requirements file has no key in MLproject.

Wrong:  conda_env: python_env.yaml
Right:  python_env: python_env.yaml""",
)
TWO_KEYS = Rule(
    "M013",
    "two-environments",
    Severity.ERROR,
    "The manifest names more than one environment.",
    """MLflow refuses it.

Wrong:  conda_env: conda.yaml
        python_env: python_env.yaml
Right:  python_env: python_env.yaml""",
)
NO_ENVIRONMENT = Rule(
    "M014",
    "no-environment",
    Severity.INFO,
    "The component states no environment.",
    """It runs with what happens to be installed, and nobody can build its environment again.

Right:  python_env: python_env.yaml""",
)
DOCKER = Rule(
    "M015",
    "docker-environment",
    Severity.INFO,
    "The environment is a Docker image, which artifactflow does not build.",
    "Plain `mlflow run` starts the image; artifactflow runs the command in the current environment.",
)

RULES: Final = (MISSING_FILE, EMPTY_FILE, OTHER_KIND, TWO_KEYS, NO_ENVIRONMENT, DOCKER)

KEYS: Final = {kind: key for key, kind in ENVIRONMENT_KEYS.items() if kind is not None}
_CALLED: Final = {
    EnvironmentKind.CONDA: "a conda environment",
    EnvironmentKind.PYTHON: "a python_env",
    EnvironmentKind.REQUIREMENTS: "a list of requirements",
}
_words = re.compile(r"(conda|python|docker|virtual)?_?env(iron?ment|iroment|s|ironments)?(_?file)?|conda(_?file)?")


_conda_line = re.compile(r"^(channels|prefix)\s*:|^\s*-\s*(pip\s*:|['\"]?python\s*[=<>])", re.MULTILINE)
_python_line = re.compile(r"^(python|build_dependencies)\s*:", re.MULTILINE)


def check_environment_keys(component: ComponentSubject, root: Node) -> Iterator[Finding]:
    """What is wrong with the keys that name an environment, and with the file that is named."""
    stated = [key for key in ENVIRONMENT_KEYS if key in root.items]
    if len(stated) > 1:
        place = max(root.key_place(key) for key in stated)
        message = f"a manifest names one environment, this one has {' and '.join(stated)}: MLflow refuses it"
        yield TWO_KEYS.at(place, message, hint="keep one of the keys", length=_length(root, place))
    for key in stated:
        kind, node = ENVIRONMENT_KEYS[key], root.items[key]
        if kind is not None and isinstance(node.value, str) and node.value:
            yield from _check_file(component, key, kind, node)
    if "docker_env" in stated:
        message = "artifactflow builds no images: the command runs in the current environment here"
        yield DOCKER.at(root.key_place("docker_env"), message, length=len("docker_env"))
    file = component.environment_file
    if file is not None and component.environment_entries is None and _is_empty(file.path):
        place = Place(str(file.path), 1, 1)
        yield EMPTY_FILE.at(place, "the environment file is empty", hint="list its packages below 'dependencies:'")
    if not stated and file is None and not _means_one(component, root):
        listed = " -r requirements.txt" if (component.folder / "requirements.txt").is_file() else " the packages"
        yield NO_ENVIRONMENT.at(
            root.place,
            "the manifest names no environment: the command runs with what happens to be installed",
            hint=f"write python_env: python_env.yaml, and list{listed} there below 'dependencies:'",
        )


def environment_key_for(component: ComponentSubject, key: str, value: Any) -> str | None:
    """The key that `Environment: conda.yaml` and the like stand for, by the key's words and the file's kind."""
    if isinstance(value, dict) and "image" in value:
        return "docker_env" if _nearly(key, "docker_env") else None
    if not isinstance(value, str) or not value.lower().endswith((".yaml", ".yml")):
        return None
    kind = kind_of(component.folder / value)
    if _words.fullmatch(key) and kind in KEYS:
        return KEYS[kind]
    near = [name for name in KEYS.values() if _nearly(key, name)]
    return near[0] if len(near) == 1 else None


def _nearly(key: str, name: str) -> bool:
    return difflib.SequenceMatcher(None, key, name).ratio() >= 0.72


def kind_of(path: Path) -> EnvironmentKind | None:
    """What kind of environment file this is, by its lines; None where they do not tell."""
    if re.fullmatch(r".*requirements.*\.(txt|in)", path.name.lower()):
        return EnvironmentKind.REQUIREMENTS
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    conda, python = _conda_line.search(text) is not None, _python_line.search(text) is not None
    if conda == python:
        return None
    return EnvironmentKind.CONDA if conda else EnvironmentKind.PYTHON


def _check_file(component: ComponentSubject, key: str, kind: EnvironmentKind, node: Node) -> Iterator[Finding]:
    path = component.folder / node.value
    length = len(node.text or "")
    if not is_file(path):
        near = _nearest(component.folder, path, kind)
        yield MISSING_FILE.at(
            node.place,
            f"there is no file {node.value} in the component",
            hint=f"write {near}" if near else "write the file, or correct its name here",
            length=length,
            fix=mend(component, f"{node.value} → {near}", replace_value([key], near)) if near else None,
        )
        return
    found = kind_of(path)
    if found is None or found is kind:
        return
    fix: Fix | None = None
    hint = "list it in a python_env.yaml, below 'dependencies:', as -r " + path.name
    if found in KEYS:
        hint = f"write {KEYS[found]}: {node.value}"
        fix = mend(component, f"{key} → {KEYS[found]}", replace_key([key], KEYS[found]))
    message = f"{key} takes {_CALLED[kind]}, {node.value} is {_CALLED[found]}"
    yield OTHER_KIND.at(node.place, message, hint=hint, length=length, fix=fix)


def _nearest(folder: Path, missing: Path, kind: EnvironmentKind) -> str | None:
    """The one file of the folder that is of this kind and has nearly this name."""
    names = [file.name for file in sorted(folder.iterdir()) if file.suffix in (".yaml", ".yml") and file.is_file()]
    near = difflib.get_close_matches(missing.name, names, n=3, cutoff=0.8) if missing.parent == folder else []
    fitting = [name for name in near if kind_of(folder / name) is kind]
    return fitting[0] if len(fitting) == 1 else None


def _is_empty(path: Path) -> bool:
    try:
        return read_yaml_file(path).value is None
    except ArtifactflowError:
        return False  # it does not exist, or is no YAML


def _means_one(component: ComponentSubject, root: Node) -> bool:
    """Whether an unknown key means an environment: that is said of the key."""
    return any(environment_key_for(component, key.lower(), node.value) for key, node in root.items.items())


def _length(root: Node, place: Place) -> int:
    return next((len(key) for key, known in root.key_places.items() if known == place), 1)
