"""Pipelines in git: an address and a ref become a clean checkout of exactly one commit.

The user's own working copies are never touched: a bare copy of the repository is kept in a folder of ours, and each
commit that is asked for is written out once, beside it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from artifactflow.errors import MissingToolError, NotFoundError, OutsideError, UsageError
from artifactflow.fetch.addresses import WEB_SCHEMES, masked_address, masked_message, scheme_of

ALLOWED_PROTOCOLS = ("https", "ssh", "file", "git", "http")
FETCH_SECONDS = 600

_scp_like = re.compile(r"[A-Za-z0-9][\w.-]*@[\w.-]+:[^:]")
_commit = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class GitAddress:
    """`https://host/org/repo.git#sub/dir@ref`: a repository, a folder in it, and a branch, tag or commit."""

    repository: str
    folder: str = ""
    ref: str = "HEAD"

    def __str__(self) -> str:
        return f"{masked_address(self.repository)}#{self.folder}@{self.ref}"


def is_git_address(text: str) -> bool:
    """Whether `text` means a repository rather than a path: a URL, `user@host:path`, or a repository with `#`.

    >>> is_git_address("https://host/org/repo.git"), is_git_address("examples/iris"), is_git_address("repo#sub@main")
    (True, False, True)
    """
    return bool(scheme_of(text) or _scp_like.match(text) or "::" in text or "#" in text)


def parse_git_address(text: str) -> GitAddress:
    """Read an address. Raises UsageError for transports and names that could run something else than a fetch."""
    repository, _, fragment = text.partition("#")
    folder, _, ref = fragment.partition("@")
    scheme = scheme_of(repository)
    if repository.startswith("-") or ref.startswith("-") or "::" in repository:
        raise UsageError(
            f"{masked_address(text)!r} is no address of a repository that is fetched from here",
            hint="use https://, ssh://, user@host:path or a local repository",
        )
    if scheme and scheme not in ALLOWED_PROTOCOLS:
        raise UsageError(
            f"git is not asked by {scheme}://, expected one of {', '.join(ALLOWED_PROTOCOLS)}",
            hint="clone the repository yourself and give its folder",
        )
    if Path(folder).is_absolute() or ".." in Path(folder).parts:
        raise UsageError(f"the folder {folder!r} must lie inside the repository")
    if not scheme and not _scp_like.match(repository):
        try:
            path = Path(repository).expanduser().resolve()
            found = path.is_dir()
        except (OSError, RuntimeError, ValueError):  # too long, with a NUL, or in the home of nobody
            path, found = Path(repository), False
        if not found:
            raise NotFoundError(f"there is no repository {path}", hint="give the folder of a git repository, or a URL")
        repository = str(path)
    return GitAddress(repository, folder.strip("/"), ref or "HEAD")


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit written out: `path` is the folder that was asked for in it."""

    path: Path
    commit: str
    address: GitAddress


def check_out(address: GitAddress, cache: Path) -> Checkout:
    """The files of the commit that `address` names now, below `cache`.

    Raises MissingToolError without git, OutsideError where the repository cannot be reached, NotFoundError where it has
    no such ref or folder.
    """
    bare = cache / "repositories" / hashlib.sha256(address.repository.encode()).hexdigest()[:20]
    commit = _fetched_commit(address, bare)
    root = cache / "checkouts" / commit
    if not root.exists():
        _write_out(bare, commit, root)
    path = root / address.folder
    if not path.exists():
        raise NotFoundError(f"{address.folder!r} is not in {masked_address(address.repository)} at {commit[:12]}")
    return Checkout(path, commit, address)


def _fetched_commit(address: GitAddress, bare: Path) -> str:
    if not bare.exists():
        bare.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=bare.parent, prefix=".clone-") as aside:
            _git(["init", "--quiet", "--bare", f"{aside}/bare"])
            Path(aside, "bare").rename(bare)
    if _commit.match(address.ref) and _has(bare, address.ref):
        return address.ref  # a commit never changes, so nobody has to be asked
    _git(
        ["fetch", "--quiet", "--prune", "--no-tags", "--", _without_login(address.repository),
         "+HEAD:refs/heads/artifactflow-head", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"],
        bare,
        address,
    )  # fmt: skip
    names = [address.ref] if _commit.match(address.ref) else []
    if address.ref == "HEAD":
        names = ["refs/heads/artifactflow-head"]
    names += [f"refs/remotes/origin/{address.ref}", f"refs/tags/{address.ref}", address.ref]
    for name in names:
        if _has(bare, name):
            return _git(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], bare).strip()
    raise NotFoundError(
        f"{masked_address(address.repository)} has no branch, tag or commit {address.ref!r}",
        hint="after # and @ comes the name of a branch, a tag or a whole commit id",
    )


def _has(bare: Path, name: str) -> bool:
    done = _run(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], bare)
    return done.returncode == 0


def _write_out(bare: Path, commit: str, root: Path) -> None:
    """Write the commit's files aside and rename them into place, so that no half checkout is ever used."""
    root.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=root.parent, prefix=".checkout-"))
    try:
        packed = aside / "commit.tar"
        _git(["archive", "--format=tar", f"--output={packed}", commit], bare)
        with tarfile.open(packed) as archive:
            archive.extractall(aside / "files", filter="data")
        packed.unlink()
        try:
            (aside / "files").rename(root)
        except OSError:
            if not root.exists():  # else another process was faster, with the same files
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _git(arguments: Sequence[str], folder: Path | None = None, address: GitAddress | None = None) -> str:
    done = _run(arguments, folder, address)
    if done.returncode != 0:
        where = masked_address(address.repository) if address else str(folder)
        why = masked_message(done.stderr.strip())
        raise OutsideError(f"git could not {arguments[0]} {where}: {why or 'it says nothing'}")
    return done.stdout


def _without_login(repository: str) -> str:
    """The address without the user and password of a web server, which git's command lines would show to everybody."""
    if scheme_of(repository) not in WEB_SCHEMES:
        return repository
    scheme, _, rest = repository.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _login_settings(repository: str) -> dict[str, str]:
    """Git's setting that sends the user and password of a web address to its server, and to no other."""
    without = _without_login(repository)
    if without == repository:
        return {}
    user, _, password = repository.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")
    login = base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    origin = "/".join(without.split("/", 3)[:3])
    return {f"http.{origin}/.extraHeader": f"Authorization: Basic {login}"}


def _run(
    arguments: Sequence[str], folder: Path | None, address: GitAddress | None = None
) -> subprocess.CompletedProcess[str]:
    place = ["--git-dir", str(folder)] if folder else []
    settings = {"safe.directory": "*", **(_login_settings(address.repository) if address else {})}
    variables = {
        **os.environ,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(ALLOWED_PROTOCOLS),
        "GIT_CONFIG_COUNT": str(len(settings)),
        **{f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(settings)},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(settings.values())},
    }
    try:
        return subprocess.run(
            ["git", *place, *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingToolError("git is not installed", hint="install git, or give a local folder") from error
    except subprocess.TimeoutExpired as error:
        raise OutsideError(f"git took longer than {FETCH_SECONDS} s") from error


_LOOKED_AT = (".", ":(exclude)mlflow.db*", ":(exclude)mlruns")
"""What MLflow keeps of our own runs beside a pipeline is no change of the code, though git may not ignore it."""


def working_state(folder: Path) -> dict[str, str | bool]:
    """The commit that a folder is at, and whether something in the folder differs from it; nothing outside git.

    One call of git, two milliseconds: it is asked for every run.
    """
    try:
        done = subprocess.run(
            [
                "git",
                "--no-optional-locks",
                "-C",
                str(folder),
                "status",
                "--porcelain=v2",
                "--branch",
                "--",
                *_LOOKED_AT,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = done.stdout.splitlines()
    commit = next((line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")), "")
    if commit in ("", "(initial)"):
        return {}
    return {"commit": commit, "dirty": any(not line.startswith("# ") for line in lines)}
