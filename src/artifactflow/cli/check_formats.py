"""How the findings of `check` are printed: for people, for GitHub's log, as JSON and as SARIF."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import typer

from artifactflow import __version__
from artifactflow.check import ALL_RULES, Finding, Report, Severity
from artifactflow.check.run import source_line

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_SARIF_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def text(report: Report) -> str:
    """Each finding with its line and a caret below what is meant; a count at the end."""
    colour = sys.stdout.isatty()

    def paint(words: str, **style: Any) -> str:
        return typer.style(words, **style) if colour else words

    parts = []
    for finding in report.findings:
        severity = finding.rule.severity
        code = paint(f"{severity.value}[{finding.code}]", fg=_COLOURS[severity], bold=True)
        parts.append(f"{paint(_shown(finding), bold=True)}: {code} {finding.message}")
        line = _line(finding)
        if line.strip() and finding.place.line:
            number = str(finding.place.line)
            margin = " " * len(number)
            parts.append(f"  {margin} |\n  {number} | {line}")
            if finding.place.column:
                before = "".join("\t" if character == "\t" else " " for character in line[: finding.place.column - 1])
                carets = paint("^" * max(1, finding.length), fg=_COLOURS[severity])
                parts.append(f"  {margin} | {before}{carets}")
        if finding.hint:
            parts.append(f"  {paint('help', fg='cyan')}: {finding.hint}")
        parts.append("")
    parts.append(_count(report))
    return "\n".join(parts) + "\n"


def _line(finding: Finding) -> str:
    """The line that a finding is on, without the secret that it is about."""
    line, start = source_line(finding.place), (finding.place.column or 1) - 1
    return line[:start] + "*" * finding.length + line[start + finding.length :] if finding.masked else line


def _shown(finding: Finding) -> str:
    return str(finding.place) or "."


def _count(report: Report) -> str:
    looked = f"{_plural(report.components, 'component')}, {_plural(report.pipelines, 'pipeline')}"
    if not report.findings:
        return f"nothing wrong in {looked}"
    counts = [f"{_plural(report.count(severity), severity.value)}" for severity in Severity if report.count(severity)]
    fixable = sum(finding.fix is not None for finding in report.findings)
    mend = f"; {fixable} can be mended: artifactflow check --fix" if fixable else ""
    return f"{', '.join(counts)} in {looked}{mend}"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 or word == "info" else f"{number} {word}s"


def as_json(report: Report) -> str:
    """One JSON object: the findings, and how many there are of each severity."""
    counts = {severity.value: report.count(severity) for severity in Severity}
    content = {"findings": [finding.to_json() for finding in report.findings], "counts": counts}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def github(report: Report) -> str:
    """Workflow commands, which GitHub shows beside the lines of a pull request."""
    levels = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
    lines = []
    for finding in report.findings:
        place = finding.place
        where = f"file={_escaped(place.file, property_value=True)}"
        if place.line:
            where += f",line={place.line}"
        if place.column:
            where += f",col={place.column}"
        title = _escaped(f"{finding.code} {finding.rule.name}", property_value=True)
        words = _escaped(f"{finding.message}. {finding.hint}" if finding.hint else finding.message)
        lines.append(f"::{levels[finding.rule.severity]} {where},title={title}::{words}\n")
    return "".join(lines)


def _escaped(words: str, *, property_value: bool = False) -> str:
    escaped = words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return escaped.replace(":", "%3A").replace(",", "%2C") if property_value else escaped


def sarif(report: Report) -> str:
    """SARIF 2.1.0, which code-scanning services read."""
    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": rule.summary},
            "fullDescription": {"text": rule.explanation or rule.summary},
            "defaultConfiguration": {"level": _SARIF_LEVELS[rule.severity]},
        }
        for rule in ALL_RULES
    ]
    driver = {
        "name": "artifactflow",
        "version": __version__,
        "informationUri": "https://example.org/artifactflow",
        "rules": rules,
    }
    content = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_sarif_result(finding) for finding in report.findings]}],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _sarif_result(finding: Finding) -> dict[str, Any]:
    place = finding.place
    region = {"startLine": place.line or 1, "startColumn": place.column or 1}
    uri = Path(place.file).as_posix()
    return {
        "ruleId": finding.code,
        "level": _SARIF_LEVELS[finding.rule.severity],
        "message": {"text": f"{finding.message}\n{finding.hint}" if finding.hint else finding.message},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
    }


FORMATS: Final[dict[str, Callable[[Report], str]]] = {"text": text, "json": as_json, "github": github, "sarif": sarif}
"""Each output format by the word that `--format` takes."""
