"""A finished text replaces a file whole, and never what is no file."""

import os
import stat
from pathlib import Path

import pytest

from artifactflow.errors import OutsideError, UsageError
from artifactflow.report.write import write_text


def test_the_text_takes_the_place_of_the_file(tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text("a longer text that stood here before")
    write_text(file, "größer")
    assert file.read_text(encoding="utf-8") == "größer"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"^cannot write \.: it is a folder$"):
        write_text(Path(), "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("linked", [False, True])
def test_a_device_is_refused_and_stays_what_it_is(tmp_path: Path, linked):
    device = tmp_path / "device"
    os.mkfifo(device)
    named = tmp_path / "link" if linked else device
    if linked:
        named.symlink_to(device)
    with pytest.raises(UsageError, match="it is no ordinary file"):
        write_text(named, "text")
    assert stat.S_ISFIFO(device.stat().st_mode)
    assert named.is_symlink() == linked


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path):
    with pytest.raises(OutsideError, match=r"cannot write .*report\.html: No such file or directory") as refused:
        write_text(tmp_path / "none" / "report.html", "text")
    assert refused.value.hint == "name another file: --output FILE"
