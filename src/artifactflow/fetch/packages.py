"""Files that ship inside installed packages, found without importing the package."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

from artifactflow.errors import MissingToolError, NotFoundError, UsageError, near_matches

PACKAGE_PREFIX = "pkg:"


def package_file(address: str) -> Path:
    """The file that `pkg:package/path` names; the package may be dotted, as in `pkg:sklearn.datasets.data/iris.csv`.

    Only the top package is looked up, which runs none of its code: importing scikit-learn for one of its files
    would take a second. Raises UsageError where the address is malformed or leaves the package, MissingToolError
    where the package is not installed, and NotFoundError where it has no such file.
    """
    package, _, path = address.removeprefix(PACKAGE_PREFIX).partition("/")
    names = package.split(".")
    if not path or not all(name.isidentifier() for name in names) or path.startswith("/") or ".." in path.split("/"):
        raise UsageError(f"{address!r} does not name a file in a package", hint="write pkg:package/path/of/file.csv")
    roots = _roots(names[0])
    if not roots:
        raise MissingToolError(
            f"{address} is in the package {names[0]!r}, which is not installed as a folder",
            hint=f"install it into this environment: pip install {names[0]}",
        )
    for root in roots:
        # Links are followed: some installers make nothing else, and what is installed is trusted with far more.
        file = root.joinpath(*names[1:], path)
        if file.is_file():
            return file
    folder = roots[0].joinpath(*names[1:], path).parent
    siblings = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    raise NotFoundError(
        f"the package {names[0]!r} has no file {'/'.join([*names[1:], path])}",
        hint=near_matches(Path(path).name, siblings),
    )


def _roots(top: str) -> list[Path]:
    """The folders of a top-level package, none where it is not there or is a single module."""
    try:
        spec: importlib.machinery.ModuleSpec | None = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
