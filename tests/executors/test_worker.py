"""The same scripts as fresh processes and as forks of a warm server: nothing that they can see may differ."""

import ast
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from artifactflow.executors import Task
from artifactflow.executors.process import LONGEST_LINE
from artifactflow.executors.server_process import SERVER_SCRIPT
from artifactflow.executors.syntax import absolute_imports
from artifactflow.executors.worker import SERVER_LOST, WorkerExecutor
from artifactflow.read.built_in import built_in_component

VARIABLES = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "HOME": "/nonexistent"}

ALIKE = {
    "how it was started": """
        import os, sys
        print(__name__, __file__, __spec__, __package__, __doc__, type(__loader__), __loader__.path, list(globals()))
        print(sys.argv, sys.orig_argv, sys.path, sys.executable, sys.flags, sys.warnoptions)
        print(os.getcwd(), sorted(os.environ.items()), os.getpid() == os.getpgrp() == os.getsid(0))
        print(sys.modules["__main__"], __import__("__main__").__dict__ is globals())
    """,
    "streams": """
        import os, sys
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            print(stream.name, stream.mode, stream.encoding, stream.errors, stream.isatty(), stream.line_buffering)
            print(stream.seekable(), stream.buffer.seekable(), stream.write_through)
        print(sys.stdin.read() == "", sorted(os.listdir("/proc/self/fd")))
        print("to stderr", file=sys.stderr)
        os.write(1, b"raw\\n")
        print("no newline", end="")
    """,
    "umask and signals": """
        import os, signal
        print(os.umask(0o77), [(number, signal.getsignal(number)) for number in signal.valid_signals()])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    """,
    "handlers at exit": """
        import atexit, threading, time
        atexit.register(print, "first registered")
        atexit.register(print, "second registered")
        @atexit.register
        def broken():
            raise ValueError("at exit")
        class Ends:
            def __del__(self):
                print("deleted")
        kept = Ends()
        def late():
            time.sleep(0.1)
            print("thread done")
        threading.Thread(target=late).start()
        print("main done")
    """,
    "an open file": """
        import atexit
        out = open("out.txt", "w")
        out.write("all of it")
        def keep():
            return out
        print("written")
    """,
    "exit nothing": "import sys; sys.exit()",
    "exit 3": "import sys; sys.exit(3)",
    "exit -1": "raise SystemExit(-1)",
    "exit 256": "raise SystemExit(256)",
    "exit true": "raise SystemExit(True)",
    "exit text": "import sys; sys.exit('a message')",
    "exit pair": "import sys; sys.exit((1, 2))",
    "exit in a thread": """
        import sys, threading
        thread = threading.Thread(target=sys.exit, args=(5,))
        thread.start()
        thread.join()
    """,
    "exit at once": "import os; print('x'); os._exit(7)",
    "exception": """
        def f(x):
            return 1 / x
        f(0)
    """,
    "exception with cause and notes": """
        def f():
            try:
                {}["k"]
            except KeyError as error:
                second = ValueError("second")
                second.add_note("a note")
                raise second from error
        try:
            f()
        except ValueError:
            raise ExceptionGroup("both", [TypeError("a"), OSError(2, "no")])
    """,
    "exception of its own": """
        class OwnError(Exception):
            pass
        raise OwnError("own")
    """,
    "exception in a thread": """
        import threading
        def fails():
            raise ValueError("in a thread")
        thread = threading.Thread(target=fails, name="worker")
        thread.start()
        thread.join()
    """,
    "own excepthook": """
        import sys
        sys.excepthook = lambda kind, value, trace: print("hooked", kind, value, trace.tb_frame.f_code.co_name)
        raise ValueError("x")
    """,
    "broken excepthook": """
        import sys
        def hook(kind, value, trace):
            raise TypeError("hook")
        sys.excepthook = hook
        raise ValueError("x")
    """,
    "syntax error": "print('a'\nx = = 1\n",
    "syntax error at run time": "compile('x = = 1', 'other', 'exec')",
    "no module": "import surely_not_installed",
    "interrupted": "raise KeyboardInterrupt",
    "SIGINT": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(5)",
    "SIGINT handled": """
        import os, signal
        signal.signal(signal.SIGINT, lambda number, frame: print("got", number))
        os.kill(os.getpid(), signal.SIGINT)
        print("went on")
    """,
    "SIGTERM": "import os, signal, time; print('x'); os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)",
    "SIGKILL": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "SIGPIPE": "import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')",
    "warnings": """
        import warnings
        warnings.warn("one")
        warnings.warn("two", DeprecationWarning)
        for _ in range(2):
            warnings.warn("again")
        print(warnings.filters)
    """,
    "warning of the compiler": "print('\\d' is 'x')",
    "logging": """
        import logging
        logging.warning("before")
        logging.basicConfig(level=logging.INFO, format="%(name)s %(processName)s %(threadName)s %(message)s")
        logging.getLogger("own").info("after")
        record = logging.LogRecord("n", 1, "p", 1, "m", (), None)
        print(record.relativeCreated < 5000, logging.root.handlers)
    """,
    "log records held back until the end": """
        import logging, logging.handlers
        target = logging.FileHandler("held.txt", mode="w")
        logging.getLogger().addHandler(logging.handlers.MemoryHandler(1000, target=target))
        logging.warning("held")
        import atexit
        atexit.register(lambda: print(repr(open("held.txt").read())))
    """,
    "daemon thread that goes on": """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        print(threading.active_count(), threading.main_thread() is threading.current_thread())
    """,
    "what a thread leaves to others": """
        import contextvars, queue, threading
        from concurrent.futures import ThreadPoolExecutor
        local, results = threading.local(), queue.Queue()
        with ThreadPoolExecutor(3) as pool:
            print(sorted(pool.map(lambda n: n * n, range(5))))
        thread = threading.Thread(target=lambda: results.put((threading.current_thread().name, vars(local))))
        thread.start()
        thread.join()
        print(results.get(), threading.get_native_id() == threading.main_thread().native_id)
    """,
    "pickled from main": """
        import dataclasses, pickle
        @dataclasses.dataclass
        class Point:
            x: int
        print(pickle.loads(pickle.dumps(Point(3))), Point.__module__, pickle.dumps(Point(3)))
    """,
    "seeded": """
        import random
        random.seed(3)
        print(random.random(), [random.randrange(9) for _ in range(5)])
    """,
    "subprocess": """
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "import sys; print(sys.argv, sys.path[0])"], capture_output=True))
        subprocess.run("echo direct; exit 3", shell=True)
        print(subprocess.run(["cat"], capture_output=True).stdout)
    """,
    "fork": """
        import os, sys
        pid = os.fork()
        if pid == 0:
            print("child")
            sys.exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """,
    "multiprocessing": """
        import multiprocessing, sys
        def work(number, results):
            results.put((number * 2, __name__ in ("__main__", "__mp_main__")))
        if __name__ == "__main__":
            print(multiprocessing.current_process(), multiprocessing.parent_process())
            for method in ("fork", "spawn", "forkserver"):
                context = multiprocessing.get_context(method)
                results = context.SimpleQueue()
                process = context.Process(target=work, args=(21, results))
                process.start()
                print(method, results.get(), process.join(), process.exitcode)
    """,
    "process pool": """
        from concurrent.futures import ProcessPoolExecutor
        class Job:
            def __init__(self, n): self.n = n
        def work(job): return Job(job.n + 1)
        if __name__ == "__main__":
            with ProcessPoolExecutor(1) as pool:
                print([job.n for job in pool.map(work, [Job(1), Job(2)])])
    """,
    "inspection": """
        import inspect, traceback
        def f():
            "doc"
        print(inspect.getsource(f), inspect.getfile(f), f.__module__)
        try:
            f(1)
        except TypeError:
            traceback.print_exc()
    """,
    "closed stdout": "import sys; print('x'); sys.stdout.close()",
    "asyncio": """
        import asyncio
        async def main():
            await asyncio.sleep(0)
            process = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
            return await process.communicate()
        print(asyncio.run(main()))
    """,
    "argparse": """
        import argparse
        parser = argparse.ArgumentParser(description="It tells its name.")
        parser.add_argument("needed", type=int)
        parser.parse_args()
    """,
    "artifactflow itself": """
        from typing import Annotated
        from artifactflow import run
        def double(number: int, times: int = 2) -> None:
            "Doubles."
            print(number * times)
        if __name__ == "__main__":
            run(double)
    """,
}


def both(scripts, script, *arguments, **options):
    """Run a script fresh and then warm, and return both results, without addresses in memory."""
    fresh = scripts.run(scripts.fresh, scripts.task(script, *arguments, **options))
    warm = scripts.warmly(script, *arguments, **options)
    return [(code, re.sub("0x[0-9a-f]+", "0x…", text)) for code, text in (fresh, warm)]


@pytest.mark.parametrize("script", ALIKE.values(), ids=ALIKE.keys())
def test_a_script_cannot_tell_a_warm_process_from_a_fresh_one(scripts, script):
    if "= = 1\n" in script:  # it is not Python, so nothing can be said of its imports
        assert "is not Python" in scripts.why_fresh(script)
        return
    fresh, warm = both(scripts, script)
    assert warm == fresh


@pytest.mark.parametrize("command", ["python ./main.py -x", "python3 ../component/main.py", "python sub/main.py --a=1"])
def test_however_the_script_is_named(scripts, command):
    scripts.write("sub/main.py", ALIKE["how it was started"])
    scripts.write("sub/beside.py", "")
    fresh, warm = both(scripts, ALIKE["how it was started"], command)
    assert warm == fresh
    assert warm[0] == 0


@pytest.mark.parametrize("script", ["streams", "handlers at exit", "exception in a thread", "exit text", "subprocess"])
def test_buffered_output_comes_in_the_same_order(scripts, script):
    fresh, warm = both(scripts, ALIKE[script], PYTHONUNBUFFERED="")
    assert warm == fresh


def test_through_a_link_python_looks_beside_what_it_points_to(scripts):
    scripts.write("real/main.py", "import beside, sys; print(sys.path[0], __file__)")
    scripts.write("real/beside.py", "")
    (scripts.folder / "link.py").symlink_to("real/main.py")
    fresh, warm = both(scripts, "", "python link.py")
    assert warm == fresh
    assert warm[0] == 0


def test_a_module_of_the_component_is_run_as_python_m_runs_it(scripts):
    scripts.write("package/__init__.py", "print('package', __name__)")
    scripts.write("package/helper.py", "value = 3")
    scripts.write(
        "package/tool.py", ALIKE["how it was started"] + "\n        from .helper import value\n        1 / 0\n"
    )
    tool = scripts.folder / "package" / "tool.py"
    tool.write_text(
        tool.read_text().replace("__loader__.path, ", "__loader__.path, __spec__.name, ").replace("        ", "")
    )
    fresh, warm = both(scripts, "", "python -m package.tool --a=1")
    assert "ZeroDivisionError" in warm[1]
    assert warm == fresh


def test_local_modules_of_one_name_in_two_folders_do_not_meet(scripts):
    for name in ("one", "two"):
        scripts.write(f"{name}/main.py", "import argparse\nfrom helper import NAME\nprint(NAME)\n")
        scripts.write(f"{name}/helper.py", f"NAME = {name!r}")
    for name in ("one", "two", "one"):
        assert scripts.warmly("", f"python {name}/main.py") == (0, f"{name}\n")


def test_a_changed_script_is_compiled_again(scripts):
    assert scripts.warmly("import argparse; print(1)") == (0, "1\n")
    assert scripts.warmly("import argparse; print(22)") == (0, "22\n")


def test_what_a_script_has_written_is_in_its_file(scripts):
    scripts.warmly(ALIKE["an open file"])
    assert (scripts.folder / "out.txt").read_text() == "all of it"
    helper = scripts.write("helper.py", "import logging\nkept = open('kept.txt', 'w')\nkept.write('kept')\n")
    scripts.warmly("import helper, logging\nlogging.kept_by_library = [helper.kept]\n")
    assert helper.with_name("kept.txt").read_text() == "kept"


def test_random_numbers_differ_between_runs(scripts):
    script = "import random, tempfile, uuid\nprint(random.random(), tempfile.mktemp(), uuid.uuid4())\n"
    first, second = (scripts.warmly(script)[1].split() for _ in range(2))
    assert all(one != other for one, other in zip(first, second, strict=True))


def test_nothing_of_the_server_is_left_among_the_modules(scripts):
    script = "import csv, sys\nprint(*sys.modules)\n"
    scripts.warmly(script)  # a server that has run something is as good as a new one
    fresh, warm = both(scripts, script)
    more = set(warm[1].split()) - set(fresh[1].split())
    parts = [
        SERVER_SCRIPT.with_name(f"{name}.py")
        for name in ("server", "step", "messages", "preloading", "processes", "kept", "codes", "children")
    ]
    imported = {module for part in parts for module, _ in absolute_imports(ast.parse(part.read_text()))}
    known = subprocess.run(
        [sys.executable, "-c", f"import sys, {', '.join(imported)}; print(*sys.modules)"],
        capture_output=True,
        text=True,
    )
    assert more <= set(known.stdout.split())
    assert not more & {"server", "artifactflow", "typing", "pathlib", "threading", "subprocess", "logging"}


def test_environment_variables_of_each_step_reach_it(scripts):
    script = "import os; print(os.environ.get('ARTIFACTFLOW_STEP'), os.environb.get(b'OTHER'))"
    assert scripts.warmly(script, ARTIFACTFLOW_STEP="one") == (0, "one None\n")
    assert scripts.warmly(script, ARTIFACTFLOW_STEP="two", OTHER="a\udcff") == (0, "two b'a\\xff'\n")


def test_libraries_are_imported_once_for_all_steps_and_draw_numbers_of_their_own(scripts):
    script = """
        import os, sys, time
        ready = "pandas" in sys.modules and "sklearn.linear_model" in sys.modules
        import numpy as np
        import pandas as pd
        from joblib import Parallel, delayed
        from sklearn import datasets
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        def square(x):
            return x * x
        if __name__ == "__main__":
            x, y = datasets.load_iris(return_X_y=True)
            print(LogisticRegression(max_iter=500).fit(x, y).score(x, y))
            print(RandomForestClassifier(20, n_jobs=2, random_state=0).fit(x, y).score(x, y))
            print(pd.DataFrame({"a": [1, 2]}).describe())
            print(Parallel(n_jobs=2)(delayed(square)(n) for n in range(3)))
            print(Parallel(n_jobs=2, backend="threading")(delayed(square)(n) for n in range(3)))
            print(Parallel(n_jobs=2, backend="multiprocessing")(delayed(square)(n) for n in range(3)))
            print((np.random.rand(50, 50) @ np.random.rand(50, 50)).shape)
            print(ready, np.random.rand(), os.getppid(), file=open("differs.txt", "w"))
            np.random.seed(3)
            print(np.random.rand(), np.random.default_rng(3).random())
    """
    differs = scripts.folder / "differs.txt"
    fresh = scripts.run(scripts.fresh, scripts.task(script))
    assert differs.read_text().startswith("False")
    seen = set()
    for _ in range(2):
        assert scripts.warmly(script) == fresh
        ready, number, _ = differs.read_text().split()
        assert ready == "True"
        seen.add(number)
    assert len(seen) == 2
    assert fresh[0] == 0


def test_a_built_in_step_takes_the_same_path_and_makes_the_same(scripts, tmp_path):
    component = built_in_component("train")
    contract = component.contract()
    made = {}
    for name, executor in (("fresh", scripts.fresh), ("warm", scripts.warm)):
        values = {parameter.name: parameter.default for parameter in contract.parameters}
        values |= {item.name: None for item in contract.inputs}
        values |= {output.key: str(tmp_path / f"{name}-{output.key}") for output in contract.outputs}
        task = Task(component, contract, values, VARIABLES, tmp_path / name)
        ended = executor.execute(task, lambda line: None, scripts.stop)
        assert (ended.exit_code, ended.facts["process"]) == (0, name), task.log.read_text()
        made[name] = task.log.read_text(), (tmp_path / f"{name}-metrics").read_text()
    assert made["warm"] == made["fresh"]
    assert "accuracy" in "".join(made["warm"])


def test_a_step_is_ended_with_all_that_it_has_started_when_its_time_is_up(scripts, is_alive):
    script = """
        import subprocess, time
        child = subprocess.Popen(["sleep", "60"])
        print(child.pid, flush=True)
        time.sleep(60)
    """
    task = scripts.task(script, timeout=1.0)
    ended = scripts.warm.execute(task, lambda line: None, scripts.stop)
    assert (ended.facts["process"], ended.timed_out, ended.exit_code) == ("warm", True, -signal.SIGTERM)
    assert not is_alive(int(task.log.read_text()))


def test_a_step_is_ended_when_it_is_asked_to_stop(scripts):
    task = scripts.task("import time; print('on', flush=True); time.sleep(60)")
    ended = scripts.warm.execute(task, lambda line: scripts.stop.set(), scripts.stop)
    assert ended.exit_code == -signal.SIGTERM
    assert scripts.facts == {}


def test_lines_arrive_as_they_are_printed(scripts):
    lines = []
    ended = scripts.warm.execute(scripts.task("print('a')\nprint('b', end='')\n"), lines.append, scripts.stop)
    assert lines == ["a", "b"]
    assert ended.facts["peak_memory"] > 1_000_000
    assert ended.facts["cpu_seconds"] >= 0


def test_of_a_line_that_does_not_end_the_log_has_all_and_who_watches_the_end(scripts):
    lines = []
    task = scripts.task(
        "import sys\nfor number in range(300):\n    sys.stdout.write('x' * 999 + '\\r')\nprint('done')\n"
    )
    scripts.warm.execute(task, lines.append, scripts.stop)
    assert len(lines) == 1
    assert lines[0].endswith("x\rdone")
    assert len(lines[0]) <= 2 * LONGEST_LINE
    assert task.log.stat().st_size == 300 * 1000 + len("done\n")


def test_steps_run_side_by_side(scripts, tmp_path):
    """Each waits for a sign of the other."""
    script = """
        import os, sys, time
        mine, other = sys.argv[1:]
        open(mine, "w").close()
        while not os.path.exists(other):
            time.sleep(0.01)
        print("met")
    """
    task_of = {name: scripts.task(script, f"python main.py {name} {other}", timeout=20) for name, other in ["ab", "ba"]}
    with ThreadPoolExecutor(2) as pool:
        ended = list(
            pool.map(lambda task: scripts.warm.execute(task, lambda line: None, scripts.stop), task_of.values())
        )
    assert [(end.exit_code, end.facts["process"]) for end in ended] == [(0, "warm")] * 2


# servers


def test_when_the_server_is_killed_the_step_fails_and_says_so_and_the_next_gets_a_new_server(
    scripts, is_alive, eventually
):
    with closing(WorkerExecutor()) as executor:
        scripts.warm = executor
        task = scripts.task("import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(60)")
        pids = []

        def kill_server(line):
            pids.extend(map(int, line.split()[:2]))
            os.kill(pids[0], signal.SIGKILL)

        ended = executor.execute(task, lambda line: pids or kill_server(line), scripts.stop)
        assert ended.exit_code == -signal.SIGKILL
        assert task.log.read_text().endswith(f"{SERVER_LOST}\n")
        eventually(lambda: not is_alive(pids[1]))
        assert scripts.warmly("import os, time; print('again')") == (0, "again\n")


def test_a_step_that_had_not_started_when_its_server_was_killed_is_run_fresh(scripts):
    with closing(WorkerExecutor()) as executor:
        scripts.warm = executor
        server = int(scripts.warmly("import os; print(os.getppid())")[1])
        os.kill(server, signal.SIGSTOP)
        threading.Timer(0.3, os.kill, (server, signal.SIGKILL)).start()
        assert "server process" in scripts.why_fresh("import os; print('here')")
        assert scripts.warmly("import os; print('warm again')") == (0, "warm again\n")


def test_a_server_that_needs_more_grows_out_of_one_that_has_less(scripts, is_alive, eventually):
    installed = scripts.write("../site-packages/counted.py", "")
    counter = scripts.folder.parent / "imports"
    installed.write_text(f"open({str(counter)!r}, 'a').write('x')")
    path = str(installed.parent.resolve())
    with closing(WorkerExecutor()) as executor:
        scripts.warm = executor
        light, heavy = (
            int(scripts.warmly(f"import os, counted{more}; print(os.getppid())", PYTHONPATH=path)[1])
            for more in ("", ", csv, xml.dom.minidom")
        )
        assert light != heavy
        assert counter.read_text() == "x"
        os.kill(light, signal.SIGKILL)
        script = "import os, counted, csv, xml.dom.minidom; print(os.getppid())"
        assert scripts.warmly(script, PYTHONPATH=path)[1] == f"{heavy}\n"
    eventually(lambda: not is_alive(heavy))


def test_all_servers_are_gone_with_the_executor(scripts, is_alive):
    with closing(WorkerExecutor()) as executor:
        scripts.warm = executor
        server = int(scripts.warmly("import os; print(os.getppid())")[1])
        assert is_alive(server)
    assert not is_alive(server)


def test_a_server_whose_client_was_killed_ends_with_all_that_it_runs(scripts, tmp_path, is_alive, eventually):
    client = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from conftest import Scripts
        from artifactflow.executors.worker import WorkerExecutor
        scripts = Scripts(Path({str(tmp_path / "component")!r}), WorkerExecutor())
        task = scripts.task("import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(60)")
        scripts.warm.execute(task, lambda line: print(line, flush=True), scripts.stop)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(client)], stdout=subprocess.PIPE, text=True)
    server, step = map(int, process.stdout.readline().split())
    assert is_alive(server)
    assert is_alive(step)
    process.kill()
    process.wait()
    process.stdout.close()
    eventually(lambda: not is_alive(server) and not is_alive(step))
