"""Components of one script, and both ways to run it."""

import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from artifactflow.contract import Component, Contract
from artifactflow.executors import Executor, Stop, Task
from artifactflow.executors.command import CommandExecutor
from artifactflow.executors.kept import kept_servers, stop_servers
from artifactflow.executors.worker import WorkerExecutor

VARIABLES = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    "HOME": "/nonexistent",
    "PYTHONUNBUFFERED": "1",
}
"""What every step gets, so that all tests of a file share their servers."""


class Scripts:
    """Writes scripts into folders below one, and runs them."""

    def __init__(self, folder: Path, warm: WorkerExecutor) -> None:
        self.folder = folder
        self.warm = warm
        self.fresh = CommandExecutor()
        self.stop = Stop()
        self.facts: dict[str, object] = {}

    def task(
        self, script: str, command: str = "python main.py", timeout: float | None = None, **variables: str
    ) -> Task:
        self.write("main.py", script)
        contract = Contract(command=command)
        component = Component("scripted", self.folder, {"main": contract})
        return Task(component, contract, {}, {**VARIABLES, **variables}, self.folder.parent / "log", timeout)

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def run(self, executor: Executor, task: Task) -> tuple[int, str]:
        """The exit code and what was printed."""
        task.log.unlink(missing_ok=True)
        ended = executor.execute(task, lambda line: None, self.stop)
        self.facts = dict(ended.facts)
        return ended.exit_code, task.log.read_text()

    def warmly(self, script: str, *arguments: object, **options: str) -> tuple[int, str]:
        """Run a script warm, and insist that it was."""
        result = self.run(self.warm, self.task(script, *arguments, **options))
        assert self.facts["process"] == "warm", self.facts
        return result

    def why_fresh(self, script: str, *arguments: object, **options: str) -> str:
        """Why a script was not run warm."""
        self.run(self.warm, self.task(script, *arguments, **options))
        assert self.facts["process"] == "fresh"
        return str(self.facts["fresh_because"])


@pytest.fixture(scope="session")
def shared_executor() -> Iterator[WorkerExecutor]:
    with closing(WorkerExecutor()) as executor:
        yield executor


@pytest.fixture
def scripts(tmp_path: Path, shared_executor: WorkerExecutor) -> Scripts:
    return Scripts(tmp_path / "component", shared_executor)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder for kept servers, at a path that is short enough; they are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="af-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    stop_servers(kept_servers())
    shutil.rmtree(folder)
