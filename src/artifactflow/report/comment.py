"""Writes a plan, or what a run did, as the Markdown of a comment on a pull request.

Everything that users wrote is escaped to the last punctuation mark: no name can end a table's cell, become a link or an
image, or call somebody by `@name`. The first line is a hidden marker by which a workflow finds the comment again.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from artifactflow.report.changes import ArtifactChange
from artifactflow.report.facts import LogExcerpt
from artifactflow.report.metrics import MetricChange, Verdict
from artifactflow.report.words import change_text, clean, number_text
from artifactflow.runs import PipelineRun, StepOutcome
from artifactflow.words import seconds_text, size_text

LONGEST_COMMENT: Final = 60_000
"""GitHub takes comments of 65,536 characters."""
ROWS: Final = (60, 25, 10, 3)
"""How many rows a table may have: the first of these with which the comment is short enough."""
LONGEST_TEXT: Final = 160
LONGEST_LOG: Final = 2_000

_turning = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment tells. Without `record` the outcomes are a plan. `logs` are those of failed steps."""

    pipeline: str
    outcomes: Sequence[StepOutcome]
    record: PipelineRun | None = None
    previous: PipelineRun | None = None
    metrics: Sequence[MetricChange] = ()
    artifacts: Sequence[ArtifactChange] = ()
    logs: Sequence[tuple[str, LogExcerpt]] = ()


def marker(pipeline: str) -> str:
    """The hidden first line of a pipeline's comment.

    >>> marker("housing")
    '<!-- artifactflow: housing -->'
    """
    return f"<!-- artifactflow: {''.join(char for char in pipeline if char.isalnum() or char in '_.')} -->"


def render_comment(comment: Comment) -> str:
    """The Markdown, for GitHub and whoever reads the same."""
    markdown = ""
    for rows in ROWS:
        markdown = _render(comment, rows)
        if len(markdown) <= LONGEST_COMMENT:
            break
    return markdown


def _render(comment: Comment, rows: int) -> str:
    parts = [marker(comment.pipeline), *_head(comment), "", *_steps(comment, rows)]
    for step, log in comment.logs[:rows]:
        shown = html.escape(_unturned(log.last[-LONGEST_LOG:]), quote=False)
        parts += ["", f"<details><summary>The end of the log of {code(step)}</summary>", "", f"<pre>{shown}</pre>", ""]
        parts.append("</details>")
    if comment.metrics:
        parts += ["", "#### Metrics", "", *_metrics(comment, rows)]
    if comment.artifacts:
        parts += ["", "#### Artifacts that changed", "", *_artifacts(comment.artifacts, rows)]
    return "\n".join(parts) + "\n"


def text(content: str) -> str:
    """What a user wrote, as plain text in Markdown.

    >>> text("a|b *c* <d>")
    'a&#124;b &#42;c&#42; &#60;d&#62;'
    """
    line = " ".join(_unturned(content).split())
    line = line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
    return "".join(char if char.isalnum() or char in " .,:;=()%+→…-" else f"&#{ord(char)};" for char in line)


def _unturned(content: str) -> str:
    """Nothing here keeps a text that turns the direction of writing from turning what stands behind it."""
    return _turning.sub("�", clean(content))


def code(content: str) -> str:
    """A name in the type of code, where nobody is notified by an `@` and no number becomes a link."""
    return f"<code>{text(content)}</code>"


def _head(comment: Comment) -> list[str]:
    counts = Counter(outcome.decision for outcome in comment.outcomes)
    record = comment.record
    if record is None:
        left_out = f", {counts['SKIP']} left out" if counts["SKIP"] else ""
        return [
            f"### Plan of {code(comment.pipeline)}",
            "",
            f"{counts['RUN']} to run, {counts['REUSE']} to reuse{left_out}",
        ]
    words = {"RUN": "run", "REUSE": "reused", "FAILED": "failed", "STOPPED": "stopped", "BLOCKED": "blocked"}
    counted = ", ".join(f"{counts[decision]} {word}" for decision, word in words.items() if counts[decision])
    facts = [f"{counted or 'nothing'} in {seconds_text(record.seconds)}", f"run {code(record.id)}"]
    commit = str((record.facts.get("source") or {}).get("commit", ""))
    facts += [f"commit {code(commit[:10])}"] if commit else []
    return [f"### {code(comment.pipeline)}: {record.status.value}", "", " · ".join(facts)]


def _steps(comment: Comment, most: int) -> list[str]:
    # What is reused is no news: it is the first to be left out.
    ranked = sorted(range(len(comment.outcomes)), key=lambda number: comment.outcomes[number].decision == "REUSE")
    kept = [comment.outcomes[number] for number in sorted(ranked[:most])]
    timed = comment.record is not None
    rows = [
        [code(one.step), one.decision, text(one.reason), *([seconds_text(one.seconds)] if timed else [])]
        for one in kept
    ]
    more = len(comment.outcomes) - len(kept)
    return [
        *_table(["step", "decision", "reason", *(["time"] if timed else [])], rows),
        *_more(more),
    ]


def _metrics(comment: Comment, most: int) -> list[str]:
    if comment.previous is None:
        rows = [[code(one.step), code(one.name), number_text(one.now)] for one in comment.metrics[:most]]
        return _table(["step", "metric", "now"], rows)
    moved = [one for one in comment.metrics if one.verdict is not Verdict.SAME]
    against = f"Against run {code(comment.previous.id)}"
    if not moved:
        return [f"{against}: all {len(comment.metrics)} are the same."]
    rows = [
        [code(one.step), code(one.name), number_text(one.before), f"**{number_text(one.now)}**", _moved(one)]
        for one in moved[:most]
    ]
    same = len(comment.metrics) - len(moved)
    return [
        f"{against}{f', {same} more are the same' if same else ''}.",
        "",
        *_table(["step", "metric", "before", "now", "change"], rows),
        *_more(len(moved) - len(rows)),
    ]


def _more(count: int) -> list[str]:
    return ["", f"and {count} more"] if count else []


def _moved(change: MetricChange) -> str:
    if change.change is None:
        return change.verdict.value
    word = "" if change.verdict is Verdict.CHANGED else f" {change.verdict.value}"
    return f"{change_text(change)}{word}"


def _artifacts(changes: Sequence[ArtifactChange], most: int) -> list[str]:
    rows = [
        [
            code(one.step),
            code(one.before.ref) if one.before else "–",
            code(one.now.ref) if one.now else "–",
            _sizes(one),
            text(one.content),
        ]
        for one in changes[:most]
    ]
    more = len(changes) - len(rows)
    table = _table(["step", "before", "now", "size", "content"], rows)
    return [*table, *_more(more)]


def _sizes(change: ArtifactChange) -> str:
    before, now = (size_text(side.size) if side else "–" for side in (change.before, change.now))
    return before if before == now else f"{before} → {now}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    right = {"before", "now", "change"} if "metric" in columns else {"time"}
    rule = ["---:" if column in right else "---" for column in columns]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]
