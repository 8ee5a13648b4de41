"""Executes a step by calling a function in a thread: for built-in steps that wait more than they work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from artifactflow.errors import InterruptedRunError
from artifactflow.executors.masking import Masking
from artifactflow.executors.task import Ended, PrintLine, Stop, Task

LOOK_SECONDS = 0.1
"""How often it is looked whether the run was stopped."""

Call = Callable[[Task, PrintLine, Stop], None]
"""Does the work of a task; what it says goes line by line to the second argument. It must not change the process."""


class ThreadExecutor:
    """Calls `call` with each task. An artifactflow error passes through as it is: there is no process between."""

    in_this_thread = False

    def __init__(self, call: Call) -> None:
        self.call = call

    def execute(self, task: Task, print_line: PrintLine, stop: Stop) -> Ended:
        """Exit code 0, or what the function raised. When `stop` is set it is not waited for.

        Nothing can end a thread from outside, and one that waits for a server may wait long: it is left behind as a
        daemon, and the function ends by itself when it next looks at `stop`.
        """
        raised: list[BaseException] = []
        writing = threading.Lock()
        masking = Masking(task.secrets)

        def say(line: str) -> None:
            line = masking.whole(line)
            with writing, task.log.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")
            print_line(line)

        def work() -> None:
            try:
                self.call(task, say, stop)
            except BaseException as error:
                raised.append(error)

        task.log.touch()
        thread = threading.Thread(target=work, name="call", daemon=True)
        thread.start()
        while thread.is_alive():
            if stop.is_set():
                raise InterruptedRunError("the run was stopped")
            thread.join(LOOK_SECONDS)
        if raised:
            raise raised[0]
        return Ended(0, facts={"process": "thread"})
