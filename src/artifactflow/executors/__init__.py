"""Who executes a step: a process of its own (`command`), or this process (`inline`)."""

from artifactflow.executors.task import Executor, Task

__all__ = ["Executor", "Task"]
