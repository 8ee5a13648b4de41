"""Who executes a step: a fresh process (`command`), a fork of a warm one (`worker`), or this process (`inline`)."""

from artifactflow.executors.task import Ended, Executor, Stop, Task

__all__ = ["Ended", "Executor", "Stop", "Task"]
