"""What a child of the server does: it is the process that `python script.py …` would be, from its start to its end."""

# What this file imports, every script would find imported: so no pathlib here.
# ruff: noqa: PTH109, PTH118, PTH123

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import importlib.machinery
import io
import os
import signal
import sys
import time

TYPE_CHECKING = False  # what type checkers know without typing being imported
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any, NoReturn

RUN_ID_BYTES = 64
"""Room for a run's id where the kernel looks for the environment."""


class Step:
    """A script that is to run in this process, which is a child of the server."""

    def __init__(
        self, request: Mapping[str, Any], code: CodeType | None, output: int, report: int, run_id_place: int | None
    ) -> None:
        self.request = request
        self.code = code
        self.output = output
        self.report = report
        self.run_id_place = run_id_place


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


def discard_output() -> None:
    """Let what is printed go nowhere until `become` says where to.

    Python was started on pipes, as every step is: its streams have found out once and for all that they cannot seek.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def become(step: Step) -> None:
    """Take on everything by which a script can tell how it was started."""
    request = step.request
    os.setsid()
    os.dup2(step.output, 1)
    os.dup2(step.output, 2)
    os.close(step.output)
    os.chdir(request["cwd"])
    show_run_id(request["run_id"], step.run_id_place)
    os.environ.update(request["environment"])
    interpreter, *arguments = request["argv"]
    sys.orig_argv[:] = [interpreter, *arguments]
    sys.argv[:] = arguments if request["script"] else ["-m", *arguments[2:]]
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, request["folder"])
    sys.modules["__main__"] = main_module(request)
    forget_the_server()
    os.write(step.report, b'{"started": %d}' % os.getpid())
    os.close(step.report)


def find_run_id_place(variable: str) -> int | None:
    """Where in this process's memory the value of a variable lies that it was started with, as the kernel shows it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/stat", "rb") as file:
            begin = int(file.read().rpartition(b")")[2].split()[47])  # env_start, see proc_pid_stat(5)
        with open("/proc/self/environ", "rb") as file:
            name = f"\0{variable}=".encode()
            return begin + (b"\0" + file.read()).index(name) - 1 + len(name)
    return None


def show_run_id(run_id: str, place: int | None) -> None:
    """Let the kernel show the run's id in the environment of this process and of all that are forked from it.

    It shows what a process was started with, and this one was started with its server's.
    """
    text = run_id.encode()[:RUN_ID_BYTES].ljust(RUN_ID_BYTES, b"\0")
    if place is not None:
        with contextlib.suppress(OSError):
            memory = os.open("/proc/self/mem", os.O_RDWR)
            try:
                os.pwrite(memory, text, place)
            finally:
                os.close(memory)


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
    if threading := sys.modules.get("threading"):
        threading.main_thread()._set_native_id()
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
    say(f"{error.code}\n")
    return 1


def say(text: str) -> None:
    """Write to standard error, where there is one."""
    if sys.stderr is not None:
        sys.stderr.write(text)


def show(error: BaseException) -> int:
    """Have an uncaught exception printed as Python does, and return the exit code."""
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    second = raised_by(lambda: sys.excepthook(type(error), error, error.__traceback__))
    if isinstance(second, SystemExit):
        return exit_code_of(second)
    if second is not None:
        say("Error in sys.excepthook:\n")
        sys.__excepthook__(type(second), second, second.__traceback__)
        say("\nOriginal exception was:\n")
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
