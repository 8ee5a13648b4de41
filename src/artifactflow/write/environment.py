"""The text of an environment file, as conda, uv and MLflow read it."""

from __future__ import annotations

from collections.abc import Iterable

import yaml


class _IndentedDumper(yaml.SafeDumper):
    """Indents the items of a list below their key, as people write environment files."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # PyYAML asks for no indentation for block lists only, and there it is refused.
        super().increase_indent(flow, indentless and flow)


def conda_text(name: str, python: str, requirements: Iterable[str], channels: Iterable[str] = ("conda-forge",)) -> str:
    """The text of a conda.yaml: Python from conda, everything else from pip.

    `python` is a version (`3.11`), a condition (`>=3.11`), or empty for whatever there is.

    >>> print(conda_text("clean", "3.11", ["pandas>=2.2"]), end="")
    name: clean
    channels:
      - conda-forge
    dependencies:
      - python=3.11
      - pip
      - pip:
          - pandas>=2.2
    """
    dependencies: list[object] = []
    if python:
        dependencies.append(f"python={python}" if python[0].isdigit() else f"python{python}")
    dependencies.append("pip")
    if listed := list(requirements):
        dependencies.append({"pip": listed})
    return _dump({"name": name, "channels": list(channels), "dependencies": dependencies})


def python_env_text(python: str, requirements: Iterable[str]) -> str:
    """The text of a python_env.yaml, MLflow's own form. The version is quoted: 3.10 would be the number 3.1.

    >>> print(python_env_text("3.10", ["pandas>=2.2"]), end="")
    python: '3.10'
    dependencies:
      - pandas>=2.2
    """
    content = {"python": python, "dependencies": list(requirements)}
    return _dump({key: value for key, value in content.items() if value})


def _dump(content: dict[str, object]) -> str:
    return yaml.dump(content, Dumper=_IndentedDumper, sort_keys=False, allow_unicode=True, width=float("inf"))
