"""Executes steps in forks of processes that have imported their libraries already."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from artifactflow.child.processes import RUN_ID_VARIABLE
from artifactflow.executors.command import CommandExecutor, filled_command, process_environment
from artifactflow.executors.process import watch
from artifactflow.executors.search_paths import SearchPaths
from artifactflow.executors.server_process import ServerKey, WarmProcess
from artifactflow.executors.servers import Servers, early_variables, late_variables
from artifactflow.executors.task import Ended, PrintLine, Stop, Task
from artifactflow.executors.warm import NotWarmError, WarmScripts, refuse_shadows

SERVER_LOST = "artifactflow: the server process of this step was ended from outside, and the step with it"


class WorkerExecutor:
    """Runs `python script.py …` as a fork of a server process that has imported what the script imports.

    Whatever cannot be run so is run in a fresh process, and `Ended.facts` says which it was: `process` is `warm` or
    `fresh`, and `fresh_because` the reason. `python` is the interpreter, by default the one that runs artifactflow.
    Several threads may execute steps at once. `close` ends all servers; with `keep_warm` they stay for that many
    seconds since their last use, for whoever needs the same.
    """

    in_this_thread = False

    def __init__(self, python: Path | None = None, keep_warm: float = 0.0) -> None:
        self.fresh = CommandExecutor(python)
        self._scripts = WarmScripts()
        self._search_paths = SearchPaths()
        self._servers = Servers(self._search_paths, keep_warm)

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Run the command in the component's folder. Raises MissingToolError where its program does not exist."""
        try:
            with self._started(task, stop) as process:
                ended = watch(process, task, print_line, stop)
        except NotWarmError as reason:
            ended = self.fresh.execute(task, print_line, stop)
            return replace(ended, facts={**ended.facts, "fresh_because": str(reason)})
        if process.lost and not ended.timed_out:
            _say(SERVER_LOST, task, print_line)
        return replace(ended, facts={"process": "warm", **ended.facts})

    def close(self) -> None:
        """End what runs on the servers, and those that are not kept."""
        self._servers.close()

    @contextlib.contextmanager
    def _started(self, task: Task, stop: Stop) -> Iterator[WarmProcess]:
        """The step as a running process. Raises NotWarmError before anything of it has run."""
        script = self._scripts.of(task)
        python = self.fresh.python
        environment = process_environment(task, python)
        modules = self._search_paths.only_modules(python, environment, script.modules)
        key = ServerKey(python, early_variables(environment), modules)
        with self._servers.server(key, stop) as (server, names):
            refuse_shadows(script.folder, names)
            request: dict[str, Any] = {
                "cwd": str(script.working_folder),
                "folder": str(script.folder),
                "environment": late_variables(environment),
                "argv": [str(python), *filled_command(task).argv[1:]],
                "script": script.script,
                "module": script.module,
                "run_id": task.environment.get(RUN_ID_VARIABLE, ""),
            }
            process = server.start(request)
            if not process.wait_started(stop):
                process.close()
                raise NotWarmError("the server process could not start it")
            yield process


def _say(message: str, task: Task, print_line: PrintLine) -> None:
    with task.log.open("a", encoding="utf-8") as log:
        log.write(f"{message}\n")
    print_line(message)
