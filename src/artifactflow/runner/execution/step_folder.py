"""The folder of one execution of a step: where its outputs are written, and its log."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from artifactflow.contract import Output
from artifactflow.errors import IntegrityError, StepFailedError
from artifactflow.runner.binding.bound import BoundStep
from artifactflow.runner.execution.outputs import matches, written_output
from artifactflow.runner.execution.space import (
    INPUTS_NAME,
    LOG_NAME,
    METADATA_NAME,
    OUTPUTS_NAME,
    RunSpace,
    discard,
    make_folders,
)
from artifactflow.runs import Run
from artifactflow.store import Staged, Store
from artifactflow.store.files import os_errors

SHOWN_LOG_LINES: Final = 20


class StepFolder:
    """The folder of the run `run_id`, in a `space` that hands folders on from one step to the next.

    `begin` makes it, `begin_again` clears it for another attempt, `pack_log` and `keep_log` leave nothing but the log.
    `places` are the paths that the step is given for its outputs.
    """

    def __init__(self, store: Store, space: RunSpace, bound: BoundStep, run_id: str) -> None:
        self.path = store.run_folder(run_id)
        self.inputs = self.path / INPUTS_NAME
        self.metadata = self.path / METADATA_NAME
        self.log = self.path / LOG_NAME
        self.log_reference = self.log.relative_to(store.root).as_posix()
        self.places: Mapping[str, Path] = {}
        self._store = store
        self._space = space
        self._bound = bound
        self._keys = tuple(output.key for output in bound.contract.outputs if output.placeholder)
        self._log_start = 0

    def begin(self, run: Run) -> None:
        """Make room for the outputs, and say that the step runs."""
        self._log_start = self._space.begin(run, self._keys)
        self.places = self._cleared_places()

    def begin_again(self) -> None:
        """Remove what an attempt that failed has made, but for its log."""
        self._clear()
        with os_errors("make the run's folder"):
            make_folders(self.path, self._keys)
        self.places = self._cleared_places()

    def collect(self, output: Output) -> Staged:
        """Take in what the step has written. Raises StepFailedError where that is not what its contract says."""
        try:
            with os_errors(f"take in the output {output.key!r}"):
                path = written_output(self._bound, output, self.places.get(output.key))
                return self._store.stage_tree(path, self._space.staging, move=output.placeholder)
        except IntegrityError as error:
            raise StepFailedError(
                f"step {self._bound.name}: the output {output.key!r}: {error}", hint=error.hint
            ) from error

    def last_log_lines(self) -> str:
        """The end of what the step has printed, to be shown."""
        # A step may take its own folder apart.
        with suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_start)
            return "".join(f"  {line.rstrip()}\n" for line in deque(log, SHOWN_LOG_LINES))
        return ""

    def pack_log(self) -> str:
        """Put the log where it is kept for good, and let another step have the folder. Returns where the log is."""
        packed = self._space.pack_log(self.log, self._log_start)
        if packed is None:
            return self.keep_log()
        self._space.give_back(self.path, self._keys)
        return packed

    def keep_log(self) -> str:
        """Have the log stay here, without what the steps that had the folder before have written.

        Returns where the log is.
        """
        reference = self._keep_own_part()
        self._clear()
        return reference

    def _keep_own_part(self) -> str:
        if not self._log_start or not self.log.exists():
            return self.log_reference
        alone = self.log.with_name("log.new")
        try:
            with self.log.open("rb") as log, alone.open("wb") as kept:
                log.seek(self._log_start)
                shutil.copyfileobj(log, kept)
            alone.replace(self.log)
        except OSError:
            discard(alone)
            size = self.log.stat().st_size - self._log_start
            return f"{self.log_reference}:{self._log_start}:{size}"
        self._log_start = 0
        return self.log_reference

    def _clear(self) -> None:
        for name in (INPUTS_NAME, OUTPUTS_NAME, METADATA_NAME):
            discard(self.path / name)

    def _cleared_places(self) -> dict[str, Path]:
        """A path of this run alone for each output that takes one; what lies at the places of others is removed."""
        places: dict[str, Path] = {}
        for output in self._bound.contract.outputs:
            if output.placeholder:
                places[output.key] = self.path / OUTPUTS_NAME / output.key / (Path(output.path).name or output.key)
            else:
                for file in matches(self._bound, output):
                    discard(file)
        return places
