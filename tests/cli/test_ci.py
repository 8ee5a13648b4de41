"""`artifactflow ci comment`: a plan or a run, as Markdown."""

import pytest


@pytest.fixture
def ran(cli, words) -> None:
    cli("run-pipeline", words, "-q")


def test_a_comment_tells_of_the_newest_run(cli, words, ran):
    lines = cli("ci", "comment", "--store", words).out.splitlines()
    assert lines[0] == "<!-- artifactflow: words -->"
    assert lines[1] == "### <code>words</code>: finished"
    assert any(line.startswith("| <code>make</code> | RUN | never run |") for line in lines)


def test_a_second_run_is_compared_with_the_first(cli, words, ran):
    cli("run-pipeline", words, "-q", "-P", "word=bye")
    out = cli("ci", "comment", "--store", words).out
    assert "#### Artifacts that changed" in out
    assert "<code>loud:v1</code> | <code>loud:v2</code>" in out


def test_an_earlier_run_may_be_told_of(cli, words, ran):
    first = cli("runs", "ls", "--json", "--store", words).json[0]["id"]
    cli("run-pipeline", words, "-q", "-P", "word=bye")
    assert first in cli("ci", "comment", "--run", first, "--store", words).out


def test_a_plan_tells_what_would_run(cli, words, ran):
    out = cli("ci", "comment", "--plan", words, "-P", "word=bye").out
    assert "### Plan of <code>words</code>" in out
    assert "2 to run, 0 to reuse" in out
    assert "parameter word hello → bye" in out


def test_a_plan_needs_no_store(cli, words):
    assert "2 to run" in cli("ci", "comment", "--plan", words).out
    assert not (words / ".artifactflow").exists()


def test_it_goes_to_a_file_on_request(cli, words, ran, tmp_path):
    assert cli("ci", "comment", "-o", tmp_path / "comment.md", "--store", words).out == ""
    assert (tmp_path / "comment.md").read_text().startswith("<!-- artifactflow: words -->\n")


def test_json_has_the_marker_and_the_markdown(cli, words, ran):
    answer = cli("ci", "comment", "--json", "--store", words).json
    assert answer["markdown"].startswith(answer["marker"])


def test_the_end_of_the_log_of_a_failed_step_is_told(cli, words):
    (words / "shout" / "main.py").write_text("print('no <voice>')\nraise SystemExit(3)\n")
    cli("run-pipeline", words, "-q", code=6)
    assert "<pre>no &lt;voice&gt;</pre>" in cli("ci", "comment", "--store", words).out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plan", "words", "--run", "x"], "--plan tells of no run"),
        (["-P", "word=x"], "-P and --config are for a plan"),
    ],
)
def test_options_that_do_not_go_together_are_refused(cli, words, arguments, message):
    assert message in cli("ci", "comment", *arguments, code=2).err


def test_what_to_compare_with_must_exist(cli, words, ran):
    assert "neither a pipeline's run" in cli("ci", "comment", "--against", "nope", "--store", words, code=4).err
