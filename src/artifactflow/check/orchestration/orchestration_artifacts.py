"""Artifacts that the components of a root hand to each other by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.orchestration.orchestrated_children import Child, base_name, consumed_by, produced_by
from artifactflow.errors import near_matches

NEVER_PRODUCED = Rule(
    "O606",
    "artifact-never-produced",
    Severity.WARNING,
    "A component uses an artifact that no component of the root produces.",
    "Somebody else may have put it there. Where the name is misspelt, the run fails or takes an old version.\n"
    '  wrong:  "output_artifact": "clean.csv" … "data": "cleaned.csv:latest"\n'
    '  right:  "output_artifact": "clean.csv" … "data": "clean.csv:latest"',
)
PRODUCED_LATER = Rule(
    "O607",
    "artifact-produced-later",
    Severity.WARNING,
    "A component uses an artifact that only a later one produces.",
    "The first run finds nothing, and every other takes what the run before it left behind. Two components that wait "
    "for each other so go round in a circle.",
)
BY_LATEST = Rule(
    "O609",
    "handed-on-by-latest",
    Severity.INFO,
    "Artifacts are handed on by `:latest`.",
    "`latest` is whatever was logged last, also by another run, another branch, another person. Two runs side by side "
    "take each other's data. A pipeline.yaml hands on what the step before has produced: `${clean.table}`.",
)

RULES = (NEVER_PRODUCED, PRODUCED_LATER, BY_LATEST)


def check_artifacts(children: Sequence[Child]) -> Iterator[Finding]:
    """Hand-offs that cannot work, where everything that the components produce is known; and those by `:latest`."""
    produced = [produced_by(child) for child in children]
    if any(produced) and all(names is not None for names in produced):
        yield from _check_producers(children, [names or frozenset() for names in produced])
    yield from _check_latest(children)


def _check_producers(children: Sequence[Child], produced: Sequence[frozenset[str]]) -> Iterator[Finding]:
    every = frozenset[str]().union(*produced)
    for index, child in enumerate(children):
        for handed in child.run.artifacts:
            # A name with a project before it may be another project's.
            if handed.produced or "{" in handed.text or "/" in handed.text:
                continue
            name = base_name(handed.text)
            if name not in every:
                yield NEVER_PRODUCED.at(
                    handed.place,
                    f"{child.label} uses {handed.text}, which no component of the root produces",
                    hint=near_matches(name, every) or f"they produce {', '.join(sorted(every)) or 'nothing'}",
                    length=len(handed.parameter) + 2,
                )
                continue
            makers = [number for number, names in enumerate(produced) if name in names]
            if min(makers) > index:
                maker = children[makers[0]]
                circle = set(consumed_by(maker)) & produced[index]
                words = f"; {maker.label} in turn uses {', '.join(sorted(circle))} of it" if circle else ""
                yield PRODUCED_LATER.at(
                    handed.place,
                    f"{child.label} uses {handed.text}, which only {maker.label} produces, later{words}",
                    hint=f"run {maker.label} first" if not circle else "cut the circle: one must not use the other's",
                )


def _check_latest(children: Sequence[Child]) -> Iterator[Finding]:
    """One finding for a root, at the first of them."""
    latest = [handed for child in children for handed in child.run.artifacts if handed.text.endswith(":latest")]
    if latest:
        names = list(dict.fromkeys(base_name(handed.text) for handed in latest))
        subject = "1 artifact is" if len(names) == 1 else f"{len(names)} artifacts are"
        yield BY_LATEST.at(
            latest[0].place,
            f"{subject} handed on by ':latest', which another run may move: {', '.join(names)}",
            hint="a pipeline.yaml binds each to the step that produces it: artifactflow adopt",
        )
