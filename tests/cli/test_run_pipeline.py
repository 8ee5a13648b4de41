"""`artifactflow run-pipeline`: what it prints, what it takes, what it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest


def test_the_first_run_says_run_and_the_second_reuse_each_with_its_reason(cli, words: Path):
    first = cli("run-pipeline", "words").out.splitlines()
    assert first[0].split() == ["make", "RUN", "never", "run"]
    assert first[1].split()[:3] == ["→", "made:v1", "in"]
    assert "words: 2 run, 0 reused in" in "\n".join(first)
    assert first[-1] == "the artifacts are in words/.artifactflow"

    second = cli("run-pipeline", "words").out
    assert second.splitlines()[0].startswith("make   REUSE  unchanged since run ")
    assert "words: 0 run, 2 reused in" in second


def test_a_step_reruns_with_the_difference_as_its_reason(cli, words: Path):
    cli("run-pipeline", "words")
    steps = cli("run-pipeline", "words", "-P", "word=bye", "--json").json["steps"]
    assert [(step["decision"], step["reason"]) for step in steps] == [
        ("RUN", "parameter word hello → bye"),
        ("RUN", "input text: made:v1 → made:v2"),
    ]


def test_a_step_stops_the_reruns_when_it_makes_what_it_made_before(cli, words: Path):
    cli("run-pipeline", "words")
    script = words / "make" / "main.py"
    script.write_text(script.read_text() + "print('done')\n")
    steps = cli("run-pipeline", "words", "--json").json["steps"]
    assert [(step["decision"], step["reason"].split(" run ")[0]) for step in steps] == [
        ("RUN", "code changed: main.py"),
        ("REUSE", "unchanged since"),
    ]


def test_json_is_one_object_with_steps_and_totals(cli, words: Path):
    answer = cli("run-pipeline", words, "--json")
    assert answer.err == ""
    assert set(answer.json) == {"pipeline", "run", "status", "steps", "totals"}
    for step in answer.json["steps"]:
        assert set(step) == {"step", "decision", "reason", "run", "outputs", "seconds"}
    assert answer.json["steps"][1]["outputs"] == {"loud": "loud:v1"}
    totals = answer.json["totals"]
    assert (totals.pop("seconds") >= 0, totals) == (True, {"run": 2, "reuse": 0, "failed": 0, "skip": 0, "blocked": 0})


def test_a_dry_run_prints_the_plan_and_makes_nothing(cli, words: Path):
    plan = cli("run-pipeline", "words", "--dry-run")
    assert [line.split()[:3] for line in plan.out.splitlines()[1:3]] == [
        ["make", "RUN", "never"],
        ["shout", "RUN", "follows"],
    ]
    assert plan.out.endswith("2 to run, 0 to reuse\n")
    assert not (words / ".artifactflow").exists()

    cli("run-pipeline", "words")
    again = cli("run-pipeline", "words", "-n", "-P", "make.count=3", "--json").json
    assert again["totals"] == {"run": 2, "reuse": 0, "skip": 0}
    assert again["steps"][0]["reason"] == "parameter count 2 → 3"
    assert again["steps"][0]["parameters"] == {"word": "hello", "count": 3}
    assert again["steps"][0]["sources"] == {"word": "default", "count": "-P make.count"}


def test_values_come_from_option_then_variable_then_config_then_default(cli, words: Path, monkeypatch):
    def word_and_source(*options: str) -> tuple[str, str]:
        step = cli("run-pipeline", "words", "-n", "--json", *options).json["steps"][0]
        return step["parameters"]["word"], step["sources"]["word"]

    assert word_and_source() == ("hello", "default")
    config = words.parent / "other.yaml"
    config.write_text("word: config\n")
    assert word_and_source("--config", "other.yaml") == ("config", "other.yaml:1:7")
    monkeypatch.setenv("ARTIFACTFLOW_P_WORD", "variable")
    assert word_and_source("--config", "other.yaml") == ("variable", "ARTIFACTFLOW_P_WORD")
    assert word_and_source("--config", "other.yaml", "-P", "word=option") == ("option", "-P word")


def test_force_runs_one_step_though_nothing_changed(cli, words: Path):
    cli("run-pipeline", "words")
    steps = cli("run-pipeline", "words", "--force", "make", "--json").json["steps"]
    assert [(step["decision"], step["reason"].split(" run ")[0]) for step in steps] == [
        ("RUN", "forced"),
        ("REUSE", "unchanged since"),
    ]


@pytest.mark.parametrize(("option", "reason"), [("--force=all", "forced"), ("--no-cache", "run with --no-cache")])
def test_every_step_can_be_made_to_run(cli, words: Path, option, reason):
    cli("run-pipeline", "words")
    steps = cli("run-pipeline", "words", option, "--json").json["steps"]
    assert [step["reason"] for step in steps] == [reason, reason]


def test_a_components_folder_is_a_pipeline_of_one(cli, words: Path):
    (step,) = cli("run-pipeline", "words/make", "-P", "word=one", "--json").json["steps"]
    assert (step["step"], step["outputs"]) == ("make", {"made": "made:v1"})


def test_an_input_may_be_a_path_or_a_stored_artifact(cli, words: Path):
    (words.parent / "text.txt").write_text("from a file")
    store = ["--store", "here"]
    cli("run-pipeline", "words/shout", "-P", "text=text.txt", *store)
    cli("artifacts", "put", "text.txt", *store)
    (step,) = cli("run-pipeline", "words/shout", "-P", "text=artifactflow:/text/latest", "--json", *store).json["steps"]
    assert step["outputs"] == {"loud": "loud:v1"}
    cli("artifacts", "get", "loud", *store)
    assert Path("loud.txt").read_text() == "FROM A FILE"


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["nowhere"], 4, "there is no nowhere", "give a pipeline.yaml, or a folder"),
        (["."], 4, "holds neither a pipeline.yaml nor an MLproject", "scaffold"),
        (["words", "-P", "wrd=x"], 2, "pipeline words has no parameter 'wrd'", "did you mean word?"),
        (["words", "-P", "count=3"], 2, "pipeline words has no parameter 'count'", "did you mean make.count?"),
        (["words", "-P", "make.word=x"], 2, "make.word is set by the pipeline itself", "word"),
        (["words", "-P", "make.count=ten"], 2, "count takes a whole number from 1 to 9, got 'ten'", ""),
        (["words", "-P", "make.count=10"], 2, "count takes a whole number from 1 to 9, got 10", ""),
        (["words", "-P", "word"], 2, "-P takes NAME=VALUE, got 'word'", "for example"),
        (["words", "--config", "none.yaml"], 4, "none.yaml", ""),
        (["words", "--force", "mke"], 4, "pipeline words has no step 'mke'", "did you mean make?"),
        (
            ["words", "--env", "vagrant"],
            2,
            "no environment 'vagrant', expected one of auto, current, uv, conda",
            "--env uv",
        ),
        (["words", "--jobs", "0"], 2, "--jobs takes a whole number of at least 1, got '0'", ""),
        (["words", "--jobs", "two"], 2, "--jobs takes a whole number of at least 1, got 'two'", ""),
        (["words", "--env", "mke=uv"], 4, "no step and no tag is called 'mke'", "did you mean make?"),
    ],
)
def test_what_is_wrong_is_found_before_anything_runs(cli, words: Path, arguments, code, error, hint):
    failed = cli("run-pipeline", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in failed.partition("hint: ")[2]
    assert cli("runs", "ls", "--json", "--store", words / ".artifactflow").json == []


def test_a_failed_step_shows_the_end_of_its_log_and_where_the_rest_is(cli, words: Path):
    (words / "shout" / "main.py").write_text("print('before the end')\nraise SystemExit(3)\n")
    failed = cli("run-pipeline", "words", code=6).err
    assert failed.startswith("error: step shout failed with exit code 3; the end of its log:\n  before the end\n")
    assert "hint: see the whole log: artifactflow runs log " in failed


def test_a_failed_run_is_told_as_json_too(cli, words: Path):
    (words / "shout" / "main.py").write_text("raise SystemExit(3)\n")
    failed = cli("run-pipeline", "words", "--json", code=6)
    assert failed.json["status"] == "failed"
    assert [step["decision"] for step in failed.json["steps"]] == ["RUN", "FAILED"]
    assert failed.json["totals"]["failed"] == 1


def test_a_reader_that_leaves_does_not_stop_the_run(cli, words: Path):
    command = [sys.executable, "-m", "artifactflow", "run-pipeline", str(words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read()
        assert (process.wait(30), errors) == (0, b"")
    (run,) = cli("runs", "ls", "--json", "--store", words / ".artifactflow").json
    assert (run["status"], len(run["steps"])) == ("finished", 2)
