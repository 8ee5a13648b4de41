"""Executes one step: hands out its inputs, runs it, checks what it promised, takes in and registers what it made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from artifactflow.artifact import Version
from artifactflow.child.processes import RUN_ID_VARIABLE
from artifactflow.errors import InterruptedRunError, StepFailedError
from artifactflow.executors import Ended, Executor, Stop, Task
from artifactflow.fetch.addresses import masked_message
from artifactflow.formats.metadata import METADATA_VARIABLE, read_metadata
from artifactflow.parameters import Value
from artifactflow.runner.binding.bound import LocalPath
from artifactflow.runner.execution.context import RunContext
from artifactflow.runner.execution.handed_inputs import Handed, handed_out, refuse_changed
from artifactflow.runner.execution.step_folder import StepFolder
from artifactflow.runner.execution.step_record import begun_run, packages_digest
from artifactflow.runner.planning.planned import PlannedStep
from artifactflow.runner.secrets import secret_variables
from artifactflow.runs import Run, RunStatus, new_run_id, now
from artifactflow.store import Staged, Transaction

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
    facts for the record that are known before; `environment` has the variables that the process was given, and
    `staged` what was taken in, by the output's key.
    """

    def __init__(
        self, context: RunContext, planned: PlannedStep, executor: Executor, known: Mapping[str, Any] | None = None
    ) -> None:
        run_id = new_run_id()
        self.planned = planned
        self.executor = executor
        self.environment: Mapping[str, str] = {}
        self.staged: Mapping[str, Staged] = {}
        self._context = context
        self._folder = StepFolder(context.store, context.space, planned.bound, run_id)
        self.run = begun_run(run_id, self._folder.log_reference, planned, context, known or {})
        self._metadata: Mapping[str, Mapping[str, Any]] = {}
        self._facts: Mapping[str, Any] = {}
        self._exit_code: int | None = None
        self._clock = time.monotonic()

    def prepare(self) -> None:
        """Make room for the outputs, and say that the step runs."""
        self._folder.begin(self.run)

    def work(self, stop: Stop) -> None:
        """Run the step, again where it may be retried, and take in the bytes that it made. May be called in a thread.

        Raises StepFailedError where it failed or broke its contract, InterruptedRunError where `stop` was set.
        """
        step = self.planned.bound.step
        observer = self._context.observer
        for attempt in range(step.retries + 1):
            if attempt:
                observer.step_printed(self.run.step, f"failed, attempt {attempt + 1} of {step.retries + 1} follows")
                if stop.wait(min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)):
                    break
                self._folder.begin_again()
            try:
                self._attempt(stop)
                return
            except StepFailedError:
                if attempt == step.retries or stop.is_set():
                    raise
        raise InterruptedRunError(f"step {self.run.step} was stopped")

    def pack_log(self) -> None:
        """Put the log where it is kept for good, before what `work` took in is placed; the folder is free then."""
        self.run = replace(self.run, log=self._folder.pack_log())

    def register(self, transaction: Transaction) -> Execution:
        """Register what `work` took in, which has been placed meanwhile, together with the record of the run."""
        versions: dict[str, Version] = {}
        for slot in self.planned.bound.outputs:
            versions[slot.key] = transaction.register(
                slot.name,
                slot.type,
                slot.description,
                self.staged[slot.key].tree,
                metadata=self._metadata.get(slot.key, {}),
                run_id=self.run.id,
            ).version
        run = self._ended(RunStatus.FINISHED, outputs={key: version.ref for key, version in versions.items()})
        transaction.record_run(run)
        return Execution(run, versions)

    def fail(self, error: BaseException) -> None:
        """Have the log kept, and give the error a hint where it has none."""
        if self.run.log == self._folder.log_reference:
            self.run = replace(self.run, log=self._folder.keep_log())
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
        self._context.space.ended(self.run.id)

    def _attempt(self, stop: Stop) -> None:
        bound = self.planned.bound
        with handed_out(self._context.store, self.planned, self._folder.inputs) as inputs:
            with contextlib.ExitStack() as leaving:
                for companion in reversed(self._context.companions):
                    # Each, also where the start failed, or where another one cannot say what was left.
                    leaving.callback(companion.left, self.run, bound)
                ended = self._run(inputs, stop)
            self._facts = ended.facts
            self._exit_code = ended.exit_code
            if stop.is_set():
                raise InterruptedRunError(f"step {self.run.step} was stopped")
            if ended.timed_out or ended.exit_code != 0:
                raise StepFailedError(self._failure(ended))
            refuse_changed(self.run.step, inputs)
        self.staged = {output.key: self._folder.collect(output) for output in bound.contract.outputs}
        self._metadata = read_metadata(self._folder.metadata)
        self.run = replace(self.run, ended=now(), seconds=round(time.monotonic() - self._clock, 3))

    def _run(self, inputs: Handed, stop: Stop) -> Ended:
        bound = self.planned.bound
        values: dict[str, Value] = {item.name: None for item in bound.contract.inputs}
        values |= bound.parameters
        values |= {name: str(source.path) for name, source in bound.inputs.items() if isinstance(source, LocalPath)}
        values |= {name: str(handed.path) for name, handed in inputs.items()}
        values |= {key: str(place) for key, place in self._folder.places.items()}
        root = self._context.store.root
        environment = {
            **self._context.variables,
            "PYTHONUNBUFFERED": "1",  # lines arrive as they are printed
            "ARTIFACTFLOW_STORE": str(root),
            RUN_ID_VARIABLE: self.run.id,
            "ARTIFACTFLOW_STEP": bound.name,
            "ARTIFACTFLOW_DOWNLOADS": str(root / "tmp" / "downloads"),
            METADATA_VARIABLE: str(self._folder.metadata),
        }
        for companion in self._context.companions:
            environment |= companion.environment(self.run, bound, self._folder.path, stop)
        handed = bound.hand_over()
        secrets = (*handed.secrets, *bound.pipeline_secrets, *secret_variables(environment))
        environment |= handed.variables
        self.environment = environment
        task = Task(
            bound.component,
            bound.contract,
            values,
            environment,
            self._folder.log,
            bound.step.timeout,
            handed.shown,
            secrets,
        )
        print_line = self._context.observer.step_printed
        return self.executor.execute(task, lambda line: print_line(bound.name, line), stop)

    def _failure(self, ended: Ended) -> str:
        code = ended.exit_code
        how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
        if ended.timed_out:
            how = f"took longer than its timeout of {self.planned.bound.step.timeout:g} s and was ended"
        last = self._folder.last_log_lines()
        shown = f"; the end of its log:\n{last}" if last else "; it printed nothing\n"
        return f"step {self.run.step} {how}{shown}the log is {self._folder.log}"

    def _ended(self, status: RunStatus, *, outputs: Mapping[str, str] | None = None, message: str = "") -> Run:
        source = self._context.source
        run = replace(
            self.run,
            status=status,
            outputs=outputs or {},
            message=message,
            ended=self.run.ended or now(),
            seconds=self.run.seconds or round(time.monotonic() - self._clock, 3),
            exit_code=self._exit_code,
            facts={
                **self.run.facts,
                **self._facts,
                "lock": self._facts.get("lock") or packages_digest(self.planned),
                **({"source": source} if source else {}),
            },
        )
        for companion in self._context.companions:
            run = companion.ended(run, self.planned.bound)
        return run
