"""The running artifactflow as a wheel: its files as they are, nothing that an index holds."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from pathlib import Path

import artifactflow
from artifactflow.environments.wheel import running_wheel


def test_every_file_is_in_the_record_with_its_hash(tmp_path):
    with zipfile.ZipFile(running_wheel(tmp_path)) as archive:
        information = f"artifactflow-{artifactflow.__version__}.dist-info"
        rows = list(csv.reader(archive.read(f"{information}/RECORD").decode().splitlines()))
        assert {row[0] for row in rows} == set(archive.namelist())
        for name, digest, size in rows:
            content = archive.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert name.endswith("RECORD") or (digest, size) == (f"sha256={expected}", str(len(content)))
        assert f"Version: {artifactflow.__version__}\n".encode() in archive.read(f"{information}/METADATA")
        assert b"artifactflow = artifactflow." in archive.read(f"{information}/entry_points.txt")


def test_it_holds_the_files_that_are_running(tmp_path):
    package = Path(artifactflow.__file__).parent
    with zipfile.ZipFile(running_wheel(tmp_path)) as archive:
        packed = {name for name in archive.namelist() if name.endswith(".py")}
        assert packed == {f"artifactflow/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
        assert archive.read("artifactflow/errors.py") == (package / "errors.py").read_bytes()


def test_the_same_files_give_the_same_wheel(tmp_path):
    one, two = running_wheel(tmp_path / "one"), running_wheel(tmp_path / "two")
    assert one.read_bytes() == two.read_bytes()
    assert one.relative_to(tmp_path / "one") == two.relative_to(tmp_path / "two")
    assert running_wheel(tmp_path / "one") == one
