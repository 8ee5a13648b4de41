"""Tells W&B: a run for each step that was executed, grouped by the run of the pipeline, with artifacts and lineage.

With a key runs go to the server; without one, or where the server cannot be reached, they are kept as W&B's own offline
runs in the store's folder, which `artifactflow sync` sends. No bytes are copied: W&B is given the paths of the store's
objects, which never change, and for a run that waits links to them, which `artifacts gc` leaves.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from artifactflow.errors import OutsideError
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.trackers.choice import has_wandb_key
from artifactflow.trackers.environment import environment_digest
from artifactflow.trackers.scores import last_values, points
from artifactflow.trackers.told import Begun, StoredFile, ToldPipeline, ToldStep, ToldVersion
from artifactflow.trackers.wandb_offline import KEPT_FOLDER, RUNS_FOLDER

INIT_SECONDS: Final = 10.0
"""How long a server may take to answer; W&B itself waits 90 seconds, and tries again."""

FINISH_SECONDS: Final = 600.0
BRIDGED: Final = "wandb"
"""The fact of a run whose step has a W&B run of its own."""

_MOST_METADATA: Final = 90


class WandbTracker:
    """One W&B project; `folder` is where the runs are kept that no server has."""

    def __init__(self, settings: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.root = Path(environment.get("WANDB_DIR") or folder)
        self.online = not settings["offline"] and has_wandb_key(environment)
        self.timeout = float(environment.get("WANDB_INIT_TIMEOUT") or INIT_SECONDS)
        self.wandb: Any = None

    def connect(self) -> None:
        """Import the library. Whether a server is there shows with the first run."""
        import wandb

        logging.getLogger("wandb").setLevel(logging.ERROR)
        self.root.mkdir(parents=True, exist_ok=True)
        self.wandb = wandb

    def open_pipeline(self, record: PipelineRun, *, again: bool) -> str:
        """The group; W&B has no runs below runs."""
        return record.id

    def begin_step(self, run: Run, pipeline: str, *, again: bool) -> Begun | None:
        """Nothing: a step that logs to W&B has a run of its own."""
        return None

    def tell_step(self, step: ToldStep, pipeline: str, begun: str | None, *, again: bool) -> str:
        """Make the run of a step. One that a crash left half told is replaced."""
        if BRIDGED in step.run.facts:
            return str(step.run.id)
        if again:
            self._forget(step.run.id)
        run = self._init(step.run, pipeline)
        try:
            for told in step.inputs.values():
                self._link(run, told, used=True)
            self._log_scores(run, step)
            for told in step.outputs.values():
                self._link(run, told, used=False)
        finally:
            run.finish(exit_code=0 if step.run.status is RunStatus.FINISHED else 1)
        return str(step.run.id)

    def abandon_step(self, tracked: str) -> None:
        """Nothing was begun."""

    def close_pipeline(self, pipeline: str, told: ToldPipeline) -> None:
        """Nothing: a group has no end."""

    def close(self) -> None:
        """End W&B's own service."""
        if self.wandb is not None:
            self.wandb.teardown()

    # the parts of a run

    def _init(self, run: Run, pipeline: str) -> Any:
        if self.online:
            try:
                return self._new_run(run, pipeline, "online")
            except (self.wandb.errors.Error, OSError) as error:
                # A server that is down must not cost what it was to be told: the run is kept for `artifactflow sync`.
                self.online = False
                logging.getLogger(__name__).warning("W&B cannot be reached: %s", error)
                self.wandb.teardown()
                self._forget(run.id)
        try:
            return self._new_run(run, pipeline, "offline")
        except self.wandb.errors.Error as error:
            raise OutsideError(f"W&B cannot keep a run: {error}") from error

    def _new_run(self, run: Run, pipeline: str, mode: str) -> Any:
        wanted = {
            "mode": mode,
            "root_dir": str(self.root),
            "init_timeout": self.timeout,
            "finish_timeout": FINISH_SECONDS,
            "x_graphql_retry_max": 2,
            "x_graphql_timeout_seconds": self.timeout,
            "silent": True,
            "console": "off",
            "disable_git": True,
            "disable_code": True,
            "save_code": False,
            "x_disable_stats": True,
            "x_disable_machine_info": True,
            "x_save_requirements": False,
            "program": run.component,
        }
        known = self.wandb.Settings.model_fields
        return self.wandb.init(
            settings=self.wandb.Settings(**{name: value for name, value in wanted.items() if name in known}),
            id=run.id,
            name=run.step,
            group=pipeline,
            job_type=run.step.partition("[")[0],
            project=self.settings["project"],
            entity=self.settings["entity"] or None,
            config={**run.parameters, "artifactflow": _about(run)},
            notes=run.reason or None,
            tags=[run.pipeline[:64]] if run.pipeline else None,
            reinit="create_new",
        )

    def _log_scores(self, run: Any, step: ToldStep) -> None:
        found = [point for output in step.outputs.values() for point in points(output.metrics())]
        ordered = sorted(found, key=lambda point: point.step)
        for number, some in groupby(ordered, key=lambda point: point.step):
            run.log({point.name: point.value for point in some}, step=number)
        run.summary.update({**last_values(found), "seconds": step.run.seconds})

    def _link(self, run: Any, told: ToldVersion, *, used: bool) -> None:
        version = told.version
        about = {"version": version.ref, "digest": str(version.digest)}
        metadata = dict(list(version.metadata.items())[:_MOST_METADATA]) | {"artifactflow": about}
        artifact = self.wandb.Artifact(version.name, version.type, version.description or None, metadata)
        for file in told.files:
            # Immutable: not copied before it is sent. Not cached: not copied afterwards either.
            artifact.add_file(str(self._lasting(run, file)), name=file.name, policy="immutable", skip_cache=True)
        if used:
            # What `use_artifact` does with an artifact that the server does not have yet. It refuses to offline, though
            # the offline run has a place for exactly this.
            run._log_artifact(artifact, is_user_created=True, use_after_commit=True)
        else:
            run.log_artifact(artifact, aliases=sorted({"latest", *told.aliases}))

    def _lasting(self, run: Any, file: StoredFile) -> Path:
        """Where the bytes are found when the run is sent, whatever was removed from the store until then."""
        if self.online:
            return file.path
        place = Path(run.dir).parent / KEPT_FOLDER / "".join(file.path.parts[-2:])
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.hardlink_to(file.path)
        except FileExistsError:
            pass
        except OSError:  # another file system than the store's, or one without hard links
            return file.path
        return place

    def _forget(self, run_id: str) -> None:
        for folder in (self.root / RUNS_FOLDER).glob(f"*run-*-{run_id}"):
            shutil.rmtree(folder, ignore_errors=True)


def _about(run: Run) -> dict[str, Any]:
    """What a run says of itself beside its parameters."""
    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "step": run.step,
        "component": run.component,
        "entry_point": run.entry_point,
        "status": run.status.value,
        "message": run.message,
        "started": run.started,
        "ended": run.ended,
        "seconds": run.seconds,
        "inputs": dict(run.inputs),
        "outputs": dict(run.outputs),
        "source": dict(run.facts.get("source", {})),
        "environment": environment_digest(run),
    }
