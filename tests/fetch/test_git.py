"""Pipelines by git address: exactly one commit, and never the user's own files."""

import subprocess
from pathlib import Path

import pytest

from artifactflow.errors import NotFoundError, OutsideError, UsageError
from artifactflow.fetch.git import check_out, is_git_address, parse_git_address, working_state


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "sub").mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "sub" / "pipeline.yaml").write_text("first")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    git(folder, "tag", "v1")
    (folder / "sub" / "pipeline.yaml").write_text("second")
    git(folder, "commit", "--quiet", "-am", "second")
    return folder


@pytest.mark.parametrize(("ref", "text"), [("", "second"), ("@main", "second"), ("@v1", "first")])
def test_a_ref_names_the_commit_that_is_written_out(repository, tmp_path, ref, text):
    checkout = check_out(parse_git_address(f"{repository}#sub{ref}"), tmp_path / "cache")
    assert (checkout.path / "pipeline.yaml").read_text() == text
    assert checkout.commit == git(repository, "rev-parse", ref[1:] or "HEAD")


def test_a_commit_is_written_out_once_and_needs_no_repository_any_more(repository, tmp_path):
    commit = git(repository, "rev-parse", "v1")
    address = parse_git_address(f"{repository}#sub@{commit}")
    first = check_out(address, tmp_path / "cache")
    repository.rename(tmp_path / "gone")
    assert check_out(address, tmp_path / "cache") == first


def test_changes_that_are_not_committed_stay_out(repository, tmp_path):
    (repository / "sub" / "pipeline.yaml").write_text("dirty")
    checkout = check_out(parse_git_address(f"{repository}#sub"), tmp_path / "cache")
    assert (checkout.path / "pipeline.yaml").read_text() == "second"
    assert working_state(repository) == {"commit": checkout.commit, "dirty": True}


def test_only_what_differs_in_the_folder_itself_makes_it_dirty(repository):
    (repository / "beside.txt").write_text("not in sub")
    assert working_state(repository / "sub") == {"commit": git(repository, "rev-parse", "HEAD"), "dirty": False}


def test_outside_git_and_before_the_first_commit_there_is_no_state(tmp_path):
    assert working_state(tmp_path) == {}
    git(tmp_path, "init", "--quiet")
    assert working_state(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    ["-u#x", "ext::sh -c id#x", "ftp://host/repo.git", "https://host/r.git#../x", "https://host/r.git#/etc",
     "https://host/r.git#sub@--upload-pack=id"],
)  # fmt: skip
def test_addresses_that_could_run_something_are_refused(text):
    assert is_git_address(text) or text.startswith("-")
    with pytest.raises(UsageError):
        parse_git_address(text)


def test_a_ref_or_folder_that_does_not_exist_is_said(repository, tmp_path):
    with pytest.raises(NotFoundError, match="no branch, tag or commit 'v9'"):
        check_out(parse_git_address(f"{repository}#@v9"), tmp_path / "cache")
    with pytest.raises(NotFoundError, match="'nowhere' is not in"):
        check_out(parse_git_address(f"{repository}#nowhere"), tmp_path / "cache")


def test_a_repository_that_cannot_be_reached_is_said_without_its_credentials(tmp_path):
    address = parse_git_address("https://me:word@127.0.0.1:9/x.git#sub@main")
    with pytest.raises(OutsideError) as caught:
        check_out(address, tmp_path / "cache")
    assert "word" not in str(caught.value)
