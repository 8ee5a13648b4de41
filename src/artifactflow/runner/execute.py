"""Executes one step: hands out its inputs, runs it, checks what it promised, takes in and registers what it made."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artifactflow.artifact import Digest, Version
from artifactflow.contract import Output
from artifactflow.errors import IntegrityError, InterruptedRunError, StepFailedError
from artifactflow.executors import Ended, Executor, Stop, Task
from artifactflow.fetch.addresses import masked_message
from artifactflow.formats.metadata import METADATA_VARIABLE, read_metadata
from artifactflow.parameters import Value
from artifactflow.runner.binding import BoundStep, LocalPath
from artifactflow.runner.companions import Companion
from artifactflow.runner.events import Observer
from artifactflow.runner.outputs import matches, written_output
from artifactflow.runner.planner import PlannedStep
from artifactflow.runner.secrets import secret_variables, shown_value
from artifactflow.runner.space import LOG_NAME, OUTPUTS_NAME, RunSpace, discard, make_folders
from artifactflow.runs import Run, RunStatus, new_run_id, now
from artifactflow.store import HandedOut, Staged, Store, Transaction
from artifactflow.store.files import os_errors

SHOWN_LOG_LINES = 20

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
"""Before a retry; each pause is twice the one before."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What became of an executed step."""

    run: Run
    outputs: Mapping[str, Version]


class StepExecution:
    """One execution of one step; it exists to keep the run's folder and record at hand.

    `prepare`, `work`, then either `pack_log` and `register`, or `fail` and `record_failure`, and in the end `settle`.
    `work` may be called in a thread of its own, `register` and `record_failure` in the one that commits. `known` are
    facts for the record that are known before; `environment` has the variables that the process was given.
    """

    def __init__(
        self,
        store: Store,
        space: RunSpace,
        planned: PlannedStep,
        executor: Executor,
        observer: Observer,
        *,
        pipeline: str,
        parent: str,
        facts: Mapping[str, str | bool],
        variables: Mapping[str, str],
        companions: Sequence[Companion] = (),
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        self.space = space
        self.planned = planned
        self.executor = executor
        self.observer = observer
        self.companions = companions
        bound = planned.bound
        run_id = new_run_id()
        self.folder = store.run_folder(run_id)
        self.log = self.folder / LOG_NAME
        self.run = Run(
            id=run_id,
            step=bound.name,
            component=bound.component.reference or bound.component.name,
            entry_point=bound.contract.entry_point,
            pipeline=pipeline,
            pipeline_run_id=parent,
            parameters=_shown_parameters(bound),
            sources={name: str(source) for name, source in bound.sources.items()},
            inputs=self._input_labels(),
            reason=planned.reason,
            cache_key=planned.cache_key if bound.contract.cache and bound.step.cache else "",
            ingredients=planned.ingredients.to_json() if planned.ingredients else {},
            command=bound.contract.command,
            log=self._own_log(),
            started=now(),
            facts=known or {},
        )
        self.keys = tuple(output.key for output in bound.contract.outputs if output.placeholder)
        self.places: dict[str, Path] = {}
        self.staged: dict[str, Staged] = {}
        self.metadata: Mapping[str, Mapping[str, Any]] = {}
        self.source = dict(facts)
        self.facts: Mapping[str, Any] = {}
        self.exit_code: int | None = None
        self.log_start = 0
        self.variables = variables
        self.environment: Mapping[str, str] = {}
        self._clock = time.monotonic()

    def prepare(self) -> None:
        """Make room for the outputs, and say that the step runs."""
        self.log_start = self.space.begin(self.run, self.keys)
        self.places = self._places()

    def work(self, stop: Stop) -> None:
        """Run the step, again where it may be retried, and take in the bytes that it made. May be called in a thread.

        Raises StepFailedError where it failed or broke its contract, InterruptedRunError where `stop` was set.
        """
        step = self.planned.bound.step
        for attempt in range(step.retries + 1):
            if attempt:
                self.observer.step_printed(step.name, f"failed, attempt {attempt + 1} of {step.retries + 1} follows")
                if stop.wait(min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)):
                    break
                self._clear_outputs()
            try:
                self._attempt(stop)
                return
            except StepFailedError:
                if attempt == step.retries or stop.is_set():
                    raise
        raise InterruptedRunError(f"step {self.run.step} was stopped")

    def _attempt(self, stop: Stop) -> None:
        with self._handed_out() as inputs:
            with contextlib.ExitStack() as leaving:
                for companion in reversed(self.companions):
                    # Each, also where the start failed, or where another one cannot say what was left.
                    leaving.callback(companion.left, self.run, self.planned.bound)
                ended = self._run(inputs, stop)
            self.facts = ended.facts
            self.exit_code = ended.exit_code
            if stop.is_set():
                raise InterruptedRunError(f"step {self.run.step} was stopped")
            if ended.timed_out or ended.exit_code != 0:
                raise StepFailedError(self._failure(ended))
            self._refuse_changed_inputs(inputs)
        outputs = self.planned.bound.contract.outputs
        self.staged = {output.key: self._collect(output) for output in outputs}
        self.metadata = read_metadata(self.folder / "metadata.json")
        self.run = replace(self.run, ended=now(), seconds=round(time.monotonic() - self._clock, 3))

    def pack_log(self) -> None:
        """Put the log where it is kept for good, before what `work` took in is placed; the folder is free then."""
        packed = self.space.pack_log(self.log, self.log_start)
        if packed is None:
            self._keep_own_log()
            self._clear_folder()
        else:
            self.run = replace(self.run, log=packed)
            self.space.give_back(self.folder, self.keys)

    def register(self, transaction: Transaction) -> Execution:
        """Register what `work` took in, which has been placed meanwhile, together with the record of the run."""
        versions: dict[str, Version] = {}
        for slot in self.planned.bound.outputs:
            versions[slot.key] = transaction.register(
                slot.name,
                slot.type,
                slot.description,
                self.staged[slot.key].tree,
                metadata=self.metadata.get(slot.key, {}),
                run_id=self.run.id,
            ).version
        run = self._ended(RunStatus.FINISHED, outputs={key: version.ref for key, version in versions.items()})
        transaction.record_run(run)
        return Execution(run, versions)

    def fail(self, error: BaseException) -> None:
        """Have the log kept, and give the error a hint where it has none."""
        if self.run.log == self._own_log():
            self._keep_own_log()
            self._clear_folder()
        if isinstance(error, StepFailedError) and error.hint is None:
            error.hint = f"see the whole log: artifactflow runs log {self.run.id}"

    def record_failure(self, transaction: Transaction, error: BaseException) -> None:
        """Keep the record of an execution that did not end well."""
        stopped = isinstance(error, (KeyboardInterrupt, InterruptedRunError))
        status = RunStatus.INTERRUPTED if stopped else RunStatus.FAILED
        transaction.record_run(
            self._ended(status, message="stopped by the user" if stopped else masked_message(str(error)))
        )

    def settle(self) -> None:
        """Say that the step has ended: its record is in the store."""
        self.space.ended(self.run.id)

    def _keep_own_log(self) -> None:
        """Have the log stay in the run's folder, without what the steps that had the folder before have written."""
        self.run = replace(self.run, log=self._own_log())
        if not self.log_start or not self.log.exists():
            return
        alone = self.log.with_name("log.new")
        try:
            with self.log.open("rb") as log, alone.open("wb") as kept:
                log.seek(self.log_start)
                shutil.copyfileobj(log, kept)
            alone.replace(self.log)
            self.log_start = 0
        except OSError:
            discard(alone)
            size = self.log.stat().st_size - self.log_start
            self.run = replace(self.run, log=f"{self._own_log()}:{self.log_start}:{size}")

    def _own_log(self) -> str:
        return self.log.relative_to(self.store.root).as_posix()

    def _clear_folder(self) -> None:
        for name in ("inputs", OUTPUTS_NAME, "metadata.json"):
            discard(self.folder / name)

    def _clear_outputs(self) -> None:
        self._clear_folder()
        with os_errors("make the run's folder"):
            make_folders(self.folder, self.keys)
        self.places = self._places()

    # before

    def _input_labels(self) -> dict[str, str]:
        """The versions that go in; for a path outside the store, its digest."""
        ingredients = self.planned.ingredients
        labels = {name: version.ref for name, version in self.planned.versions.items()}
        for name, source in self.planned.bound.inputs.items():
            if isinstance(source, LocalPath) and ingredients is not None:
                labels[name] = ingredients.inputs[name].digest
        for name, gathered in self.planned.gathered.items():
            labels |= {f"{name}[{label}]": version.ref for label, version in gathered.cells}
        return labels

    @contextlib.contextmanager
    def _handed_out(self) -> Iterator[dict[str, HandedOut]]:
        with contextlib.ExitStack() as stack:
            handed: dict[str, HandedOut] = {}
            for name, version in self.planned.versions.items():
                tree = self.store.tree(version.digest)
                folder_name = version.name if tree.folder else None  # a file keeps its own name
                handed[name] = self.store.hand_out(tree, self.folder / "inputs" / name, folder_name)
                stack.callback(discard, handed[name].path)
            for name, gathered in self.planned.gathered.items():
                self.store.put_bytes(gathered.index)
                handed[name] = self.store.hand_out(gathered.tree, self.folder / "inputs" / name, name)
                stack.callback(discard, handed[name].path)
            yield handed

    def _places(self) -> dict[str, Path]:
        """Where each output will be: a path of this run alone, or the place in the component's folder."""
        places: dict[str, Path] = {}
        for output in self.planned.bound.contract.outputs:
            if output.placeholder:
                places[output.key] = self.folder / OUTPUTS_NAME / output.key / (Path(output.path).name or output.key)
            else:
                for file in matches(self.planned.bound, output):
                    discard(file)
        return places

    # during

    def _run(self, inputs: Mapping[str, HandedOut], stop: Stop) -> Ended:
        bound = self.planned.bound
        values: dict[str, Value] = {item.name: None for item in bound.contract.inputs}
        values |= bound.parameters
        values |= {name: str(source.path) for name, source in bound.inputs.items() if isinstance(source, LocalPath)}
        values |= {name: str(handed.path) for name, handed in inputs.items()}
        values |= {key: str(place) for key, place in self.places.items()}
        environment = {
            **self.variables,
            "PYTHONUNBUFFERED": "1",  # lines arrive as they are printed
            "ARTIFACTFLOW_STORE": str(self.store.root),
            "ARTIFACTFLOW_RUN_ID": self.run.id,
            "ARTIFACTFLOW_STEP": bound.name,
            "ARTIFACTFLOW_DOWNLOADS": str(self.store.root / "tmp" / "downloads"),
            METADATA_VARIABLE: str(self.folder / "metadata.json"),
        }
        for companion in self.companions:
            environment |= companion.environment(self.run, bound, self.folder, stop)
        handed = bound.hand_over()
        secrets = (*handed.secrets, *bound.pipeline_secrets, *secret_variables(environment))
        environment |= handed.variables
        self.environment = environment
        timeout = bound.step.timeout
        task = Task(bound.component, bound.contract, values, environment, self.log, timeout, handed.shown, secrets)
        return self.executor.execute(task, lambda line: self.observer.step_printed(bound.name, line), stop)

    # after

    def _failure(self, ended: Ended) -> str:
        code = ended.exit_code
        how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
        if ended.timed_out:
            how = f"took longer than its timeout of {self.planned.bound.step.timeout:g} s and was ended"
        last = ""
        # A step may take its own folder apart.
        with contextlib.suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self.log_start)
            last = "".join(f"  {line.rstrip()}\n" for line in deque(log, SHOWN_LOG_LINES))
        shown = f"; the end of its log:\n{last}" if last else "; it printed nothing\n"
        return f"step {self.run.step} {how}{shown}the log is {self.log}"

    def _refuse_changed_inputs(self, inputs: Mapping[str, HandedOut]) -> None:
        for name, handed in inputs.items():
            changed = handed.changed()
            if changed:
                raise StepFailedError(
                    f"step {self.run.step} changed its input {name}: {', '.join(changed[:3])}",
                    hint="inputs are read-only: copy the data before changing it",
                )

    def _collect(self, output: Output) -> Staged:
        try:
            with os_errors(f"take in the output {output.key!r}"):
                path = written_output(self.planned.bound, output, self.places.get(output.key))
                return self.store.stage_tree(path, self.space.staging, move=output.placeholder)
        except IntegrityError as error:
            raise StepFailedError(
                f"step {self.run.step}: the output {output.key!r}: {error}", hint=error.hint
            ) from error

    def _packages_digest(self) -> str | None:
        """What stands for the lock of an environment that was not built from one: the packages that were found."""
        ingredients = self.planned.ingredients
        return _digest_of(tuple(ingredients.environment.items())) if ingredients else None

    def _ended(self, status: RunStatus, *, outputs: Mapping[str, str] | None = None, message: str = "") -> Run:
        run = replace(
            self.run,
            status=status,
            outputs=outputs or {},
            message=message,
            ended=self.run.ended or now(),
            seconds=self.run.seconds or round(time.monotonic() - self._clock, 3),
            exit_code=self.exit_code,
            facts={
                **self.run.facts,
                **self.facts,
                "lock": self.facts.get("lock") or self._packages_digest(),
                **({"source": self.source} if self.source else {}),
            },
        )
        for companion in self.companions:
            run = companion.ended(run, self.planned.bound)
        return run


@functools.lru_cache(maxsize=64)
def _digest_of(packages: tuple[tuple[str, str], ...]) -> str:
    return str(Digest.of(json.dumps(packages).encode()))


def _shown_parameters(bound: BoundStep) -> dict[str, Value]:
    """The parameters as they may be recorded: secrets masked."""
    return {
        parameter.name: shown_value(parameter, bound.parameters[parameter.name])
        for parameter in bound.contract.parameters
    }
