"""Checks a tree: every rule on every subject, without what was ignored, in the order of files and lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.parallel import check_side_by_side
from artifactflow.check.rules import (
    COMPONENT_CHECKS,
    ORCHESTRATOR_CHECKS,
    PIPELINE_CHECKS,
    RULES,
    TREE_CHECKS,
)
from artifactflow.check.settings import Settings, check_words, is_suppressed
from artifactflow.check.subjects import ComponentSubject, Reading
from artifactflow.check.tree import Tree, read_tree
from artifactflow.errors import ArtifactflowError, NotFoundError, Place

UNREADABLE = Rule(
    "M001",
    "unreadable",
    Severity.ERROR,
    "A file cannot be read as what it is.",
    "The manifest, environment file, pipeline or script is broken: MLflow, Python or both stop there. "
    "The message says where reading ended and what was expected.",
)

ALL_RULES = (UNREADABLE, *RULES)


@dataclass(frozen=True, slots=True)
class Report:
    """The findings, and how much was looked at."""

    findings: tuple[Finding, ...]
    components: int
    pipelines: int

    def count(self, severity: Severity) -> int:
        """How many findings are of this severity."""
        return sum(finding.rule.severity is severity for finding in self.findings)


def check_paths(paths: Sequence[Path], settings: Settings | None = None, *, mends: bool = True) -> Report:
    """Check everything below `paths`. No code of the user's is run.

    Without `mends` the findings say that they can be mended but cannot do it; many components are then checked on all
    processors. Raises NotFoundError for a path that does not exist, UsageError for settings that name no rule.
    """
    chosen = settings or Settings()
    check_words([*chosen.select, *chosen.ignore], ALL_RULES)
    tree = read_tree(paths, chosen.exclude)
    findings = _findings(tree, mends=mends)
    found = {(*finding.sort_key, finding.message): finding for finding in findings if chosen.wants(finding.rule)}
    lines = _Lines()
    kept = [finding for finding in found.values() if not is_suppressed(finding, lines.line(finding.place))]
    return Report(
        tuple(sorted(kept, key=lambda finding: finding.sort_key)),
        components=len(tree.components),
        pipelines=len(tree.pipelines),
    )


def _findings(tree: Tree, *, mends: bool) -> Iterator[Finding]:
    for check_tree in TREE_CHECKS:
        yield from check_tree(tree)
    if mends:
        for component in tree.components:
            yield from _check_component(component)
    else:
        yield from check_side_by_side(_check_component, tree.components)
    for pipeline in tree.pipelines:
        found = [finding for check_one in PIPELINE_CHECKS for finding in check_one(pipeline, tree)]
        yield from _with_errors(found, pipeline.reading)
    for orchestrator in tree.orchestrators:
        found = [finding for check_root in ORCHESTRATOR_CHECKS for finding in check_root(orchestrator, tree)]
        yield from _with_errors(found, orchestrator.reading)


def _check_component(component: ComponentSubject) -> list[Finding]:
    found = [finding for check in COMPONENT_CHECKS for finding in check(component)]
    return list(_with_errors(found, component.reading))


def _with_errors(found: Iterable[Finding], reading: Reading) -> Iterator[Finding]:
    """The findings, and each error that kept something from being read, where no rule has said the same better."""
    said = set()
    for finding in found:
        said.add((finding.place.file, finding.place.line))
        yield finding
    # Two readers may stop at one place: said once, by the one that knows its column.
    for error in sorted(reading.errors, key=lambda error: error.place is None or error.place.column is None):
        place = error.place or Place("")
        if (place.file, place.line) not in said:
            said.add((place.file, place.line))
            yield _unreadable(error, place)


def _unreadable(error: ArtifactflowError, place: Place) -> Finding:
    hint = error.hint or ("write the file" if isinstance(error, NotFoundError) else "correct it there")
    return UNREADABLE.at(place, error.message, hint=hint)


class _Lines:
    """The lines of files, each file read once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def line(self, place: Place) -> str:
        """The text of the line, or nothing where there is none."""
        if place.file not in self._files:
            try:
                text = Path(place.file).read_text(encoding="utf-8", errors="replace")
            except OSError:
                text = ""
            self._files[place.file] = text.splitlines()
        lines = self._files[place.file]
        return lines[place.line - 1] if place.line and place.line <= len(lines) else ""


def source_line(place: Place) -> str:
    """The line that a place is on, for showing it."""
    return _Lines().line(place)
