"""What conda's `name=1.2` means: the parts of a package specification, and which versions it allows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

PIP_NAMES: Final = {
    "bokeh-base": "bokeh",
    "dask-core": "dask",
    "keras-gpu": "keras",
    "libxgboost": "xgboost",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-mkl": "tensorflow",
}
"""Conda's packages that PyPI has under another name; under conda's it has nothing, or something else."""

_specification = re.compile(
    r"(?:(?P<channel>[^\s\[\]=<>!~]+)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?P<rest>.*)", re.DOTALL
)
_bracket = re.compile(r"\s*\[(?P<inside>.*)\]$", re.DOTALL)
_version_key = re.compile(r"""\bversion\s*=\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s,\]]+))""")
_condition = re.compile(r"(?P<operator>~=|==|!=|<=|>=|=|<|>)?\s*(?P<version>[^\s=<>!~]+)")


@dataclass(frozen=True, slots=True)
class CondaSpecification:
    """One package as stated to conda: its name normalised, and `specifier` as written, without channel and build."""

    name: str
    specifier: str = ""
    channel: str = ""

    @property
    def pinned(self) -> bool:
        """Whether it names one version. `=1.2.3` counts: conda people pin so, although it allows 1.2.3.1.

        >>> [parse_conda(text).pinned for text in ("numpy=1.26.4", "numpy=1.26.*", "numpy>=1.26", "numpy")]
        [True, False, False, False]
        """
        return bool(re.fullmatch(r"={0,2}\s*[^\s=<>!~*|,]+", self.specifier))

    def allows(self, version: str) -> bool:
        """Whether a version satisfies it. `=1.2` allows every version that begins with 1.2, `==1.2` only that.

        >>> specification = parse_conda("numpy=1.2")
        >>> specification.allows("1.2.7"), specification.allows("1.20")
        (True, False)

        Raises ValueError for a specifier or version that cannot be understood.
        """
        return any(
            SpecifierSet(alternative).contains(version, prereleases=True)
            for alternative in to_pip_specifiers(self.specifier)
        )


def parse_conda(text: str) -> CondaSpecification:
    """The parts of `channel::name=1.2=build`, `name >=1,<2`, `name[version='>=1']`.

    >>> parse_conda("conda-forge::Scikit_Learn=1.5=py311h_0")
    CondaSpecification(name='scikit-learn', specifier='==1.5', channel='conda-forge')

    Raises ValueError where it has no name or a version that conda would not understand either.
    """
    match = _specification.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a conda package: {text!r}")
    rest = match["rest"]
    specifier = rest
    if bracket := _bracket.search(rest):
        version = _version_key.search(bracket["inside"])
        specifier = (version["single"] or version["double"] or version["bare"] or "") if version else ""
        specifier = specifier or rest[: bracket.start()].strip()
    specifier = _without_build(specifier.strip())
    to_pip_specifiers(specifier)
    return CondaSpecification(canonicalize_name(match["name"]), specifier, match["channel"] or "")


def _without_build(specifier: str) -> str:
    """`=1.2=build` and `1.2 build` without the build. With a build, conda reads the version as exact."""
    if match := re.fullmatch(r"=\s*([^\s=<>!~,|]+)=[^=]+", specifier):
        return f"=={match[1]}"
    if match := re.fullmatch(r"([^\s=<>!~,|]+)\s+[^\s,|=<>]+", specifier):
        return match[1]
    return specifier


def to_pip_specifiers(specifier: str) -> tuple[str, ...]:
    """A conda version specifier as pip would say it: one of the alternatives has to hold.

    >>> to_pip_specifiers("=1.2"), to_pip_specifiers(">=1,<2|3.*"), to_pip_specifiers("")
    (('==1.2.*',), ('>=1,<2', '==3.*'), ('',))

    Raises ValueError for what cannot be said so.
    """
    return tuple(
        ",".join(filter(None, (_to_pip(condition.strip()) for condition in alternative.split(","))))
        for alternative in specifier.split("|")
    )


def _to_pip(condition: str) -> str:
    if condition in ("", "*"):
        return ""
    match = _condition.fullmatch(condition)
    if match is None:
        raise ValueError(f"not a version as conda states it: {condition!r}")
    operator, version = match["operator"] or "==", match["version"]
    prefix = version.rstrip("*").rstrip(".")
    if operator == "=" or version.endswith("*"):
        # The other operators ignore a star: >=1.2.* is >=1.2.
        operator, version = ("!=", f"{prefix}.*") if operator == "!=" else (operator, f"{prefix}.*")
        if operator in ("=", "=="):
            operator = "=="
        elif operator != "!=":
            version = prefix
    try:
        SpecifierSet(operator + version)
    except InvalidSpecifier:
        raise ValueError(f"not a version as conda states it: {condition!r}") from None
    return operator + version
