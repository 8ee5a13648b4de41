"""The iris example: no network, no account, run twice, explained, and under plain MLflow too."""

import json
import sys
from collections.abc import Callable

import pytest


@pytest.fixture(scope="module")
def shell(new_shell: Callable):
    """A user who has run the example once."""
    made = new_shell("iris")
    made.first = made.artifactflow("run-pipeline", "examples/iris").out
    return made


def test_the_first_run_runs_every_step_and_names_its_versions(shell):
    lines = shell.first.splitlines()
    assert [line.split()[:4] for line in lines if " RUN  " in line][:3] == [
        ["download", "RUN", "never", "run"],
        ["prepare", "RUN", "never", "run"],
        ["train", "RUN", "never", "run"],
    ]
    assert "iris: 3 run, 0 reused in " in shell.first
    for version in ("iris-raw:v1", "iris:v1", "iris-model:v1", "iris-model-metrics:v1"):
        assert version in shell.first


def test_the_second_run_reuses_everything_without_loading_a_heavy_library(shell):
    code = (
        "import sys\n"
        "from artifactflow.cli.app import main\n"
        "try:\n"
        "    main(['run-pipeline', 'examples/iris', '--json'])\n"
        "except SystemExit:\n"
        "    heavy = ('numpy', 'pandas', 'sklearn', 'skops', 'mlflow', 'wandb')\n"
        "    print(*[name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    answer = shell.run(sys.executable, "-c", code)
    assert [(step["decision"], step["outputs"]) for step in answer.json["steps"]] == [
        ("REUSE", {"dataset": "iris-raw:v1"}),
        ("REUSE", {"iris": "iris:v1"}),
        ("REUSE", {"model": "iris-model:v1", "metrics": "iris-model-metrics:v1"}),
    ]
    assert answer.json["totals"]["seconds"] < 1
    assert answer.err.split() == []


def test_one_changed_parameter_reruns_only_what_depends_on_it(shell):
    assert shell.steps("examples/iris", "--dry-run", "-P", "max_iter=300") == [
        ("download", "REUSE", "unchanged"),
        ("prepare", "REUSE", "unchanged"),
        ("train", "RUN", "parameter max_iter 200 → 300"),
    ]


def test_the_artifacts_are_named_typed_and_described(shell):
    rows = shell.artifactflow("artifacts", "ls", "--store", "examples/iris", "--json").json
    assert {row["name"]: (row["type"], row["description"]) for row in rows} == {
        "iris-raw": ("raw_data", "Fisher's iris measurements, as scikit-learn ships them"),
        "iris": ("clean_data", "Measurements in cm, and the species"),
        "iris-model": ("model", "The fitted scikit-learn estimator"),
        "iris-model-metrics": ("metrics", "Scores on the test rows"),
    }
    assert next(row for row in rows if row["name"] == "iris")["metadata"] == {
        "rows": 150,
        "columns": ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"],
    }


def test_lineage_leads_from_the_model_back_to_the_download(shell):
    lines = shell.artifactflow("artifacts", "lineage", "iris-model", "--store", "examples/iris").out.splitlines()
    assert [line.strip("└─ ").split(" (run ")[0] for line in lines] == [
        "iris-model:v1  made by train",
        "iris:v1  made by prepare",
        "iris-raw:v1  made by download",
    ]


def test_the_model_is_a_skops_file_that_says_what_it_was_made_with(shell):
    model = shell.artifactflow("artifacts", "show", "iris-model", "--store", "examples/iris", "--json").json
    assert [file["path"] for file in model["files"]] == ["model.skops"]
    assert model["metadata"]["target"] == "species"
    assert model["metadata"]["features"]["sepal_length"] == "float64"
    assert "scikit-learn" in model["metadata"]["libraries"]


def test_plain_mlflow_runs_the_same_pipeline_and_reuses_its_results(shell):
    shell.variables["MLFLOW_TRACKING_URI"] = f"sqlite:///{shell.folder}/mlflow.db"
    run = shell.run("mlflow", "run", "examples/iris", "--env-manager", "local")
    assert "train     REUSE  unchanged since run " in run.out
    assert "iris: 0 run, 3 reused in " in run.out


def test_train_alone_prints_the_report_that_everybody_knows(shell):
    answer = shell.artifactflow("train", "--max-iter", "300", "--store", "alone")
    assert answer.out == (
        "Model Accuracy: 1.00\n"
        "\n"
        "Classification Report:\n"
        "              precision    recall  f1-score   support\n"
        "\n"
        "      setosa       1.00      1.00      1.00        10\n"
        "  versicolor       1.00      1.00      1.00         9\n"
        "   virginica       1.00      1.00      1.00        11\n"
        "\n"
        "    accuracy                           1.00        30\n"
        "   macro avg       1.00      1.00      1.00        30\n"
        "weighted avg       1.00      1.00      1.00        30\n"
        "\n"
    )
    assert answer.err.splitlines()[0].startswith("registered model:v1  model  sha256:")
    run = shell.artifactflow("runs", "show", "train", "--store", "alone", "--json").json
    assert (run["parameters"]["max_iter"], run["outputs"]["model"]) == (300, "model:v1")
    metrics = shell.artifactflow("artifacts", "get", "model-metrics", "--store", "alone", "--to", "out").out.strip()
    assert json.loads((shell.folder / metrics).read_text())["accuracy"] == 1.0
