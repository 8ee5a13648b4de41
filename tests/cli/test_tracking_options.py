"""What the command line says of tracking where it cannot be done; the doing is in tests/tracking."""

import socket
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from artifactflow.errors import ContractError
from artifactflow.pipeline import Given
from artifactflow.read.component import load_component
from artifactflow.read.pipeline import read_pipeline_text
from artifactflow.runner.binding.bind import bind
from artifactflow.runner.binding.bound import BoundPipeline
from artifactflow.runner.tracking import imports_mlflow, registered_models
from artifactflow.write.pipeline import write_pipeline_text

Command = Callable[..., CompletedProcess[str]]

TWO_MODELS = """
name: two
track: [mlflow, wandb]
steps:
  train: {component: artifactflow:train, matrix: {max_iter: [100, 200]}}
"""


def bound(text: str, folder: Path) -> BoundPipeline:
    return bind(read_pipeline_text(text, folder / "pipeline.yaml"), Given(), load_component, folder)


def test_pages_of_nothing_are_not_opened(artifactflow: Command):
    done = artifactflow("ui")
    assert done.returncode == 4
    assert "run-pipeline --track mlflow" in done.stderr


def test_the_pages_of_a_server_are_its_own(artifactflow: Command):
    done = artifactflow("ui", MLFLOW_TRACKING_URI="https://me:word@mlflow.example.org")
    assert done.returncode == 0
    assert "https://***@mlflow.example.org" in done.stdout


def test_a_port_that_somebody_uses_is_refused_before_mlflow_is_loaded(artifactflow: Command, tmp_path: Path):
    (tmp_path / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        done = artifactflow("ui", "--port", port)
    assert done.returncode == 9
    error, hint = done.stderr.splitlines()
    assert error == f"error: port {port} cannot be used: Address already in use"
    assert hint == f"hint: take another one: --port {port % 65535 + 1}"


def test_an_unknown_tracker_is_refused_before_anything_runs(artifactflow: Command, tmp_path: Path):
    (tmp_path / "pipeline.yaml").write_text(TWO_MODELS)
    done = artifactflow("run-pipeline", "--track", "mlfow")
    assert (done.returncode, "did you mean mlflow?" in done.stderr) == (2, True)
    assert not (tmp_path / ".artifactflow").exists()


def test_a_model_is_registered_only_where_it_is_clear_which(artifactflow: Command, tmp_path: Path):
    (tmp_path / "pipeline.yaml").write_text(TWO_MODELS)
    done = artifactflow("run-pipeline", "--track", "mlflow", "--register", "iris")
    assert done.returncode == 2
    assert "--register 'train[max_iter=100]=iris'" in done.stderr
    untold = artifactflow("run-pipeline", "--track", "none", "--register", "iris")
    assert (untold.returncode, "--track mlflow" in untold.stderr) == (2, True)
    named = registered_models(["train[max_iter=200]=iris"], bound(TWO_MODELS, tmp_path))
    assert named == {"train[max_iter=200]": "iris"}


def test_track_in_a_pipeline_file_is_one_name_or_several_and_nothing_else(tmp_path: Path):
    pipeline = read_pipeline_text(TWO_MODELS, tmp_path / "pipeline.yaml")
    assert pipeline.track == ("mlflow", "wandb")
    again = read_pipeline_text(write_pipeline_text(pipeline), tmp_path / "pipeline.yaml")
    assert again.track == pipeline.track
    with pytest.raises(ContractError, match="got 'mlfow'") as caught:
        read_pipeline_text(TWO_MODELS.replace("wandb", "mlfow"), tmp_path / "pipeline.yaml")
    assert caught.value.place is not None
    assert caught.value.place.line == 3


@pytest.mark.parametrize(
    ("command", "script", "expected"),
    [
        ("python main.py", "import mlflow\n", True),
        ("python main.py", "import helper\n", True),
        ("python main.py", "print('mlflow')\n", False),
        ("python other.py", "import mlflow\n", False),
        ("pytest .", "import mlflow\n", True),
        ("python main.py", "import mlflow(\n", True),
    ],
)
def test_a_step_waits_for_its_run_only_where_its_code_imports_mlflow(
    tmp_path: Path, command: str, script: str, expected: bool
):
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "MLproject").write_text(f"name: log\nentry_points:\n  main:\n    command: {command}\n")
    (folder / "main.py").write_text(script)
    (folder / "other.py").write_text("print('nothing')\n")
    (folder / "helper.py").write_text("from mlflow import log_metric\n" if "helper" in script else "")
    (step,) = bound("name: x\nsteps:\n  log: {component: log}\n", tmp_path).steps
    assert imports_mlflow(step) is expected


def test_what_a_component_has_beside_its_script_does_not_hide_that_it_imports_mlflow(tmp_path: Path):
    folder = tmp_path / "log"
    (folder / "src").mkdir(parents=True)
    for number in range(1000):
        (folder / "src" / f"module_{number}.py").touch()
    (folder / "MLproject").write_text("name: log\nentry_points:\n  main:\n    command: python src/main.py\n")
    (folder / "src" / "main.py").write_text("import mlflow\n")
    (step,) = bound("name: x\nsteps:\n  log: {component: log}\n", tmp_path).steps
    assert imports_mlflow(step)


def test_a_virtual_environment_in_its_folder_is_no_part_of_a_component(tmp_path: Path):
    inside = tmp_path / "log" / "venv" / "lib" / "mlflow"
    inside.mkdir(parents=True)
    (inside.parents[1] / "pyvenv.cfg").touch()
    (inside / "__init__.py").write_text("import mlflow\n")
    (tmp_path / "log" / "MLproject").write_text("name: log\nentry_points:\n  main:\n    command: pytest .\n")
    (step,) = bound("name: x\nsteps:\n  log: {component: log}\n", tmp_path).steps
    assert not imports_mlflow(step)
