"""Gathers from the store what a report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from artifactflow.artifact import ArtifactRef, Version
from artifactflow.errors import IntegrityError, NotFoundError, UsageError
from artifactflow.report.excerpts import LARGEST_FIGURES, LONGEST_LOG, LONGEST_LOGS, pictures, read_log
from artifactflow.report.facts import ArtifactReport, Figure, RunReport, StepReport, Use
from artifactflow.report.metrics import compared, measured
from artifactflow.report.words import seconds_between
from artifactflow.runs import PipelineRun, Run, RunStatus, StepOutcome
from artifactflow.store import Store

MOST_USES = 12
"""How many uses of a version are listed, newest first."""


def find_record(store: Store, name: str | None = None) -> PipelineRun:
    """The pipeline run of that id or beginning of one, the newest without; a step's run is taken for a run of one step.

    Raises NotFoundError.
    """
    if name is None:
        newest = store.pipeline_runs(1)
        if not newest:
            raise NotFoundError("nothing was run in this store yet", hint="artifactflow run-pipeline runs a pipeline")
        return _with_steps(store, newest[0])
    try:
        return _with_steps(store, store.pipeline_run(name))
    except NotFoundError as missing:
        try:
            return _as_pipeline_run(store.run(name))
        except NotFoundError:
            missing.hint = missing.hint or "artifactflow runs ls lists the runs"
            raise missing from None


def _with_steps(store: Store, record: PipelineRun) -> PipelineRun:
    """The record itself; of a run that goes on, or whose process was killed, with the steps that it has finished."""
    if record.steps or record.status is RunStatus.FINISHED:
        return record
    runs = [run for run in store.runs() if run.pipeline_run_id == record.id]
    outcomes = [_outcome(run) for run in reversed(runs)]
    if record.status is not RunStatus.RUNNING:
        begun = {outcome.step for outcome in outcomes}
        outcomes += [StepOutcome(name, "STOPPED", "") for name in _graph(record) if name not in begun]
    return replace(record, steps=tuple(outcomes))


def _graph(record: PipelineRun) -> Mapping[str, Sequence[str]]:
    """The shape of the pipeline, each step with those that it takes from or waits for; empty where it is not known."""
    graph: Mapping[str, Sequence[str]] = record.facts.get("graph") or {}
    return graph


def _as_pipeline_run(run: Run) -> PipelineRun:
    return PipelineRun(
        id=run.id,
        pipeline=run.pipeline or run.step,
        status=run.status,
        steps=(_outcome(run),),
        started=run.started,
        ended=run.ended,
        seconds=run.seconds,
        message=run.message,
        facts=run.facts,
    )


def _outcome(run: Run) -> StepOutcome:
    decision = {RunStatus.FAILED: "FAILED", RunStatus.INTERRUPTED: "STOPPED"}.get(run.status, "RUN")
    return StepOutcome(run.step, decision, run.reason, run.id, run.outputs, run.seconds)


def previous_run(store: Store, record: PipelineRun) -> PipelineRun | None:
    """The last run of the same pipeline that finished before this one began."""
    for candidate in store.pipeline_runs():
        earlier = (candidate.started, candidate.id) < (record.started, record.id)
        if candidate.pipeline == record.pipeline and candidate.status is RunStatus.FINISHED and earlier:
            return candidate
    return None


def collect(store: Store, record: PipelineRun) -> RunReport:
    """Everything about a run. What is no longer in the store is left out; the records say that it was there."""
    gathering = _Gathering(store, record)
    steps = gathering.steps()
    previous = previous_run(store, record)
    names = [step.outcome.step for step in steps]
    before = measured(store, previous) if previous else {}
    sources = [step.run.facts.get("source") for step in steps if step.run is not None and step.executed]
    return RunReport(
        record=record,
        steps=steps,
        artifacts=gathering.artifacts(),
        figures=gathering.figures(),
        metrics=compared(measured(store, record), before, steps=names),
        previous=previous,
        source=record.facts.get("source") or next(filter(None, sources), {}),
    )


@dataclass(slots=True)
class _Gathering:
    """Looks each run and version up once."""

    store: Store
    record: PipelineRun
    runs: dict[str, Run | None] = field(default_factory=dict)
    versions: dict[str, Version | None] = field(default_factory=dict)

    def steps(self) -> tuple[StepReport, ...]:
        with_logs = sum(outcome.run_id is not None for outcome in self.record.steps)
        limit = min(LONGEST_LOG, LONGEST_LOGS // max(with_logs, 1))
        upstream = self._upstream()
        found = []
        for outcome in self.record.steps:
            run = self.run(outcome.run_id)
            executed = run is not None and self.record.id in (run.pipeline_run_id, run.id)
            offset = seconds_between(self.record.started, run.started) if run is not None and executed else 0.0
            log = read_log(self.store, run.log, limit) if run else None
            found.append(StepReport(outcome, run, executed, max(offset, 0.0), upstream[outcome.step], log))
        return tuple(found)

    def _upstream(self) -> dict[str, tuple[str, ...]]:
        """Who takes from whom, or waits for it: as recorded when the run began, else by the versions that went in.

        What could not run has no record of this run: then by the names of what its last run took, and where it never
        ran by the step that its reason names.
        """
        graph = _graph(self.record)
        makers = {ref: outcome.step for outcome in self.record.steps for ref in outcome.outputs.values()}
        if all(outcome.step in graph for outcome in self.record.steps):
            return {outcome.step: self._stated(outcome, graph[outcome.step], makers) for outcome in self.record.steps}
        names: dict[str, list[str]] = {}
        for outcome in self.record.steps:
            for ref in self._last_outputs(outcome):
                names.setdefault(ref.partition(":")[0], []).append(outcome.step)
        found: dict[str, tuple[str, ...]] = {}
        for outcome in self.record.steps:
            run = self.run(outcome.run_id)
            if run is not None:
                steps = [makers[ref] for ref in run.inputs.values() if ref in makers]
            else:
                last = self.store.last_run(self.record.pipeline, outcome.step)
                taken = last.inputs.values() if last else ()
                steps = [step for ref in taken for step in names.get(ref.partition(":")[0], ())]
                steps = steps or [outcome.reason.removeprefix("needs ")]
            found[outcome.step] = tuple(step for step in dict.fromkeys(steps) if step != outcome.step)
        return found

    def _stated(self, outcome: StepOutcome, stated: Iterable[str], makers: Mapping[str, str]) -> tuple[str, ...]:
        """Who a step waits for. One that was called by another (`root/clean`) is shown by what it took, if anything."""
        run = self.run(outcome.run_id)
        if run is not None and any(outcome.step.startswith(f"{caller}/") for caller in stated):
            taken = [makers[ref] for ref in run.inputs.values() if makers.get(ref, outcome.step) != outcome.step]
            return tuple(dict.fromkeys(taken)) or tuple(stated)
        return tuple(stated)

    def _last_outputs(self, outcome: StepOutcome) -> Iterable[str]:
        if outcome.outputs:
            return outcome.outputs.values()
        last = self.store.last_run(self.record.pipeline, outcome.step)
        return last.outputs.values() if last else ()

    def artifacts(self) -> tuple[ArtifactReport, ...]:
        """What the run made or reused, in the order of its steps, and then what it took from elsewhere."""
        made = {ref: outcome.step for outcome in self.record.steps for ref in outcome.outputs.values()}
        taken = [
            ref
            for outcome in self.record.steps
            if (run := self.run(outcome.run_id)) is not None
            for ref in run.inputs.values()
        ]
        refs = dict.fromkeys([*made, *taken])
        aliases: dict[str, Mapping[str, int]] = {}
        found = []
        for ref in refs:
            version = self.version(ref)
            if version is not None:
                known = aliases.setdefault(version.name, self.store.aliases(version.name))
                found.append(self._artifact(version, known, made_here=ref in made))
        return tuple(found)

    def _artifact(self, version: Version, aliases: Mapping[str, int], *, made_here: bool) -> ArtifactReport:
        maker = self.run(version.run_id)
        users = self.store.runs_using(version.ref)
        uses = {run.step: Use(run.step, run.id, tuple(run.outputs.values())) for run in reversed(users)}
        newest = list(reversed(uses.values()))
        return ArtifactReport(
            version=version,
            aliases=tuple(sorted(alias for alias, number in aliases.items() if number == version.number)),
            step=maker.step if maker else "",
            made_here=made_here,
            parents=tuple(dict.fromkeys(maker.inputs.values())) if maker else (),
            uses=tuple(newest[:MOST_USES]),
            more_uses=len(newest) - len(newest[:MOST_USES]),
        )

    def figures(self) -> tuple[Figure, ...]:
        found: list[Figure] = []
        room = LARGEST_FIGURES
        for outcome in self.record.steps:
            for version in filter(None, map(self.version, outcome.outputs.values())):
                try:
                    tree = self.store.tree(version.digest)
                except (NotFoundError, IntegrityError):
                    continue
                for path, size, address in pictures(self.store, tree):
                    fits = len(address) <= room
                    room -= len(address) if fits else 0
                    found.append(Figure(outcome.step, version.ref, path, size, address if fits else ""))
        return tuple(found)

    def run(self, run_id: str | None) -> Run | None:
        if run_id is None:
            return None
        if run_id not in self.runs:
            try:
                self.runs[run_id] = self.store.run(run_id)
            except NotFoundError:
                self.runs[run_id] = None
        return self.runs[run_id]

    def version(self, ref: str) -> Version | None:
        if ref.startswith("sha256:"):
            return None  # a file outside the store: its digest is all there is
        if ref not in self.versions:
            try:
                self.versions[ref] = self.store.version(ArtifactRef.parse(ref))
            except (NotFoundError, UsageError):  # it is gone, or it was never one of ours
                self.versions[ref] = None
        return self.versions[ref]


def groups(steps: Sequence[StepReport]) -> dict[str, list[StepReport]]:
    """The steps by name, the cells of a matrix together, in the order in which they come."""
    found: dict[str, list[StepReport]] = {}
    for step in steps:
        found.setdefault(step.group, []).append(step)
    return found
