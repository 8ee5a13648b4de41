"""The executor that calls a function in a thread."""

import threading
from pathlib import Path

import pytest

from artifactflow.contract import Component, Contract
from artifactflow.errors import InterruptedRunError, OutsideError
from artifactflow.executors import Stop, Task
from artifactflow.executors.thread import ThreadExecutor


@pytest.fixture
def task(tmp_path: Path) -> Task:
    contract = Contract()
    return Task(Component("one", tmp_path, {"main": contract}), contract, {"a": 1}, {"B": "2"}, tmp_path / "log")


def test_the_function_gets_the_task_in_another_thread_and_its_lines_are_kept(task):
    seen, lines = [], []

    def call(given, say, stop):
        seen.append((given, stop.is_set(), threading.current_thread() is threading.main_thread()))
        say("first")
        say("second")

    ended = ThreadExecutor(call).execute(task, lines.append, Stop())
    assert (ended.exit_code, ended.facts) == (0, {"process": "thread"})
    assert seen == [(task, False, False)]
    assert lines == ["first", "second"]
    assert task.log.read_text() == "first\nsecond\n"


def test_an_error_passes_through_as_it_is(task):
    error = OutsideError("no network", hint="plug it in")

    def call(*_):
        raise error

    with pytest.raises(OutsideError) as caught:
        ThreadExecutor(call).execute(task, print, Stop())
    assert caught.value is error


def test_a_function_that_waits_is_left_behind_when_the_run_is_stopped(task):
    stop, waiting, let_go = Stop(), threading.Event(), threading.Event()

    def call(*_):
        waiting.set()
        let_go.wait(20)

    threading.Thread(target=lambda: (waiting.wait(20), stop.set()), daemon=True).start()
    with pytest.raises(InterruptedRunError):
        ThreadExecutor(call).execute(task, print, stop)
    assert waiting.is_set()
    let_go.set()
