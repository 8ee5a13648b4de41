"""Components as dictionaries of files, what `check` finds in them, and what is left of them after `--fix`.

`command/test_command_rules.py` runs the rules of `check/command/command_rules.py` and no others, and so on for each
module of rules; a test of anything else, or one that says `select=("M", "P101")`, runs what it asks for.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from artifactflow.check import ALL_RULES, Finding, Settings, check_paths
from artifactflow.check.fixes import fix_all
from artifactflow.check.rules import MODULES


@pytest.fixture
def own_rules(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The codes of the module of rules that the test's file is named after; those of every rule for another file."""
    name = request.path.stem.removeprefix("test_")
    rules = next((module.RULES for module in MODULES if module.__name__.endswith(f".{name}")), ALL_RULES)
    return tuple(rule.code for rule in rules)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write files below a folder and return it: `write({"train/MLproject": text}, main__py=text)`; `__` is a dot."""

    def write_files(files: Mapping[str, str] | None = None, /, **named: str) -> Path:
        for path, text in {**(files or {}), **{name.replace("__", "."): text for name, text in named.items()}}.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        return tmp_path

    return write_files


@pytest.fixture
def check(write: Callable[..., Path], own_rules: tuple[str, ...]) -> Callable[..., list[Finding]]:
    """What `check` finds in these files, in the order of files and lines."""

    def check_files(
        files: Mapping[str, str] | None = None, /, select: Sequence[str] | None = None, **named: str
    ) -> list[Finding]:
        folder = write(files, **named)
        return list(check_paths([folder], Settings(select=tuple(select or own_rules))).findings)

    return check_files


@pytest.fixture
def said(tmp_path: Path) -> Callable[[Sequence[Finding]], list[str]]:
    """Findings in short: `M002 MLproject:3:5`, the file relative to the folder of the test."""

    def in_short(findings: Sequence[Finding]) -> list[str]:
        return [f"{finding.code} {str(finding.place).removeprefix(f'{tmp_path}/')}" for finding in findings]

    return in_short


@pytest.fixture
def mend(write: Callable[..., Path], own_rules: tuple[str, ...]) -> Callable[..., str]:
    """Write files, mend what can be mended, see that nothing is left to mend; returns the text of `file` afterwards."""

    def mend_files(
        files: Mapping[str, str] | None = None,
        /,
        select: Sequence[str] | None = None,
        file: str = "MLproject",
        **named: str,
    ) -> str:
        folder = write(files, **named)
        settings = Settings(select=tuple(select or own_rules))
        fix_all(lambda: check_paths([folder], settings).findings)
        left = [finding for finding in check_paths([folder], settings).findings if finding.fix is not None]
        assert not left, left
        return (folder / file).read_bytes().decode()

    return mend_files
