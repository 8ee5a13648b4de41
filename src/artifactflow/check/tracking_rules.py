"""Rules about what scripts tell W&B and MLflow."""

from __future__ import annotations

from collections.abc import Iterator

from artifactflow.check.findings import Finding, Rule, Severity
from artifactflow.check.subjects import ComponentSubject, ScriptSubject

REMOVED_BEFORE_UPLOAD = Rule(
    "T701",
    "removed-before-upload",
    Severity.WARNING,
    "A file is deleted while W&B may still be uploading it.",
    "`log_artifact` returns at once and uploads behind the script's back. Whether the file may go before that is done "
    "depends on the version of wandb and on how the file was added.\n"
    '  wrong:  run.log_artifact(artifact); os.remove("clean.csv")\n'
    '  right:  run.log_artifact(artifact).wait(); os.remove("clean.csv")',
)
RUN_NOT_FINISHED = Rule(
    "T702",
    "run-not-finished",
    Severity.INFO,
    "A script starts a W&B run and never finishes it.",
    "wandb finishes the run when the interpreter ends. Where it ends otherwise (a signal, `os._exit`, a notebook, two "
    "runs in one process) what was logged last can be missing and the run counts as crashed.\n"
    '  open:    run = wandb.init(job_type="clean"); …\n'
    '  closed:  with wandb.init(job_type="clean") as run: …',
)

RULES: tuple[Rule, ...] = (REMOVED_BEFORE_UPLOAD, RUN_NOT_FINISHED)


def check_tracking(component: ComponentSubject) -> Iterator[Finding]:
    """Where a script's use of a tracker loses data."""
    scripts = {point.script.path: point.script for point in component.entry_points.values() if point.script}
    for script in scripts.values():
        yield from _check_script(script)


def _check_script(script: ScriptSubject) -> Iterator[Finding]:
    tracking = script.tracking
    if tracking is None:
        return
    for place in tracking.removed_after_logging:
        yield REMOVED_BEFORE_UPLOAD.at(
            place,
            "the file is deleted while W&B may still be uploading it",
            hint="wait first: run.log_artifact(artifact).wait()",
        )
    if tracking.finished is False:
        for start in tracking.inits:
            if start.api == "wandb":
                yield RUN_NOT_FINISHED.at(
                    start.place,
                    "the W&B run is never finished",
                    hint="with wandb.init(…) as run: around what it logs, or run.finish() at the end",
                    length=len("wandb.init"),
                )
                return
