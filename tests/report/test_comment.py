import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.report.changes import baseline, changed_artifacts
from artifactflow.report.collect import find_record
from artifactflow.report.comment import LONGEST_TEXT, ROWS, Comment, marker, render_comment, text
from artifactflow.report.facts import LogExcerpt
from artifactflow.report.metrics import MetricChange, compared, measured
from artifactflow.runs import PipelineRun, RunStatus, StepOutcome


def rows(markdown: str, first: str) -> list[list[str]]:
    """The table whose first column is called so."""
    lines = markdown.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


@pytest.fixture(scope="module")
def markdown(demo) -> str:
    record = find_record(demo.store)
    previous = baseline(demo.store, record, None, demo.folder)
    return render_comment(
        Comment(
            "demo",
            record.steps,
            record,
            previous,
            compared(measured(demo.store, record), measured(demo.store, previous), steps=[]),
            changed_artifacts(demo.store, previous, record),
            [("publish", LogExcerpt("log", "403 </pre> @all", "", 9, 0))],
        )
    )


def test_the_first_line_is_the_marker_by_which_a_workflow_finds_it_again(markdown: str):
    assert markdown.splitlines()[0] == "<!-- artifactflow: demo -->"


def test_it_tells_how_the_run_ended(markdown: str):
    assert "### <code>demo</code>: failed" in markdown
    assert "5 run, 1 failed, 1 blocked in 10.0 s" in markdown
    assert "commit <code>0123456789</code>" in markdown


def test_every_step_has_a_row(markdown: str):
    table = rows(markdown, "step")
    assert table[0] == ["step", "decision", "reason", "time"]
    assert table[2] == ["<code>load</code>", "RUN", "never run", "1.50 s"]
    assert table[-1][:3] == ["<code>announce</code>", "BLOCKED", "needs publish"]


def test_metrics_that_moved_are_told_and_the_others_counted(markdown: str):
    assert "3 more are the same" in markdown
    metrics = markdown[markdown.index("#### Metrics") :]
    assert rows(metrics, "step")[2][1:] == ["<code>rmse</code>", "1", "**0.9**", "−10 % better"]


def test_artifacts_that_came_out_differently_are_told(markdown: str):
    artifacts = markdown[markdown.index("#### Artifacts that changed") :]
    assert rows(artifacts, "step")[2][1:3] == ["<code>scores:v1</code>", "<code>scores:v4</code>"]
    assert "raw" not in artifacts


def test_the_log_of_a_failed_step_is_folded_and_cannot_get_out(markdown: str):
    assert "<pre>403 &lt;/pre&gt; @all</pre>" in markdown


def test_a_plan_has_no_times_and_no_metrics():
    steps = [StepOutcome("load", "REUSE", "unchanged"), StepOutcome("train", "RUN", "parameter depth 1 → 2")]
    markdown = render_comment(Comment("demo", steps))
    assert "### Plan of <code>demo</code>" in markdown
    assert "1 to run, 1 to reuse" in markdown
    assert rows(markdown, "step")[-1] == ["<code>train</code>", "RUN", "parameter depth 1 → 2"]
    assert "Metrics" not in markdown


def test_of_many_steps_those_that_are_reused_are_left_out_first():
    steps = [StepOutcome(f"s{n}", "RUN" if n % 50 == 49 else "REUSE", "") for n in range(200)]
    markdown = render_comment(Comment("demo", steps))
    shown = [row[0] for row in rows(markdown, "step")[2:]]
    assert len(shown) == ROWS[0]
    assert "<code>s199</code>" in shown
    assert "and 140 more" in markdown


def test_a_comment_is_never_longer_than_github_takes():
    steps = [StepOutcome("*" * 300, "RUN", "|" * 3000) for _ in range(300)]
    changes = [MetricChange("_" * 300, "`" * 300, 1.0, 2.0) for _ in range(300)]
    assert len(render_comment(Comment("demo", steps[:20]))) < 65_536
    record = PipelineRun("x", "demo", RunStatus.FINISHED)
    assert len(render_comment(Comment("demo", steps, record, record, changes))) < 65_536


@pytest.mark.parametrize(
    "hostile",
    [
        "a|b",
        "<img src=x onerror=alert(1)>",
        "[click](https://example.org)",
        "![pixel](https://example.org/p.png)",
        "@everyone",
        "fixes #1",
        "`code` **bold** ~~gone~~ __also__",
        "https://example.org",
        "line\nline | two\r\n\n# Title",
        "--> <b>",
    ],
)
def test_nothing_that_users_write_is_markdown(hostile: str):
    written = render_comment(Comment(hostile, [StepOutcome(hostile, "RUN", hostile)]))
    own = re.sub(r"</?code>|<!-- artifactflow: [\w.]* -->|&#\d+;", "", written)
    assert not set("<>[]!@`*_~\\") & set(own)
    assert "//" not in own
    assert re.findall("#+", own) == ["###"]
    assert len(rows(written, "step")) == 3


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_stays_in_one_cell_of_one_line(content: str):
    written = text(content)
    assert not set('|\n\r<>[]`*_@#\\"/') & set(re.sub(r"&#\d+;", "", written))
    assert len(re.sub(r"&#\d+;", "x", written)) <= LONGEST_TEXT


def test_no_text_turns_the_direction_of_what_stands_behind_it():
    turned = "safe\u202egpj.exe"
    log = LogExcerpt("log", turned, turned, 9, 0)
    written = render_comment(Comment("p", [StepOutcome(turned, "FAILED", turned)], logs=[(turned, log)]))
    assert "safe�gpj.exe" in written.replace(f"&#{ord('�')};", "�")
    assert "\u202e" not in written
    assert f"&#{0x202E};" not in written


def test_the_marker_cannot_be_ended_by_a_name():
    assert marker("a --> <b>") == "<!-- artifactflow: ab -->"


def test_a_first_run_tells_its_metrics_alone(demo):
    record = replace(find_record(demo.store), steps=())
    markdown = render_comment(Comment("demo", (), record, None, [MetricChange("train", "rmse", None, 0.5)]))
    metrics = markdown[markdown.index("#### Metrics") :]
    assert rows(metrics, "step")[0] == ["step", "metric", "now"]
