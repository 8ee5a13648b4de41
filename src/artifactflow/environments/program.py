"""Programs that build environments: run to their end, or ended with all that they started where the run is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from artifactflow.errors import InterruptedRunError

LOOK_SECONDS: Final = 0.1
"""How often it is asked whether to go on."""

_stopped: ContextVar[Callable[[], bool]] = ContextVar("stopped", default=lambda: False)


@contextlib.contextmanager
def stoppable(stopped: Callable[[], bool]) -> Iterator[None]:
    """Let what this thread builds in the body end soon after `stopped` says so, with InterruptedRunError."""
    token = _stopped.set(stopped)
    try:
        yield
    finally:
        _stopped.reset(token)


def refuse_when_stopped() -> None:
    """Raise InterruptedRunError where the body of `stoppable` is to end."""
    if _stopped.get()():
        raise InterruptedRunError("the building of an environment was stopped")


def run_program(
    command: Sequence[object],
    *,
    text: str = "",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Run `command` in `folder` with `text` as its standard input, and return what it printed and its exit code.

    `keep` are descriptors of locks that it holds on to: where this process is killed, it goes on. Where the run is
    stopped or Ctrl-C is pressed, it is ended with all that it started.
    """
    words = [str(word) for word in command]
    # Not a pipe: communicate() sends no more of its input once it has run out of time.
    with tempfile.TemporaryFile("w+", errors="replace") as given:
        given.write(text)
        given.seek(0)
        with subprocess.Popen(
            words,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=folder,
            env=environment,
            pass_fds=tuple(keep),
            start_new_session=True,
        ) as process:
            try:
                while True:
                    refuse_when_stopped()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        printed, said = process.communicate(timeout=LOOK_SECONDS)
                        return subprocess.CompletedProcess(words, process.returncode, printed, said)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
