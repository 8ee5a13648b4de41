"""Small pipelines of plain scripts, which start in milliseconds."""

import json
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from artifactflow.errors import ArtifactflowError
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, Silent, bind_pipeline, plan_pipeline, run_pipeline
from artifactflow.runs import StepOutcome
from artifactflow.store import Store


class Notes(Silent):
    """An observer that remembers what it was told."""

    def __init__(self) -> None:
        self.printed: list[tuple[str, str]] = []
        self.ended: list[StepOutcome] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def step_printed(self, step: str, line: str) -> None:
        self.printed.append((step, line))

    def step_ended(self, outcome: StepOutcome) -> None:
        self.ended.append(outcome)

    def warned(self, message: str) -> None:
        self.warnings.append(message)

    def noted(self, message: str) -> None:
        self.notes.append(message)


class Project:
    """A folder with components and a pipeline, and a store that is made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes = Notes()
        self.opened = ExitStack()

    def component(self, name: str, manifest: str, **files: str) -> None:
        """Write a component; `main` is the text of main.py, other names are files with `_` for the last dot."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "MLproject").write_text(textwrap.dedent(manifest))
        for key, text in files.items():
            file = "main.py" if key == "main" else ".".join(key.rsplit("_", 1))
            (folder / file).write_text(textwrap.dedent(text))

    def pipeline(self, text: str) -> None:
        (self.folder / "pipeline.yaml").write_text(textwrap.dedent(text))

    @property
    def store(self) -> Store:
        """The store as whoever comes now finds it; it is closed with the test."""
        return self.opened.enter_context(Store.open(self.folder / ".artifactflow"))

    def bound(self, path: str = "pipeline.yaml", variables: dict[str, str] | None = None, **options: object):
        given = Given({name.replace("__", "."): str(value) for name, value in options.items()}, variables or {})
        return bind_pipeline(load_pipeline(self.folder / path), given, self.folder)

    def run(
        self, how: Options | None = None, *, force: tuple[str, ...] = (), use_cache: bool = True, **options: object
    ):
        chosen = how or Options(force=force, use_cache=use_cache)
        return run_pipeline(self.bound(**options), self.store, chosen, self.notes)

    def decisions(self, **options: object) -> dict[str, str]:
        """Run, and say for each step what was decided."""
        return {outcome.step: outcome.decision for outcome in self.run(**options).steps}

    def plan(self, how: Options | None = None, **options: object) -> dict[str, tuple[str, str]]:
        """Decision and reason for each step, with nothing run."""
        store = self.store if (self.folder / ".artifactflow").exists() else None
        planned = plan_pipeline(self.bound(**options), store, how)
        return {step.name: (step.decision.value, step.reason) for step in planned}

    def fails(self, **options: object) -> ArtifactflowError:
        """The error that running ends with."""
        with pytest.raises(ArtifactflowError) as caught:
            self.run(**options)
        return caught.value

    def text(self, ref: str) -> str:
        """What the single file of a version holds."""
        version = self.store.version(ref)
        (entry,) = self.store.tree(version.digest).entries
        return self.store.object_path(entry.digest).read_text()

    def json(self, ref: str) -> object:
        return json.loads(self.text(ref))


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database of MLflow's; making one takes longer than all that a small test does with it."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("mlflow")
    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


MAKE = """
    name: make
    entry_points:
      main:
        parameters:
          word: {type: str, default: hello}
          count: {type: int, default: 2, minimum: 1, maximum: 9}
          made: {type: str, default: made.txt}
        outputs:
          made: {type: text, path: made.txt, description: "{count} words"}
        command: python main.py --word={word} --count={count} --made={made}
"""
MAKE_MAIN = """
    import argparse
    parser = argparse.ArgumentParser()
    for name in ("word", "count", "made"):
        parser.add_argument(f"--{name}")
    args = parser.parse_args()
    print("making", args.word)
    open(args.made, "w").write(args.word * int(args.count))
"""
SHOUT = """
    name: shout
    entry_points:
      main:
        parameters:
          text: {type: path, artifact: text}
          loud: {type: str, default: loud.txt}
        outputs:
          loud: {type: text, path: loud.txt}
        command: python main.py {text} {loud}
"""
SHOUT_MAIN = """
    import sys
    open(sys.argv[2], "w").write(open(sys.argv[1]).read().upper())
"""
PIPELINE = """
    name: words
    parameters:
      word: hello
    steps:
      make:  {component: make, with: {word: "${word}"}}
      shout: {component: shout, with: {text: "${make.made}"}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A pipeline of two steps: `make` writes a word some times, `shout` writes it in capitals."""
    made = Project(tmp_path / "project")
    made.component("make", MAKE, main=MAKE_MAIN)
    made.component("shout", SHOUT, main=SHOUT_MAIN)
    made.pipeline(PIPELINE)
    with made.opened:
        yield made
