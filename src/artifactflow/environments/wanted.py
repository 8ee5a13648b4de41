"""What an environment file asks for, said to pip: requirements as lines, conda's packages among them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from artifactflow.contract import Environment
from artifactflow.environments.current import OURSELVES
from artifactflow.errors import ContractError, MissingToolError, Place
from artifactflow.read.conda import PIP_NAMES, parse_conda, to_pip_specifiers
from artifactflow.read.environment import read_environment_entries
from artifactflow.read.requirement import Entry, EntryRole
from artifactflow.read.requirements import parse_lines

NOT_ON_PYPI: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "binutils", "bzip2", "c-compiler", "ca-certificates", "compilers", "cuda", "cuda-toolkit", "cudatoolkit",
        "cudnn", "curl", "cxx-compiler", "ffmpeg", "fortran-compiler", "gcc", "gcc-linux-64", "gfortran", "git",
        "git-lfs", "gxx", "gxx-linux-64", "icu", "ld-impl-linux-64", "libffi", "libgcc", "libgcc-ng", "libgomp",
        "libstdcxx-ng", "make", "nccl", "ncurses", "nodejs", "openjdk", "openssl", "pytorch-cuda", "pytorch-mutex",
        "r-base", "readline", "sqlite", "swig", "tk", "unzip", "wget", "xz", "zlib",
    ),
    "",
) | PIP_NAMES  # fmt: skip
"""Packages of conda that PyPI has not, or has something else under their name; with the name that PyPI uses, if any."""

_INDEX_OPTIONS: Final = (
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--no-binary", "--only-binary",
)  # fmt: skip
_SKIPPED_FOLDERS: Final = {"__pycache__", "build", "dist", "node_modules"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment file in pip's words.

    `lines` are requirements, paths made absolute; `options` say where packages come from; `from_conda` are those of
    conda that PyPI gives instead. `local` are the files and folders that are installed as they are now, and
    `own_extras` the extras of artifactflow where it is asked for, else None: it is not among the lines.
    """

    file: Path
    python: str
    lines: tuple[str, ...]
    options: tuple[str, ...] = ()
    from_conda: Mapping[str, str] | None = None
    local: tuple[Path, ...] = ()
    own_extras: tuple[str, ...] | None = None

    def local_digest(self) -> str:
        """A digest of all local files that are installed; empty where there are none."""
        if not self.local:
            return ""
        total = hashlib.sha256()
        for path in self.local:
            for file in sorted(_files(path)):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{file}\0{content}\n".encode())
        return total.hexdigest()


def wanted(environment: Environment, *, with_conda: bool = False) -> Wanted:
    """What an environment asks for. `with_conda` leaves conda's packages out, for conda to install them.

    Raises ContractError with its place for a line that cannot be installed, and MissingToolError for packages that
    only conda has.
    """
    lines: list[str] = []
    local: list[Path] = []
    own_extras: tuple[str, ...] | None = None
    for text in environment.requirements:
        for entry in parse_lines(text, Place(str(environment.file)), environment.file.parent):
            if entry.problem:
                raise ContractError(entry.problem, place=_place(environment, entry))
            if entry.name == OURSELVES:
                own_extras = tuple(sorted({*(own_extras or ()), *entry.extras}))
                continue
            path = environment.file.parent / _path_of(entry.address)
            if entry.address and path.exists():
                local.append(path.resolve())
                lines.append(_local_line(entry, path.resolve()))
            else:
                lines.append(entry.text)
    from_conda = {} if with_conda else _from_conda(environment)
    return Wanted(
        file=environment.file,
        python=environment.python,
        lines=(*lines, *from_conda.values()),
        options=tuple(_options(environment)),
        from_conda={parse_conda(text).name: text for text in from_conda},
        local=tuple(local),
        own_extras=own_extras,
    )


def needs_conda(environment: Environment, packages: list[str]) -> MissingToolError:
    """The error for packages that only conda has, with the ways out."""
    renamed = [f"{NOT_ON_PYPI[name]} for {name}" for name in packages if NOT_ON_PYPI.get(name)]
    hint = "let conda build it: --env conda"
    if renamed:
        hint += f"; or list under pip: what PyPI calls {', '.join(renamed)}"
    return MissingToolError(
        f"PyPI does not have {', '.join(packages)}, which {environment.file} asks conda for",
        hint=hint,
        place=_place_of_conda(environment, packages[0]),
    )


def _from_conda(environment: Environment) -> dict[str, str]:
    """Each of conda's packages, as written, with its requirement as pip states it."""
    translated: dict[str, str] = {}
    missing: list[str] = []
    for text in environment.conda_packages:
        try:
            specification = parse_conda(text)
            alternatives = to_pip_specifiers(specification.specifier)
        except ValueError as error:
            raise ContractError(str(error), place=Place(str(environment.file))) from None
        if specification.name in NOT_ON_PYPI or specification.name.startswith(("r-", "_", "-")):
            missing.append(specification.name)
        elif len(alternatives) > 1:
            raise ContractError(
                f"pip cannot say {text!r}: one version or another",
                hint="state one condition, or let conda build it: --env conda",
                place=_place_of_conda(environment, specification.name),
            )
        else:
            translated[text] = specification.name + alternatives[0]
    if missing:
        raise needs_conda(environment, missing)
    return translated


def _path_of(address: str) -> str:
    """The path of a `file:` address; any other text, a path among them, as it is."""
    return unquote(address.removeprefix("file://")) if address.startswith("file:") else address


def _local_line(entry: Entry, path: Path) -> str:
    editable = "-e " if entry.text.startswith(("-e", "--editable")) else ""
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    return f"{editable}{path}{extras}"


def _options(environment: Environment) -> Iterator[str]:
    for entry in read_environment_entries(environment.file, environment.kind):
        if entry.role is EntryRole.OPTION and entry.text.replace("=", " ").split()[0] in _INDEX_OPTIONS:
            yield entry.text


def _place(environment: Environment, entry: Entry) -> Place:
    entries = read_environment_entries(environment.file, environment.kind)
    return next((listed.place for listed in entries if listed.text == entry.text), entry.place)


def _place_of_conda(environment: Environment, name: str) -> Place:
    entries = read_environment_entries(environment.file, environment.kind)
    return next((entry.place for entry in entries if entry.conda and entry.name == name), Place(str(environment.file)))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _SKIPPED_FOLDERS]
        yield from (file for name in names if (file := Path(folder, name)).is_file())
