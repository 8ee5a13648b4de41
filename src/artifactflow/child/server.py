"""A process that has imported what scripts import, and forks itself for each script that is to run.

Started by path, with the interpreter and the environment of the steps: `python server.py DESCRIPTOR`. The descriptor is
a Unix socket, the control channel. A message on it is JSON after four bytes of length. The first says what to import
(`modules`: pairs of a module and the names taken from it; `roots`: folders beside site-packages whose modules count as
installed); the answer says which top names are taken (`names`), or why this process must not fork (`refused`). Every
further message is a step: `cwd`, `environment` (the variables that are its own), `argv` (the interpreter first),
`script` or `module`. With it come two descriptors: where the step prints, and where it is reported as `started` (by the
child) and `ended` (by this process).

As soon as the other end of the control channel is closed, the server is gone, and all that it runs with it.
"""

# What this file imports, every script would find imported: so no pathlib here. And it prints what Python prints.
# ruff: noqa: PTH109, PTH116, PTH118, PTH120, PTH123, PTH208, T201

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import importlib.machinery
import importlib.util
import io
import json
import os
import select
import signal
import socket
import sys
import time
import warnings

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType
    from typing import Any, NoReturn

HEADER_BYTES = 4
FORK_AWARE_THREADS = frozenset({"jemalloc_bg_thd"})
"""Threads, by name, whose owner holds them still during a fork and starts them anew in the child."""


class Step:
    """A script that is to run in this process, which is a child of the server."""

    def __init__(self, request: Mapping[str, Any], code: CodeType | None, output: int, report: int) -> None:
        self.request = request
        self.code = code
        self.output = output
        self.report = report


class Server:
    """Takes steps from `channel` and runs each in a child."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.children: dict[int, tuple[int, socket.socket]] = {}  # by pidfd
        self.codes: dict[tuple[str, int, int], CodeType] = {}

    def serve(self) -> Step | None:
        """Return in each child with the step that it has to run, and in the server, with None, when it is over."""
        while True:
            poll = select.poll()
            for descriptor in (self.channel.fileno(), *self.children):
                poll.register(descriptor, select.POLLIN)
            for descriptor, _ in poll.poll():
                if descriptor in self.children:
                    self._report_end(descriptor)
                    continue
                try:
                    message, descriptors = receive(self.channel)
                except OSError:
                    message = None
                if message is None:
                    self._kill_children()
                    return None
                step = self._fork(message, *descriptors)
                if step is not None:
                    return step

    def _fork(self, request: Mapping[str, Any], output: int, report: int) -> Step | None:
        code = self._compiled(request)
        try:
            pid = os.fork()
        except OSError:  # too many processes: closing `report` says that it was not started
            os.close(output)
            os.close(report)
            return None
        if pid == 0:
            for descriptor, (_, other) in self.children.items():
                os.close(descriptor)
                other.close()
            self.channel.close()
            return Step(request, code, output, report)
        os.close(output)
        self.children[os.pidfd_open(pid)] = (pid, socket.socket(fileno=report))
        return None

    def _compiled(self, request: Mapping[str, Any]) -> CodeType | None:
        """The script's code, compiled once; None where that fails, so that the child fails as a fresh process does."""
        if request["script"] is None:
            return None
        file = os.path.join(request["cwd"], request["script"])
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("error")  # the child's to show
            stat = os.stat(file)
            key = (file, stat.st_mtime_ns, stat.st_size)
            if key not in self.codes:
                self.codes[key] = compiled(file)
            return self.codes[key]
        return None

    def _report_end(self, descriptor: int) -> None:
        pid, report = self.children.pop(descriptor)
        os.close(descriptor)
        _, status, usage = os.wait4(pid, 0)
        ended = {
            "exit_code": os.waitstatus_to_exitcode(status),
            "peak_memory": usage.ru_maxrss * 1024,  # Linux counts in KiB
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        }
        with contextlib.suppress(OSError), report:  # whoever waited for it may be gone
            report.send(json.dumps({"ended": ended}).encode())

    def _kill_children(self) -> None:
        for pid, _ in self.children.values():
            for kill in (os.killpg, os.kill):  # it may not lead its group yet
                with contextlib.suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)


# messages


def receive(channel: socket.socket) -> tuple[Any, list[int]]:
    """The next message, with the descriptors that came with it; None where the other end is closed."""
    header, descriptors, _, _ = socket.recv_fds(channel, HEADER_BYTES, 2)
    if len(header) < HEADER_BYTES:
        return None, descriptors
    left = int.from_bytes(header, "big")
    parts = []
    while left:
        part = channel.recv(left)
        if not part:
            return None, descriptors
        parts.append(part)
        left -= len(part)
    return json.loads(b"".join(parts)), descriptors


def send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    """Send a message without descriptors."""
    content = json.dumps(message).encode()
    channel.sendall(len(content).to_bytes(HEADER_BYTES, "big") + content)


# before serving


def preload(modules: Sequence[tuple[str, Sequence[str]]], roots: Sequence[str]) -> str | None:
    """Import what is installed, skipping what fails; returns why this process must not fork, or None."""
    library = os.path.dirname(os.__file__)
    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    folders = tuple(folder.rstrip("/") + "/" for folder in (library, *packages, *roots))
    before = set(sys.modules)
    for name, taken in modules:
        with contextlib.suppress(Exception, SystemExit):  # the script that imports it will say what is wrong
            if is_installed(name.partition(".")[0], folders):
                __import__(name, fromlist=taken)
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and not file.startswith(folders):
            return f"what it imports also imports {name}, whose code is not installed but lies in {file}"
    threads = threads_after_fork()
    return f"what it imports starts threads: {', '.join(threads)}" if threads else None


def is_installed(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a module comes from the interpreter or from one of the folders."""
    found = importlib.util.find_spec(name)
    if found is None:
        return False
    places = list(found.submodule_search_locations or ())
    if found.has_location and found.origin is not None:
        places.append(found.origin)
    return all((place + "/").startswith(folders) for place in places)


def threads_after_fork() -> list[str]:
    """The names of the other threads that run after a fork: their locks may be held in a child, by nobody.

    Some libraries (OpenBLAS) end theirs when a fork comes and start them again when they need them; so a child is
    forked to find out.
    """
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    names = []
    for thread in os.listdir("/proc/self/task"):
        if int(thread) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/self/task/{thread}/comm", encoding="utf-8") as file:
                names.append(file.read().strip())
    return sorted(set(names) - FORK_AWARE_THREADS)


# in the child


def run(step: Step) -> NoReturn:
    """Be the process that `python script.py …` would be, to the end."""
    loaded = frozenset(sys.modules)
    if raised_by(lambda: become(step)) is not None:
        os._exit(1)  # nothing was reported as started: a fresh process will be tried
    error = raised_by(lambda: execute(step))
    flush_standard_streams()
    code = 0
    interrupted = isinstance(error, KeyboardInterrupt)
    if error is not None:
        code = exit_code_of(error) if isinstance(error, SystemExit) else show(error)
    del error  # its traceback holds what the script has made
    code = finish(code, loaded)
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def become(step: Step) -> None:
    """Take on everything by which a script can tell how it was started."""
    request = step.request
    os.setsid()
    os.dup2(step.output, 1)
    os.dup2(step.output, 2)
    os.close(step.output)
    os.chdir(request["cwd"])
    os.environ.update(request["environment"])
    interpreter, *arguments = request["argv"]
    sys.orig_argv[:] = [interpreter, *arguments]
    sys.argv[:] = arguments if request["script"] else ["-m", *arguments[2:]]
    if not getattr(sys.flags, "safe_path", False):
        script = request["script"]
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)) if script else os.getcwd())
    sys.modules["__main__"] = main_module(request)
    forget_the_server()
    with socket.socket(fileno=step.report) as report:
        report.send(json.dumps({"started": os.getpid()}).encode())


def main_module(request: Mapping[str, Any]) -> Any:
    """A `__main__` as Python makes it, its names in the same order."""
    main = type(sys)("__main__")
    namespace = main.__dict__
    namespace |= {"__annotations__": {}, "__builtins__": builtins}
    if request["script"] is None:
        namespace["__loader__"] = importlib.machinery.BuiltinImporter
    else:
        file = script_file(request)
        namespace["__loader__"] = importlib.machinery.SourceFileLoader("__main__", file)
        namespace |= {"__file__": file, "__cached__": None}
    return main


def script_file(request: Mapping[str, Any]) -> str:
    """The absolute path of the script as Python writes it: joined, and nothing more."""
    return os.path.join(os.getcwd(), request["script"])


def forget_the_server() -> None:
    """Reset what libraries have noted about the process when they were imported."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()  # else every child draws the same; the standard library's `random` sees to it itself
    if process := sys.modules.get("multiprocessing.process"):
        process.ORIGINAL_DIR = os.getcwd()  # type: ignore[attr-defined] # where spawned processes start
    if logging := sys.modules.get("logging"):
        now = time.time_ns() if sys.version_info >= (3, 13) else time.time()
        logging._startTime = now  # type: ignore[attr-defined] # the zero of `relativeCreated`


def compiled(file: str) -> CodeType:
    """The code of a script."""
    with io.open_code(file) as source:
        return compile(source.read(), file, "exec", dont_inherit=True)


def execute(step: Step) -> None:
    """Run the script's code as `__main__`."""
    if step.request["script"] is None:
        import runpy

        runpy._run_module_as_main(step.request["module"])  # type: ignore[attr-defined] # what `python -m` calls
    else:
        exec(step.code or compiled(script_file(step.request)), sys.modules["__main__"].__dict__)  # noqa: S102


def raised_by(execute: Callable[[], None]) -> BaseException | None:
    """What a call raises, its traceback beginning below this file."""
    try:
        execute()
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        return error.with_traceback(trace)
    return None


def exit_code_of(error: SystemExit) -> int:
    """The exit code that `sys.exit` asks for; anything but a number is printed."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def show(error: BaseException) -> int:
    """Have an uncaught exception printed as Python does, and return the exit code."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    second = raised_by(lambda: sys.excepthook(type(error), error, error.__traceback__))
    if isinstance(second, SystemExit):
        return exit_code_of(second)
    if second is not None:
        print("Error in sys.excepthook:", file=sys.stderr)
        sys.__excepthook__(type(second), second, second.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, error.__traceback__)
    return 1


def finish(code: int, loaded: frozenset[str]) -> int:
    """End as Python ends: threads, atexit handlers, streams, then what the script has made.

    What was `loaded` before the script began is left as it is: the process ends without taking it apart.
    """
    if threading := sys.modules.get("threading"):
        raised_by(threading._shutdown)  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    flushed = flush_standard_streams()
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        sys.__dict__.pop(name, None)
    flush_files()  # the collector may close a file before the buffer that writes to it
    for name in [name for name in sys.modules if name not in loaded or name == "__main__"]:
        del sys.modules[name]
    gc.collect()
    flush_files()  # what something that was loaded before still holds
    flushed = flush_standard_streams() and flushed
    return code if flushed else 120


def flush_files() -> None:
    """Write out what is in the buffers of files that the script has opened."""
    for thing in gc.get_objects():
        if issubclass(type(thing), (io.BufferedWriter, io.TextIOWrapper)):
            with contextlib.suppress(Exception):
                thing.flush()


def flush_standard_streams() -> bool:
    """Whether both streams could be flushed."""
    flushed = True
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not getattr(stream, "closed", False):
            try:
                stream.flush()
            except Exception:
                flushed = stream is sys.stderr and flushed
    return flushed


def main() -> None:
    """Import, answer, serve."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path_importer_cache.pop(sys.path.pop(0), None)  # the folder of this file
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        wanted, _ = receive(channel)
        refused = preload(wanted["modules"], wanted["roots"])
        names = sorted({name.partition(".")[0] for name in sys.modules} - {"__main__"})
        send(channel, {"names": names, "refused": refused})
        gc.collect()
        gc.freeze()  # else the first collection in a child copies every page
        step = Server(channel).serve()
    if step is None:
        os._exit(0)  # what was imported is not to do anything at the end
    run(step)


if __name__ == "__main__":
    main()
