"""`artifactflow runs …`: what was executed, for people and for machines."""

from pathlib import Path

import pytest


@pytest.fixture
def ran(cli, words: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """The steps of a pipeline run, with the working folder beside their store."""
    monkeypatch.chdir(words)
    return cli("run-pipeline", "--json").json["steps"]


def test_ls_lists_pipeline_runs_newest_first(cli, ran):
    cli("run-pipeline")
    newest, oldest = cli("runs", "ls", "--json").json
    assert [step["decision"] for step in newest["steps"]] == ["REUSE", "REUSE"]
    assert [step["decision"] for step in oldest["steps"]] == ["RUN", "RUN"]
    shown = cli("runs", "ls").out
    assert shown.index("0 run, 2 reused") < shown.index("2 run, 0 reused")
    assert len(cli("runs", "ls", "-n", "1", "--json").json) == 1


def test_ls_of_steps_lists_what_was_executed(cli, ran):
    cli("run-pipeline")
    assert [run["step"] for run in cli("runs", "ls", "--steps", "--json").json] == ["shout", "make"]
    assert "loud:v1" in cli("runs", "ls", "--steps").out


def test_ls_where_nothing_ran(cli, tmp_path):
    assert cli("runs", "ls").out == "no runs yet in .artifactflow\n"
    assert cli("runs", "ls", "--json").json == []
    assert not (tmp_path / ".artifactflow").exists()


def test_show_json_holds_values_with_their_sources_and_the_versions(cli, ran):
    run = cli("runs", "show", ran[1]["run"], "--json").json
    assert (run["step"], run["status"], run["reason"]) == ("shout", "finished", "never run")
    assert (run["inputs"], run["outputs"]) == ({"text": "made:v1"}, {"loud": "loud:v1"})
    made = cli("runs", "show", ran[0]["run"], "--json").json
    assert made["parameters"] == {"word": "hello", "count": 2}
    assert made["sources"] == {"word": "default", "count": "default"}


def test_a_run_is_named_by_its_id_the_beginning_of_it_or_its_step(cli, ran):
    whole = cli("runs", "show", ran[0]["run"]).out
    assert cli("runs", "show", ran[0]["run"][:-2]).out == whole
    assert cli("runs", "show", "make").out == whole
    assert "made:v1" in whole


def test_show_of_a_pipeline_run_lists_its_steps(cli, ran):
    pipeline_run = cli("runs", "ls", "--json").json[0]["id"]
    shown = cli("runs", "show", pipeline_run).out
    assert [line.split()[0] for line in shown.splitlines()[-2:]] == ["make", "shout"]


def test_log_prints_what_a_step_printed(cli, ran):
    assert cli("runs", "log", "make").out == "making hello\n"
    pipeline_run = cli("runs", "ls", "--json").json[0]["id"]
    assert cli("runs", "log", pipeline_run, "--json").json == {"make": "making hello\n", "shout": ""}
    assert cli("runs", "log", pipeline_run).out == "== make\nmaking hello\n== shout\n"


@pytest.mark.parametrize("command", ["show", "log"])
def test_a_run_that_does_not_exist(cli, ran, command):
    assert cli("runs", command, "nothing", code=4).err == (
        "error: there is no run 'nothing'\nhint: artifactflow runs ls lists the runs\n"
    )
    assert cli("runs", command, "shuot", code=4).err.endswith("hint: did you mean shout?\n")


@pytest.mark.parametrize("command", ["show", "log"])
def test_where_there_is_no_store(cli, command):
    assert "there is no store here" in cli("runs", command, "make", code=4).err
