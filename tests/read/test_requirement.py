"""One requirement, as pip reads it: whatever it is, it becomes an entry."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from artifactflow.errors import Place
from artifactflow.read.requirement import Entry, parse_requirement

names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,8}[A-Za-z0-9])?", fullmatch=True)
versions = st.from_regex(r"[1-9][0-9]?(\.[0-9]{1,2}){0,2}", fullmatch=True)


def one(text: str, folder: Path = Path()) -> Entry:
    return parse_requirement(text, Place("requirements.txt", 1, 1), folder)


@given(name=names, version=versions, operator=st.sampled_from(["==", ">=", "~=", "<"]))
@settings(max_examples=100, deadline=None)
def test_every_name_and_version_is_read_as_written(name, version, operator):
    version = version if "." in version else f"{version}.0"
    entry = one(f"{name}{operator}{version}")
    assert (entry.name, entry.specifier, entry.problem) == (canonicalize_name(name), f"{operator}{version}", None)
    assert entry.pinned == (operator == "==")


@given(line=st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_line_raises(tmp_path_factory, line):
    one(line, Path("/nonexistent"))
