"""artifactflow inside MLflow, by the real MLflow and its own command line."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from artifactflow.errors import NotFoundError, UsageError
from artifactflow.mlflow_plugin.references import Reference, write_out
from artifactflow.store import Store

MANIFEST = """
name: make
entry_points:
  main:
    parameters:
      word: {type: str, default: hello}
      made: {type: str, default: made.txt}
    outputs:
      made: {type: text, path: made.txt}
    command: python main.py {word} {made}
"""
MAIN = """
import os, sys
print("run", os.environ["MLFLOW_RUN_ID"])
if sys.argv[1] == "bad":
    raise SystemExit(3)
open(sys.argv[2], "w").write(sys.argv[1])
"""
pytestmark = pytest.mark.skipif(
    not entry_points(group="mlflow.project_backend", name="artifactflow"), reason="artifactflow is not installed"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A component, a pipeline over it, and what three real `mlflow run` did with it."""
    folder = tmp_path_factory.mktemp("mlflow")
    component = folder / "make"
    component.mkdir()
    (component / "MLproject").write_text(MANIFEST)
    (component / "main.py").write_text(MAIN)
    return folder


def mlflow(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    binary = Path(sys.executable).parent / "mlflow"
    variables = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    return subprocess.run([binary, *arguments], cwd=folder, env=variables, capture_output=True, text=True, timeout=120)


def runs(folder: Path):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["0"], order_by=["start_time ASC"])


def test_a_component_runs_cached_and_its_runs_end_with_the_right_status(project):
    first = mlflow(project, "run", "make", "--backend", "artifactflow", "-P", "word=two words")
    assert first.returncode == 0, first.stderr
    assert "make  RUN  never run" in first.stderr
    second = mlflow(project, "run", "make", "--backend", "artifactflow", "-P", "word=two words")
    assert second.returncode == 0, second.stderr
    assert "make  REUSE  made:v1" in second.stderr
    failed = mlflow(project, "run", "make", "--backend", "artifactflow", "-P", "word=bad")
    assert failed.returncode == 1
    assert "step make failed with exit code 3" in failed.stderr
    unknown = mlflow(project, "run", "make", "--backend", "artifactflow", "-P", "wrod=x")
    assert unknown.returncode == 1
    assert "did you mean word?" in unknown.stderr

    recorded = runs(project)
    assert [run.info.status for run in recorded] == ["FINISHED", "FINISHED", "FAILED", "FAILED"]
    assert recorded[0].data.params == {"word": "two words"}
    assert recorded[0].data.tags["artifactflow.output.make.made"] == "made:v1"
    assert recorded[1].data.tags["artifactflow.step.make"].startswith("REUSE: unchanged")


def test_mlflow_reads_stored_artifacts_by_reference(project, monkeypatch, tmp_path):
    import mlflow.artifacts

    store_folder = tmp_path / ".artifactflow"
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a.txt").write_text("a")
    (data / "sub" / "b.txt").write_text("b")
    with Store.open(store_folder) as store, store.transaction() as transaction:
        transaction.register("notes", "text", "", _put(store_folder, data))
    monkeypatch.chdir(tmp_path)
    whole = Path(mlflow.artifacts.download_artifacts("artifactflow:/notes/latest"))
    assert sorted(path.name for path in whole.rglob("*.txt")) == ["a.txt", "b.txt"]
    inner = Path(mlflow.artifacts.download_artifacts("artifactflow:/notes/v1/sub/b.txt"))
    assert (inner.name, inner.read_text()) == ("b.txt", "b")
    listed = mlflow.artifacts.list_artifacts("artifactflow:/notes/v1")
    assert [(one.path, one.is_dir) for one in listed] == [("a.txt", False), ("sub", True)]


def _put(root: Path, data: Path):
    with Store.open(root) as store:
        return store.put_tree(data)


@pytest.mark.parametrize(
    ("address", "path", "ref", "inner"),
    [
        ("artifactflow:/iris/v3", "", "iris:v3", ""),
        ("artifactflow:/iris", "latest", "iris:latest", ""),
        ("artifactflow:/", "iris", "iris:latest", ""),
        ("artifactflow:/iris/latest", "a/b.csv", "iris:latest", "a/b.csv"),
    ],
)
def test_references_are_read_however_mlflow_splits_them(address, path, ref, inner):
    reference = Reference.parse(address, path)
    assert (str(reference.ref), reference.inner) == (ref, inner)


@pytest.mark.parametrize("address", ["artifactflow:/", "s3://bucket/x", "artifactflow:/a b/latest"])
def test_what_is_no_reference_is_refused(address):
    with pytest.raises(UsageError):
        Reference.parse(address)


def test_a_path_that_the_artifact_does_not_hold_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with Store.open(tmp_path / "store") as store:
        tree = store.put_tree(tmp_path / "a.txt")
        with store.transaction() as transaction:
            transaction.register("notes", "text", "", tree)
        with pytest.raises(NotFoundError, match=r"holds no 'b\.txt'"):
            write_out(store, Reference.parse("artifactflow:/notes/latest/b.txt"), tmp_path / "out")
