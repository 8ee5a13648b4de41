"""Conda's package specifications, and which installed versions they allow."""

from __future__ import annotations

import pytest

from artifactflow.read.conda import CondaSpecification, parse_conda, to_pip_specifiers


@pytest.mark.parametrize(
    ("text", "name", "specifier", "channel"),
    [
        ("numpy", "numpy", "", ""),
        ("Scikit_Learn=1.5", "scikit-learn", "=1.5", ""),
        ("numpy==1.26.4", "numpy", "==1.26.4", ""),
        ("numpy>=1.2,<2", "numpy", ">=1.2,<2", ""),
        ("numpy >=1.2, <2", "numpy", ">=1.2, <2", ""),
        ("numpy 1.26.*", "numpy", "1.26.*", ""),
        ("numpy 1.26.4 py311h_0", "numpy", "1.26.4", ""),
        ("numpy=1.26.4=py311h_0", "numpy", "==1.26.4", ""),
        ("conda-forge::numpy=1.26", "numpy", "=1.26", "conda-forge"),
        ("conda-forge/linux-64::numpy", "numpy", "", "conda-forge/linux-64"),
        ("numpy[version='>=1,<2']", "numpy", ">=1,<2", ""),
        ("numpy=1.26[build=py311*]", "numpy", "=1.26", ""),
        ("numpy=1.26|1.25.*", "numpy", "=1.26|1.25.*", ""),
        ("_libgcc_mutex=0.1", "-libgcc-mutex", "=0.1", ""),
    ],
)
def test_the_parts_of_a_specification(text, name, specifier, channel):
    assert parse_conda(text) == CondaSpecification(name, specifier, channel)


@pytest.mark.parametrize(
    ("text", "allowed", "refused"),
    [
        ("numpy", ["0.1", "2.0rc1"], []),
        ("numpy=1.2", ["1.2", "1.2.9"], ["1.20", "1.3"]),
        ("numpy=1.2.*", ["1.2", "1.2.9"], ["1.20"]),
        ("numpy==1.2", ["1.2", "1.2.0"], ["1.2.9"]),
        ("numpy 1.2", ["1.2"], ["1.2.9"]),
        ("numpy>=1.2.*", ["1.2", "2.0"], ["1.1"]),
        ("numpy!=1.2.*", ["1.3"], ["1.2.9"]),
        ("numpy>=1.2,<2", ["1.2", "1.99"], ["2.0", "1.1"]),
        ("numpy=1.2|=2", ["1.2.1", "2.5"], ["1.3", "3.0"]),
    ],
)
def test_versions_as_conda_compares_them(text, allowed, refused):
    specification = parse_conda(text)
    assert [version for version in (*allowed, *refused) if specification.allows(version)] == allowed


@pytest.mark.parametrize("text", ["", "=1.2", "numpy=", "numpy>", "numpy => 1.2", "numpy=1.2 =3 =4", "a b c d"])
def test_what_conda_would_not_understand_is_refused(text):
    with pytest.raises(ValueError, match="not a"):
        parse_conda(text)


def test_a_star_means_any_version():
    assert to_pip_specifiers("*") == ("",)
