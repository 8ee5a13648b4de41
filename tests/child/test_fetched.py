"""Components that lie in git repositories: fetched as MLflow does, and what is missing is said plainly."""

import re
import subprocess
from pathlib import Path

import pytest

from artifactflow.child.site.artifactflow_bridge.fetched import fetched_folder

pytest.importorskip("git", reason="MLflow fetches repositories by GitPython")

ADDRESS = "http://127.0.0.1:9/acme/components"
"""An address where nobody answers, as GitHub's without a network."""


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A bare repository with a component in a folder; `v1` is a version before the last."""
    work = tmp_path / "work"
    component = work / "components" / "get_data"
    component.mkdir(parents=True)
    (component / "MLproject").write_text("name: get_data\nentry_points: {main: {command: python main.py}}\n")
    (component / "main.py").write_text("first")
    git(work, "init")
    git(work, "add", ".")
    git(work, "commit", "-m", "one")
    git(work, "tag", "v1")
    (component / "main.py").write_text("second")
    git(work, "commit", "-am", "two")
    git(tmp_path, "clone", "--bare", "work", "bare.git")
    return tmp_path / "bare.git"


def text(address: str, version: str | None = None) -> str:
    return Path(fetched_folder(address, version, "main", {}), "main.py").read_text()


def refused(address: str, version: str | None = None) -> str:
    from mlflow.exceptions import ExecutionException

    with pytest.raises(ExecutionException) as caught:
        fetched_folder(address, version, "main", {})
    return str(caught.value)


def test_a_bare_repository_on_this_machine_is_fetched_and_stays_as_it_is(bare):
    before = sorted(bare.iterdir())
    assert text(f"{bare.as_uri()}#components/get_data", "v1") == "first"
    assert text(f"{bare}#components/get_data") == "second"
    assert sorted(bare.iterdir()) == before
    assert "has no folder components/none" in refused(f"{bare.as_uri()}#components/none")
    assert "at version v9 of a component cannot be fetched: couldn't find" in refused(bare.as_uri(), "v9")


def test_an_address_that_git_takes_from_a_copy_needs_no_network(bare, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{bare.as_uri()}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", ADDRESS)
    assert text(f"{ADDRESS}#components/get_data", "main") == "second"
    assert text(f"{ADDRESS}#components/get_data", "v1") == "first"


@pytest.mark.parametrize("version", [None, "main"])
def test_without_a_network_the_error_names_the_repository_and_a_way_out(version, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    config = {"main": {"components_repository": f"{ADDRESS.replace('//', '//me:pass@')}#components"}}
    told = refused(f"{config['main']['components_repository']}/get_data", version)
    assert re.match(rf"the repository {ADDRESS}( at version main)? of a component cannot be fetched: .*127.0.0.1", told)
    assert told.endswith(f"git config --global url./path/to/copy.insteadOf {ADDRESS}")
    assert "pass" not in told


def test_a_folder_that_does_not_exist_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refused("components/get_data") == (
        f"there is no component components/get_data: {tmp_path}/components/get_data does not exist"
    )
