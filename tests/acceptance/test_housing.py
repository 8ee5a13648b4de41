"""The housing example: an archive from a web server, cleaned by a script that knows nothing of us, to a regressor."""

from collections.abc import Callable
from pathlib import Path

import pytest

from artifactflow.artifact import Digest


@pytest.fixture(scope="module")
def shell(new_shell: Callable, server):
    """A user who has run the example once, on the archive from loopback."""
    archive = Path(__file__).resolve().parents[3] / "shared" / "data" / "housing.tgz"
    if not archive.is_file():
        pytest.skip(f"{archive} is not on this machine")
    made = new_shell("housing")
    made.address = server.page("/housing.tgz", archive.read_bytes())
    made.pipeline = ["examples/housing", "-P", f"file_url={made.address}"]
    made.first = made.steps(*made.pipeline)
    made.asked = list(server.asked)
    return made


def test_the_first_run_downloads_cleans_splits_and_trains(shell):
    assert shell.first == [(step, "RUN", "never run") for step in ("download", "clean", "split", "train")]
    assert shell.asked == ["/housing.tgz"]


def test_the_second_run_reuses_everything_in_under_a_second_and_asks_no_server(shell, server):
    record = shell.artifactflow("run-pipeline", *shell.pipeline, "--json").json
    assert [step["decision"] for step in record["steps"]] == ["REUSE"] * 4
    assert record["totals"]["seconds"] < 1
    assert server.asked == shell.asked


def test_the_archive_of_one_file_is_that_file(shell):
    version = shell.artifactflow("artifacts", "show", "housing", "--store", "examples/housing", "--json").json
    assert [file["path"] for file in version["files"]] == ["housing.csv"]
    assert version["metadata"]["sha256"] == "d4cd501af90475f09b814c7447c7701f59bf28e8cf1180205ae5ace9737a0109"
    assert Digest.parse(version["digest"])


def test_a_changed_parameter_reruns_only_what_depends_on_it(shell):
    assert shell.steps(*shell.pipeline, "-P", "max_iter=20") == [
        ("download", "REUSE", "unchanged"),
        ("clean", "REUSE", "unchanged"),
        ("split", "REUSE", "unchanged"),
        ("train", "RUN", "parameter max_iter 100 → 20"),
    ]
    assert [step[1] for step in shell.steps(*shell.pipeline, "--dry-run", "-P", "min_value=20000")] == [
        "REUSE",
        "RUN",
        "RUN",
        "RUN",
    ]


def test_lineage_leads_from_the_model_back_to_the_download(shell):
    tree = shell.artifactflow("artifacts", "lineage", "housing-model:v1", "--store", "examples/housing", "--json").json

    def makers(node: dict) -> set[str]:
        return {node["step"], *(maker for child in node["from"] for maker in makers(child))}

    assert makers(tree) == {"train", "split", "clean", "download"}
    assert {child["version"] for child in tree["from"]} == {"housing-train:v1", "housing-test:v1"}


def test_the_model_is_better_than_the_mean(shell):
    shell.artifactflow("artifacts", "get", "housing-metrics:v1", "--store", "examples/housing", "--to", "out")
    assert '"r2": 0.8' in (shell.folder / "out" / "metrics.json").read_text()
