"""Who executes a step: a process of its own (`command`), or this process (`inline`)."""

from artifactflow.executors.task import Ended, Executor, Stop, Task

__all__ = ["Ended", "Executor", "Stop", "Task"]
