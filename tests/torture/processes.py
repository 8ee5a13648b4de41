"""Real processes to do harm to: forked, so that a thousand of them start in seconds."""

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any, Self

from artifactflow.errors import ArtifactflowError

REFUSED = 9
"""The exit code of a child that ended with an error of ours, in words."""

TRACEBACK = 70
"""That of a child that ended with any other exception, which it has printed."""


class Child:
    """A process that runs `function(say, *arguments)`; what it says comes through a pipe, a line of JSON each.

    A line that was said is heard even if the speaker is killed right after it.
    """

    def __init__(self, function: Callable[..., object], *arguments: Any, held: bool = False) -> None:
        self._reading, writing = os.pipe()
        self._said = b""
        if held:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        self.pid = os.fork()
        if self.pid == 0:
            _live(function, writing, arguments, held=held)
        os.close(writing)
        self.code: int | None = None
        if held:
            self.heard(1, 60.0)

    def release(self) -> None:
        """Let a child that was `held` begin."""
        os.kill(self.pid, signal.SIGUSR1)

    def heard(self, count: int, seconds: float) -> None:
        """Return as soon as it has said that many things, or when the seconds are over."""
        deadline = time.monotonic() + seconds
        while self._said.count(b"\n") < count and (left := deadline - time.monotonic()) > 0:
            if select.select([self._reading], [], [], left)[0]:
                said = os.read(self._reading, 65536)
                if not said:
                    return
                self._said += said

    def said(self) -> int:
        """How many things it has said until now."""
        while select.select([self._reading], [], [], 0)[0] and (more := os.read(self._reading, 65536)):
            self._said += more
        return self._said.count(b"\n")

    def kill(self) -> list[dict[str, Any]]:
        """End it as kill -9 does, and return what it has said."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> list[dict[str, Any]]:
        """Wait for its end, and return what it has said. Its exit code is in `code`, negative for a signal."""
        with os.fdopen(self._reading, "rb") as stream:
            lines = (self._said + stream.read()).splitlines(keepends=True)
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        return [json.loads(line) for line in lines if line.strip() and line.endswith(b"\n")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            self.kill()


def _live(function: Callable[..., object], writing: int, arguments: tuple[Any, ...], *, held: bool) -> None:
    code = 0
    try:
        if held:
            # Waits, once it has said so by an empty line, in a system call that no test counts.
            os.write(writing, b"\n")
            signal.sigwait({signal.SIGUSR1})
        function(lambda **facts: os.write(writing, (json.dumps(facts) + "\n").encode()), *arguments)
    except ArtifactflowError as error:
        code = REFUSED
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    except BaseException:
        code = TRACEBACK
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {seconds} seconds")
        time.sleep(0.0005)
