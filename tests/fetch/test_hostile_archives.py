"""The corpus of hostile and damaged archives: each is refused, nothing is written outside, and no target is left."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("hostile_archives.py")
SOURCE = Path(__file__).resolve().parents[2] / "src"
CORPUS = [(what, message) for what, _, _, message in runpy.run_path(str(SCRIPT))["corpus"]()]
PYTHONS = ["3.11", "3.12", "3.13"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archives as files, written by this Python."""
    folder = tmp_path_factory.mktemp("corpus") / "archives"
    subprocess.run([sys.executable, SCRIPT, "write", folder], check=True)
    return folder


def run(python: object, action: str, archives: Path, folder: Path, *more: object):
    """What the script says on `python`, which needs nothing but the source."""
    shutil.copytree(archives, folder / "archives")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, "-W", "error", SCRIPT, action, folder / "archives", *more]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def outcomes(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """What came of each archive on this Python."""
    rows = run(sys.executable, "check", archives, tmp_path_factory.mktemp("here"))
    return {what: rest for what, *rest in rows}


def test_the_corpus_has_a_hundred_and_twenty_archives_at_least():
    assert len({what for what, _ in CORPUS}) == len(CORPUS) >= 120


@pytest.mark.parametrize(("what", "message"), CORPUS, ids=[what for what, _ in CORPUS])
def test_a_hostile_or_damaged_archive_is_refused_whole(outcomes, what, message):
    outcome, said, problems = outcomes[what]
    assert problems == []
    assert outcome == "refused", said
    assert re.search(message, said), said
    assert said.isprintable()


def test_a_flipped_bit_gives_an_error_or_the_same_content(archives, tmp_path):
    found = run(sys.executable, "flip", archives, tmp_path, 101)
    assert set(found) == {"x.tgz", "x.tar.bz2", "x.tar.xz", "x.zip"}
    for name, counted in found.items():
        assert counted["wrong"] == [], name
        assert counted["refused"] > counted["bits"] * 0.8, name


def interpreter(version: str) -> Path:
    """A Python of that version. Skips the test where there is none."""
    if sys.version.startswith(f"{version}."):
        return Path(sys.executable)
    found = sorted(Path("/root/.pyenv/versions").glob(f"{version}.*/bin/python")) or [shutil.which(f"python{version}")]
    if found[-1] is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return Path(found[-1])


@pytest.mark.torture
@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_refuses_the_same_archives(archives, outcomes, tmp_path, version):
    rows = run(interpreter(version), "check", archives, tmp_path)
    assert [(what, outcome, problems) for what, outcome, _, problems in rows] == [
        (what, "refused", []) for what in outcomes
    ]


@pytest.mark.torture
@pytest.mark.parametrize("version", PYTHONS)
def test_no_single_flipped_bit_gives_other_content(archives, tmp_path, version):
    found = run(interpreter(version), "flip", archives, tmp_path, 1)
    for name, counted in found.items():
        assert counted["wrong"] == [], name
        assert counted["refused"] + counted["harmless"] == counted["bits"] > 8 * 3500, name
