"""Who is told: what was asked for, and what the surroundings say where nothing was."""

from pathlib import Path

import pytest

from artifactflow.errors import ContractError, UsageError
from artifactflow.read.pipeline import TRACK_NAMES
from artifactflow.trackers import TRACKERS, chosen_trackers
from artifactflow.trackers.choice import AUTO, NONE, has_wandb_key, mlflow_address, settings_of

KEY = {"WANDB_API_KEY": "k" * 40}
SERVER = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}


def chosen(project: Path, asked: str | None = None, stated: list[str] | None = None, **environment: str):
    return chosen_trackers(asked, stated, project, {"HOME": str(project / "home"), **environment})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ()),
        (SERVER, ("mlflow",)),
        (KEY, ("wandb",)),
        ({"WANDB_MODE": "offline"}, ("wandb",)),
        ({"WANDB_MODE": "disabled"}, ()),
        ({"WANDB_MODE": "disabled", **KEY, **SERVER}, ("mlflow",)),
        ({**SERVER, **KEY}, ("mlflow", "wandb")),
    ],
)
def test_without_a_word_the_surroundings_decide(tmp_path: Path, environment: dict[str, str], expected: tuple[str]):
    assert chosen(tmp_path, **environment) == expected
    assert chosen(tmp_path, "auto", **environment) == expected


def test_a_project_that_has_a_database_of_mlflows_is_told(tmp_path: Path):
    (tmp_path / "mlflow.db").touch()
    assert chosen(tmp_path) == ("mlflow",)


def test_the_strongest_word_counts(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\ntrack = "mlflow"\n')
    assert chosen(tmp_path) == ("mlflow",)
    assert chosen(tmp_path, stated=["wandb"]) == ("wandb",)
    assert chosen(tmp_path, stated=["wandb"], ARTIFACTFLOW_TRACK="mlflow") == ("mlflow",)
    assert chosen(tmp_path, "none", ["wandb"], ARTIFACTFLOW_TRACK="mlflow", **KEY) == ()
    assert chosen(tmp_path, "wandb,mlflow") == ("mlflow", "wandb")


def test_disabled_wandb_is_not_told_though_the_pipeline_names_it(tmp_path: Path):
    assert chosen(tmp_path, stated=["mlflow", "wandb"], WANDB_MODE="disabled") == ("mlflow",)


@pytest.mark.parametrize("text", ["mlfow", "none,mlflow", ","])
def test_what_is_no_tracker_is_refused(tmp_path: Path, text: str):
    with pytest.raises(UsageError, match="--track"):
        chosen(tmp_path, text)


def test_a_wrong_word_in_pyproject_names_the_file(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text('[tool.artifactflow]\ntrack = ["mlfow"]\n')
    with pytest.raises(ContractError, match="mlfow") as caught:
        chosen(tmp_path)
    assert str(caught.value.place) == str(tmp_path / "pyproject.toml")
    assert caught.value.hint == "did you mean mlflow?"


def test_a_key_in_the_file_of_passwords_counts_for_its_server_only(tmp_path: Path):
    (tmp_path / ".netrc").write_text(f"machine api.wandb.ai login user password {'k' * 40}\n")
    home = {"HOME": str(tmp_path)}
    assert has_wandb_key(home)
    assert not has_wandb_key({**home, "WANDB_BASE_URL": "https://wandb.example.org"})


def test_a_user_without_a_home_has_no_file_of_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unknown(_number: int) -> None:
        raise KeyError("no such user")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert not has_wandb_key({})
    (tmp_path / "passwords").write_text(f"machine api.wandb.ai login user password {'k' * 40}\n")
    assert has_wandb_key({"NETRC": str(tmp_path / "passwords")})


def test_nothing_secret_is_in_what_a_run_remembers(tmp_path: Path):
    environment = {"MLFLOW_TRACKING_URI": "https://me:word@mlflow.example.org", **KEY}
    assert "word" not in str(settings_of(["mlflow", "wandb"], "iris", tmp_path, environment))
    assert "kkkk" not in str(settings_of(["mlflow", "wandb"], "iris", tmp_path, environment))


def test_a_relative_database_is_the_same_one_for_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert mlflow_address(tmp_path, {}) == f"sqlite:///{tmp_path}/mlflow.db"
    assert mlflow_address(tmp_path, {"MLFLOW_TRACKING_URI": "sqlite:///x.db"}) == f"sqlite:///{tmp_path}/x.db"
    assert mlflow_address(tmp_path, SERVER) == SERVER["MLFLOW_TRACKING_URI"]


def test_the_pipeline_file_takes_the_same_words():
    assert set(TRACK_NAMES) == {*TRACKERS, NONE, AUTO}
