"""Nobody ever uses half an environment: builders are killed, race and find what others left."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import py_compile
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import artifactflow.environments.bytecode
from artifactflow.environments.build import MARKER
from artifactflow.environments.choose import choose_environment

MODULES = 300
"""Enough to be killed amidst installing and compiling."""

BUILD = """
import sys
from pathlib import Path
from artifactflow.environments.choose import choose_environment
from artifactflow.read.mlproject import read_component
print(choose_environment(read_component(Path(sys.argv[1])), "uv", Path(sys.argv[2])).python)
"""


def start(folder: Path, root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(folder), str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def large(component, wheel):
    """A component whose environment takes a while."""
    for name in ("tinylib", "otherlib"):
        modules = {f"{name}/module_{number}.py": f"value = {number}\n" * 200 for number in range(MODULES)}
        wheel(name, "1.0", files={**modules, f"{name}/tests/test_it.py": "1\n"})
    return component("tinylib", "otherlib")


def assert_whole(python: Path) -> None:
    site_packages = next(python.parent.parent.glob("lib/*/site-packages"))
    code = f"import otherlib.module_{MODULES - 1} as one, tinylib.module_0 as two; print(one.value, two.value)"
    printed = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(MODULES - 1), "0"]
    for name in ("tinylib", "otherlib"):
        assert len(list((site_packages / name).glob("*.py"))) == MODULES + 1
        assert len(list((site_packages / name / "__pycache__").glob("*.pyc"))) == MODULES + 1
        assert not (site_packages / name / "tests" / "__pycache__").exists()


def descendants(process: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    listed = [file.read_text().split() for file in Path(f"/proc/{process}/task").glob("*/children")]
    children = [int(child) for row in listed for child in row]
    return [*children, *(further for child in children for further in descendants(child))]


@pytest.mark.parametrize("with_all", [False, True], ids=["builder alone", "with all it started"])
def test_a_build_killed_at_any_moment_leaves_nothing_that_is_used(large, tmp_path, with_all):
    root = tmp_path / "environments"
    chosen = random.Random(4)
    killed = 0
    for _ in range(5):
        building = start(large.folder, root)
        time.sleep(chosen.uniform(0.15, 0.9))
        if building.poll() is None:
            killed += 1
            for process in [building.pid, *(descendants(building.pid) if with_all else ())]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        building.communicate()
        for folder in root.glob("*/"):
            if (folder / MARKER).exists():
                assert_whole(folder / "bin" / "python")
    assert killed
    assert_whole(choose_environment(large, "uv", root).python)


def test_concurrent_builders_make_one_environment(large, tmp_path):
    root = tmp_path / "environments"
    builders = [start(large.folder, root) for _ in range(3)]
    outputs = [builder.communicate(timeout=60) for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0, 0], outputs
    (python,) = {output for output, _ in outputs}
    assert_whole(Path(python.strip()))


def test_a_folder_without_its_marker_is_deleted_and_built_again(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    made = component("tinylib")
    first = choose_environment(made, "uv", tmp_path / "environments")
    (first.folder / MARKER).unlink()
    left = first.folder / "left.txt"
    left.write_text("by an interrupted build")
    module = next(first.folder.glob("lib/*/site-packages/tinylib/__init__.py"))
    module.unlink()
    assert choose_environment(made, "uv", tmp_path / "environments").python == first.python
    assert module.exists()
    assert not left.exists()


def test_an_environment_that_is_whole_is_used_as_it_is(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    made = component("tinylib")
    first = choose_environment(made, "uv", tmp_path / "environments")
    before = (first.folder / MARKER).stat()
    choose_environment(made, "uv", tmp_path / "environments")
    assert (first.folder / MARKER).stat() == before
    assert json.loads((first.folder / MARKER).read_text())["lock"] == first.lock_digest


def test_an_environment_whose_interpreter_has_gone_is_built_again(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    made = component("tinylib")
    python = choose_environment(made, "uv", tmp_path / "environments").python
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    assert choose_environment(made, "uv", tmp_path / "environments").python.resolve().exists()


def test_compiled_files_are_shared_between_environments(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    wheel("otherlib", "1.0")
    root = tmp_path / "environments"
    first = choose_environment(component("tinylib"), "uv", root)
    second = choose_environment(component("tinylib", "otherlib"), "uv", root)
    assert first.folder != second.folder
    compiled = [next(one.folder.glob("lib/*/site-packages/tinylib/__pycache__/*.pyc")) for one in (first, second)]
    assert compiled[0].stat().st_ino == compiled[1].stat().st_ino


def test_a_shared_compiled_file_that_is_damaged_is_not_used(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    wheel("otherlib", "1.0")
    root = tmp_path / "environments"
    first = choose_environment(component("tinylib"), "uv", root)
    for shared in (root / "bytecode").rglob("*.pyc"):
        shared.unlink()
        shared.write_bytes(b"")
    second = choose_environment(component("tinylib", "otherlib"), "uv", root)
    compiled = next(second.folder.glob("lib/*/site-packages/tinylib/__pycache__/*.pyc"))
    assert compiled.stat().st_size > 16
    assert first.python.exists()


def test_what_the_running_interpreter_has_compiled_of_the_same_source_is_taken_over(
    component, wheel, tmp_path, monkeypatch
):
    donor = tmp_path / "donor"
    (donor / "tinylib").mkdir(parents=True)
    source = donor / "tinylib" / "same.py"
    source.write_text("value = 'as written'\n")
    (donor / "tinylib" / "other.py").write_text("value = 'of the donor'\n")
    for path in donor.rglob("*.py"):
        py_compile.compile(str(path))
    wheel(
        "tinylib", "1.0", files={"tinylib/same.py": source.read_text(), "tinylib/other.py": "value = 'of the wheel'\n"}
    )
    monkeypatch.setattr(artifactflow.environments.bytecode.sysconfig, "get_path", lambda name: str(donor))
    chosen = choose_environment(component("tinylib"), "uv", tmp_path / "environments")
    same, other = (
        next(chosen.folder.glob(f"lib/*/site-packages/tinylib/__pycache__/{name}.*")) for name in ("same", "other")
    )
    compiled = Path(importlib.util.cache_from_source(str(source)))
    assert same.read_bytes()[16:] == compiled.read_bytes()[16:]
    assert b"of the wheel" in other.read_bytes()
    # Python agrees that it is the source's: it imports it, without writing it anew, and names the right file.
    before = same.stat().st_ino
    code = "import tinylib.same as it; print(it.value, it.__spec__.loader.get_code(it.__name__).co_filename)"
    printed = subprocess.run([chosen.python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split()[:2] == ["as", "written"]
    assert str(chosen.folder) in printed
    assert same.stat().st_ino == before
