"""A process that has imported what scripts import, and forks itself for each script that is to run.

Started by path, with the interpreter and the environment of the steps: `python server.py DESCRIPTOR`. The descriptor is
a Unix socket, a control channel. The first message says what to import (`modules`: pairs of a module and the names
taken from it; `roots`: folders beside site-packages whose modules count as installed) and may say `keep`; the answer
says which top names are taken (`names`), or why this process must not fork (`refused`). Every further message has a
`do`:

- `step`: run `script` or `module` with `cwd`, `folder` (where its modules are looked for first), `environment` (the
  variables that are its own), `argv` (the interpreter first) and `run_id` (by which its processes can be found). Two
  descriptors come with it: where the step prints, and where it is reported as `started` (by the child) and `ended`
  (by this process).
- `nest`: like the very first message; a copy of this process becomes a server that has imported more. The descriptor
  that comes with it is its control channel.
- `status`: answered with what the process is and has done.
- `stop`: end what runs, politely, then this process.
- `use`: the first message of a command that has found this server; answered like the very first, or with `refused`
  where a file that was imported has changed.

As soon as the other end of a control channel is closed, all that it has started is killed. A server is gone with its
last channel, unless it is to be kept: then it belongs to nobody, listens at `keep.address`, and ends itself when it was
not used for `keep.seconds`, or cannot be reached at its address any more.
"""

# What this file imports, every script would find imported: so no pathlib here.
# ruff: noqa: PTH118, PTH120

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import select
import signal
import socket
import sys
import time

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from artifactflow.child import children, codes, kept, messages, preloading, processes, step
else:

    def beside(name: str) -> Any:
        """Another file of this folder as a module that scripts do not find imported."""
        place = os.path.join(os.path.dirname(__file__), f"{name}.py")
        spec = importlib.util.spec_from_file_location(name, place)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    children, codes, kept, messages, preloading, processes, step = map(
        beside, ("children", "codes", "kept", "messages", "preloading", "processes", "step")
    )

SLOWEST_MESSAGE_SECONDS = 10.0
"""A command that takes longer over one message is given up: others wait meanwhile."""

LOOK_SECONDS = 30.0
"""How often an idle server looks whether it can still be reached."""

GRACE_SECONDS = 5.0
"""How long steps may take to end when the server is asked to stop."""

WAITING_IMPORTS = frozenset({"resource"})
"""Modules that Python imports to tell what a child has used."""


class Nested:
    """What a copy of this process is to be: a server of its own, with more modules."""

    def __init__(self, wanted: Mapping[str, Any], channel: socket.socket) -> None:
        self.wanted = wanted
        self.channel = channel


class Server:
    """Takes steps from its channels and runs each in a child."""

    def __init__(self, channel: socket.socket, answer: Mapping[str, Any], run_id_place: int | None) -> None:
        self.answer = answer
        self.imported = frozenset(sys.modules)
        self.run_id_place = run_id_place
        self.kept: kept.Kept | None = None
        self.channels: dict[int, socket.socket] = {channel.fileno(): channel}
        self.users: set[int] = {channel.fileno()}
        self.children = children.Children(processes.kill_all)
        self.codes = codes.Codes(step.compiled)
        self.files: Mapping[str, Any] = {}
        self.steps = 0
        self.used = time.monotonic()
        self.kill_at: float | None = None

    def keep(self, address: str, seconds: float) -> None:
        """Stay when the command that started this process has ended."""
        with contextlib.suppress(OSError):  # then it serves this command alone
            self.kept = kept.Kept(address, seconds)
            self.files = preloading.states_of(preloading.imported_files())
            for channel in self.channels.values():
                channel.settimeout(SLOWEST_MESSAGE_SECONDS)

    def serve(self) -> step.Step | Nested | None:
        """Return in each child with what it has to do, and in the server, with None, when it is over."""
        while not self._is_over():
            poll = select.poll()
            for descriptor in (*self.channels, *self.children):
                poll.register(descriptor, select.POLLIN)
            if self.kept is not None:
                poll.register(self.kept.listener, select.POLLIN)
            for descriptor, _ in poll.poll(self._patience()):
                if descriptor in self.children:
                    self.children.report_end(descriptor)
                elif descriptor in self.channels:
                    begun = self._take(descriptor)
                    if begun is not None:
                        return begun
                elif self.kept is not None and descriptor == self.kept.listener.fileno():
                    self._accept(self.kept)
        return None

    # how long

    def _is_over(self) -> bool:
        now = time.monotonic()
        if self.kill_at is not None:
            if self.children and now >= self.kill_at:
                self.children.kill()
            return not self.children
        if self.users:
            return False
        if self.kept is not None:
            if now < self.used + self.kept.seconds and self.kept.is_reachable():
                return False
            self.kept.withdraw()
        return True

    def _patience(self) -> float | None:
        """How long nothing may happen, in milliseconds."""
        if self.kill_at is not None:
            seconds = self.kill_at - time.monotonic()
        elif self.kept is not None and not self.users:
            seconds = min(self.used + self.kept.seconds - time.monotonic(), LOOK_SECONDS)
        else:
            return None
        return max(seconds, 0) * 1000 + 1

    # commands

    def _accept(self, kept: kept.Kept) -> None:
        with contextlib.suppress(OSError):
            channel, _ = kept.listener.accept()
            if messages.peer(channel)[1] != os.geteuid():
                channel.close()
                return
            channel.settimeout(SLOWEST_MESSAGE_SECONDS)
            self.channels[channel.fileno()] = channel

    def _take(self, descriptor: int) -> step.Step | Nested | None:
        """Do what a message asks for, or what its end does."""
        channel = self.channels[descriptor]
        try:
            message, descriptors = messages.receive(channel)
            if message is None:
                self._drop(descriptor)
            elif message["do"] == "step":
                return self._fork(message, descriptor, *descriptors)
            elif message["do"] == "nest":
                return self._nest(message, *descriptors)
            elif message["do"] == "use":
                self._use(descriptor, message["seconds"])
            elif message["do"] == "status":
                messages.send(channel, self._status())
            elif message["do"] == "stop":
                self._stop()
        except (OSError, ValueError):
            self._drop(descriptor)
        return None

    def _drop(self, descriptor: int) -> None:
        """The command has ended: so does what it runs."""
        self.children.kill(descriptor)
        self.channels.pop(descriptor).close()
        if descriptor in self.users:
            self.users.discard(descriptor)
            self.used = time.monotonic()

    def _use(self, descriptor: int, seconds: float) -> None:
        if self.kept is None:
            return
        if preloading.states_of(self.files) != self.files:
            self.kept.withdraw()  # it ends when those that use it have ended
            messages.send(
                self.channels[descriptor], {"refused": "a file that it has imported has changed", "names": []}
            )
            return
        self.kept.seconds = max(self.kept.seconds, seconds)
        self.users.add(descriptor)
        messages.send(self.channels[descriptor], self.answer)

    def _status(self) -> dict[str, Any]:
        seconds = self.kept.seconds if self.kept else 0.0
        return {
            "memory": kept.resident_memory(),
            "steps": self.steps,
            "running": len(self.children),
            "idle_seconds": None if self.users else round(time.monotonic() - self.used, 6),
            "keep_seconds": seconds,
            **self.answer["about"],
        }

    def _stop(self) -> None:
        if self.kept is not None:
            self.kept.withdraw()
        self.kill_at = time.monotonic() + GRACE_SECONDS
        for child in self.children.all():
            for process in processes.belonging(child.run_id, child.pid):
                processes.send_signal(process, signal.SIGTERM)

    # steps

    def _fork(self, request: Mapping[str, Any], channel: int, output: int, report: int) -> step.Step | None:
        code = self.codes.of(request)
        try:
            if self.kill_at is not None:
                raise ProcessLookupError
            pid = os.fork()
        except OSError:  # it ends, or there are too many processes: closing `report` says that it was not started
            os.close(output)
            os.close(report)
            return None
        if pid == 0:
            self._leave()
            return step.Step(request, code, output, report, self.run_id_place)
        os.close(output)
        self.steps += 1
        self.children.add(children.Child(pid, report, channel, request["run_id"]))
        return None

    def _nest(self, wanted: Mapping[str, Any], channel: int) -> Nested | None:
        with socket.socket(fileno=channel) as theirs:
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                return None
            if os.fork():
                os._exit(0)  # it is nobody's child
            os.setsid()
            self._leave()
            return Nested(wanted, theirs.dup())

    def _leave(self) -> None:
        """Close what is the server's, and forget what only serving has imported."""
        self.children.leave()
        for channel in self.channels.values():
            channel.close()
        if self.kept is not None:
            self.kept.listener.close()
        for name in WAITING_IMPORTS - self.imported:
            sys.modules.pop(name, None)


def serve(channel: socket.socket, wanted: Mapping[str, Any], run_id_place: int | None) -> step.Step | Nested | None:
    """Import, answer, serve."""
    refused = preloading.preload(wanted["modules"], wanted["roots"])
    names = sorted({name.partition(".")[0] for name in sys.modules} - {"__main__"})
    about = {"python": sys.executable, "modules": [name for name, _ in wanted["modules"]]}
    server = Server(channel, {"names": names, "refused": refused, "about": about}, run_id_place)
    gc.collect()
    gc.freeze()  # else the first collection in a child copies every page
    if wanted["keep"] is not None and refused is None:
        server.keep(**wanted["keep"])
    with contextlib.suppress(OSError):
        messages.send(channel, server.answer)
    return server.serve()


def main() -> None:
    """Be a server, and then what is begun in a child of it."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path_importer_cache.pop(sys.path.pop(0), None)  # the folder of this file
    run_id_place = step.find_run_id_place(processes.RUN_ID_VARIABLE)
    os.environ.pop(processes.RUN_ID_VARIABLE, None)
    step.discard_output()
    channel = socket.socket(fileno=int(sys.argv[1]))
    wanted, _ = messages.receive(channel)
    if wanted["keep"] is not None and os.fork():
        os._exit(0)  # a kept server is nobody's child
    begun = serve(channel, wanted, run_id_place)
    while isinstance(begun, Nested):
        begun = serve(begun.channel, begun.wanted, run_id_place)
    if begun is None:
        os._exit(0)  # what was imported is not to do anything at the end
    step.run(begun)


if __name__ == "__main__":
    main()
