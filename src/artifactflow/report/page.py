"""Writes a report as one HTML page that needs nothing else: no network, no font, no script of others.

Texts of users reach the page through the autoescaping of Jinja only. Should one slip through all the same, the page's
own content security policy lets no script run but the one whose digest it names, and nothing be loaded at all.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable
from importlib import resources
from typing import Any, Final

from artifactflow import __version__
from artifactflow.report import words
from artifactflow.report.facts import RunReport
from artifactflow.report.graph import drawings
from artifactflow.report.metrics import MetricChange
from artifactflow.words import seconds_text, size_text

DECISIONS: Final = {
    "RUN": "run",
    "REUSE": "reused",
    "FAILED": "failed",
    "STOPPED": "stopped",
    "BLOCKED": "blocked",
    "SKIP": "skipped",
}
"""The decisions in the order in which they are counted, as past participles."""


def render_page(report: RunReport) -> str:
    """The page."""
    import jinja2
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return words.clean(value) if type(value) is str else value

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("artifactflow.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "change": words.change_text,
        "bytes": size_text,
        "moment": words.moment_text,
        "number": words.number_text,
        "seconds": seconds_text,
        "value": words.value_text,
    }
    script = _own("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    steps = {step.outcome.step: f"step-{number}" for number, step in enumerate(report.steps, 1)}
    artifacts = {one.version.ref: f"artifact-{number}" for number, one in enumerate(report.artifacts, 1)}
    return environment.get_template("page.html").render(
        report=report,
        record=report.record,
        title=f"{report.record.pipeline}: {report.record.status.value}",
        counts=_counts(report),
        metrics=_by_step(report.metrics),
        drawings=dict(zip(("wide", "tall"), drawings(report.steps), strict=True)),
        failures=[step for step in report.steps if step.outcome.decision == "FAILED"],
        executed=[step for step in report.steps if step.executed],
        span=max([report.record.seconds, *(step.offset + step.seconds for step in report.steps), 0.001]),
        step_anchors=steps,
        artifact_anchors=artifacts,
        style=Markup(_own("report.css")),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704 - a file of ours
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        version=__version__,
    )


def _own(name: str) -> str:
    return (resources.files("artifactflow.report") / "templates" / name).read_text(encoding="utf-8")


def _by_step(changes: Iterable[MetricChange]) -> dict[str, list[MetricChange]]:
    found: dict[str, list[MetricChange]] = {}
    for change in changes:
        found.setdefault(change.step, []).append(change)
    return found


def _counts(report: RunReport) -> list[tuple[str, str, int]]:
    counted = Counter(step.outcome.decision for step in report.steps)
    return [(decision, DECISIONS.get(decision, decision.lower()), count) for decision, count in counted.items()]
