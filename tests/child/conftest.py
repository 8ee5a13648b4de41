"""A pipeline of components that hand artifacts on by W&B alone."""

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from artifactflow.executors.command import CommandExecutor
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, Silent, bind_pipeline, plan_pipeline, run_pipeline
from artifactflow.runs import PipelineRun, Run
from artifactflow.store import Store
from artifactflow.store.logs import log_place

SCRIPTS = Path(__file__).with_name("wandb_scripts")


class Told(Silent):
    """An observer that remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


class WandbProject:
    """Components of one script each, and the pipeline of them in the order in which they were written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = Told()
        self.steps: dict[str, str] = {}

    def step(self, name: str, script: str, command: str = "python main.py", after: tuple[str, ...] = ()) -> None:
        """Add a step; `script` is the text of its main.py."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLproject").write_text(f"name: {name}\nentry_points: {{main: {{command: '{command}'}}}}\n")
        (folder / "main.py").write_text(textwrap.dedent(script))
        self.steps[name] = f"  {name}: {{component: {name}, after: [{', '.join(after)}]}}\n"
        (self.folder / "pipeline.yaml").write_text("name: demo\nsteps:\n" + "".join(self.steps.values()))

    def shipped(self, name: str, after: tuple[str, ...] = ()) -> None:
        """Add a step that runs one of the scripts beside this file, which are no modules of the tests."""
        self.step(name, (SCRIPTS / f"{name}.py.txt").read_text(), after=after)

    @property
    def store(self) -> Store:
        return Store.open(self.folder / ".artifactflow")

    def bound(self):
        return bind_pipeline(load_pipeline(self.folder / "pipeline.yaml"), Given({}, {}), self.folder)

    def run(self, python: Path | None = None, *, cold: bool = False) -> PipelineRun:
        """Run the pipeline, with another interpreter where one is given."""
        options = Options(cold=cold)
        if python is not None:
            executor = CommandExecutor(python)
            options = Options(choose_executor=lambda bound: executor)
        return run_pipeline(self.bound(), self.store, options, self.told)

    def decisions(self, **options: bool) -> dict[str, str]:
        return {outcome.step: outcome.decision for outcome in self.run(**options).steps}

    def plan(self) -> dict[str, tuple[str, str]]:
        planned = plan_pipeline(self.bound(), self.store)
        return {step.name: (step.decision.value, step.reason) for step in planned}

    def last(self, step: str) -> Run:
        """The newest record of a step."""
        return next(run for run in self.store.runs() if run.step == step)

    def log(self, step: str) -> str:
        return log_place(self.store.root, self.last(step).log).read().decode()

    def printed(self, step: str) -> dict[str, object]:
        """The line of JSON that the step printed."""
        (line,) = (line for line in self.log(step).splitlines() if line.startswith("{"))
        return json.loads(line)

    def text(self, ref: str) -> str:
        """What the single file of a version holds."""
        (entry,) = self.store.tree(self.store.version(ref).digest).entries
        return self.store.object_path(entry.digest).read_text()

    def check_uses(self, found: Any) -> None:
        """Compare what the script `use` printed with what `log` logged."""
        assert found["latest"] == ["one.txt:v2", "v2", "two"]
        assert found["fresh"] == ["one.txt:v1", "v1", "one", {"rows": 3}, "One file", ["fresh"]]
        assert found["by number"] == "v2"
        assert found["many"] == ["a.txt", "far.csv", "inner/b.txt", "made.json", "near.txt", "numbers.table.json"]
        assert (found["entry"], found["numbers"]) == ("inner/b.txt", [[1], [2]])
        assert found["reference"] == "https://example.org/far.csv"
        assert (found["pictures"], found["picture"]) == ([True, True], "Image")
        assert found["linked"] == ["model", "weights"]
        assert (found["api"], found["versions"]) == ("v1", ["v2", "v1"])
        assert found.get("exists", [True, False]) == [True, False]
        assert "it needs an account (WANDB_API_KEY) and a network" in found["runs"]
        is_comm_error, message = found["missing"]
        assert is_comm_error
        assert "did you mean one.txt?" in message
        assert found["copy"] == ["v1", ["again.txt", "pictures.table.json"]]


@pytest.fixture
def wandb_project(tmp_path: Path) -> WandbProject:
    return WandbProject(tmp_path / "project")


@pytest.fixture(scope="session")
def project_of() -> type[WandbProject]:
    """For fixtures that live longer than a test."""
    return WandbProject
