"""`artifactflow report`: which run, into which file, and what it says about both."""

import re

import pytest


@pytest.fixture
def ran(cli, words) -> str:
    """The id of a run of the pipeline `words`."""
    cli("run-pipeline", words, "-q")
    return cli("runs", "ls", "--json", "--store", words).json[0]["id"]


def test_without_arguments_it_tells_of_the_newest_run_beside_its_record(cli, words, ran):
    answer = cli("report", "--store", words)
    file = words / ".artifactflow" / "runs" / ran / "report.html"
    assert answer.out == f"{file.relative_to(words.parent)}\n"
    page = file.read_text()
    assert f"run {ran}" in page
    assert "making hello" in page
    assert "shout" in page


def test_a_run_may_be_named_and_a_file(cli, words, ran, tmp_path):
    cli("run-pipeline", words, "-q", "-P", "word=bye")
    answer = cli("report", ran[:-2], "-o", tmp_path / "one.html", "--store", words, "--json")
    assert answer.json == {"run": ran, "pipeline": "words", "status": "finished", "file": str(tmp_path / "one.html")}
    assert "making hello" in (tmp_path / "one.html").read_text()


def test_the_run_of_a_step_may_be_named(cli, words, ran, tmp_path):
    step = cli("runs", "ls", "--steps", "--json", "--store", words).json[0]
    cli("report", step["id"], "-o", tmp_path / "one.html", "--store", words)
    assert re.findall(r"<h3><bdi>(\w+)</bdi></h3>\s*<span class=\"badge RUN", (tmp_path / "one.html").read_text()) == [
        "shout"
    ]


def test_a_report_is_written_over_the_one_before(cli, words, ran):
    file = words / "report.html"
    file.write_text("old")
    cli("report", "-o", file, "--store", words)
    assert "<!DOCTYPE html>" in file.read_text()
    assert [path.name for path in words.iterdir() if "partial" in path.name] == []


def test_open_shows_it_in_the_browser(cli, words, ran, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    cli("report", "--open", "--store", words)
    assert opened == [(words / ".artifactflow" / "runs" / ran / "report.html").as_uri()]


def test_a_run_that_does_not_exist_is_said_so(cli, words, ran):
    assert "there is no pipeline run 'nope'" in cli("report", "nope", "--store", words, code=4).err


def test_without_a_store_there_is_nothing_to_tell(cli):
    assert "there is no store here" in cli("report", code=4).err


def test_a_file_that_cannot_be_written_is_said_so_and_nothing_is_left(cli, words, ran, tmp_path):
    assert "cannot write" in cli("report", "-o", tmp_path / "none" / "x.html", "--store", words, code=9).err


def test_a_failed_run_shows_the_step_that_failed(cli, words, tmp_path):
    (words / "shout" / "main.py").write_text("print('no voice')\nraise SystemExit(3)\n")
    cli("run-pipeline", words, "-q", code=6)
    cli("report", "-o", tmp_path / "one.html", "--store", words)
    page = " ".join(re.sub(r"<[^>]+>", "", (tmp_path / "one.html").read_text()).split())
    assert "shout failed with exit code 3" in page
    assert "no voice" in page
