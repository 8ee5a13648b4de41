"""Plan → execute → store: what `run-pipeline` does, and every other command that runs a step."""

from artifactflow.runner.events import Observer, Silent
from artifactflow.runner.options import Options
from artifactflow.runner.run import bind_pipeline, plan_pipeline, refuse_secret_options, run_pipeline, totals
from artifactflow.runner.running import follow_log, running_step

__all__ = [
    "Observer",
    "Options",
    "Silent",
    "bind_pipeline",
    "follow_log",
    "plan_pipeline",
    "refuse_secret_options",
    "run_pipeline",
    "running_step",
    "totals",
]
