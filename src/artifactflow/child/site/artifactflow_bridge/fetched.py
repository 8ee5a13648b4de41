"""Where the component of a `mlflow.run` lies, fetched where it is elsewhere."""

from __future__ import annotations

import re
from typing import Any

BARE = ("HEAD", "objects", "refs")
"""What a bare repository has in its folder."""


def fetched_folder(address: Any, version: Any, entry_point: Any, parameters: Any) -> str:
    """The component's folder, its entry point and parameters checked, as MLflow does.

    A bare repository on this machine is cloned too; MLflow takes it for a folder, and makes another repository in it.
    Raises MLflow's ExecutionException, with what is missing, for what cannot be fetched.
    """
    import tempfile
    from pathlib import Path

    from mlflow.exceptions import ExecutionException
    from mlflow.projects import utils

    repository, _, subfolder = str(address).strip("'\"").partition("#")
    local = Path(utils._parse_file_uri(repository))
    try:
        if all((local / name).exists() for name in BARE):
            clone = tempfile.mkdtemp()
            utils._fetch_git_repo(local.resolve().as_uri(), version, clone)
            found, version = Path(clone, subfolder), None
            if not found.exists():
                raise ExecutionException(f"the repository {repository} has no folder {subfolder}")
            address = str(found)
        elif ":" not in repository and not local.exists():
            raise ExecutionException(f"there is no component {repository}: {local.absolute()} does not exist")
        return str(Path(utils.fetch_and_validate_project(address, version, entry_point, parameters)).absolute())
    except Exception as error:
        if not _is_of_git(error):
            raise
        raise ExecutionException(_what_is_missing(repository, version, error)) from error


def _is_of_git(error: BaseException | None) -> bool:
    """Whether git has failed, or is not there."""
    while error is not None:
        if type(error).__module__.partition(".")[0] == "git" or getattr(error, "name", None) == "git":
            return True
        error = error.__cause__ or error.__context__
    return False


def _what_is_missing(repository: str, version: Any, error: BaseException) -> str:
    said = [line.partition("fatal: ")[2].strip(" '") for line in str(error).splitlines() if "fatal: " in line]
    at = f" at version {version}" if version else ""
    message = f"the repository {repository}{at} of a component cannot be fetched: {said[0] if said else error}"
    if "://" in repository and not repository.startswith("file:"):
        copy = f"git config --global url./path/to/copy.insteadOf {repository}"
        message = f"{message}; where there is no network, have git take it from a copy: {copy}"
    return re.sub(r"//[^/@\s]*@", "//", message)
