"""Steps run side by side where nothing forbids it; what fails stops the rest, and what is finished is kept."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from artifactflow.errors import InterruptedRunError, StepFailedError
from artifactflow.executors import Stop
from artifactflow.runner import Options
from artifactflow.runs import RunStatus
from artifactflow.store.logs import log_place

MEET = """
    name: meet
    entry_points:
      main:
        parameters:
          me: str
          other: str
          out: {type: str, default: out.txt}
        outputs:
          out: {name: "{me}", type: text, path: out.txt}
        command: python main.py {me} {other} {out}
"""
MEET_MAIN = """
    import pathlib, sys, time
    me, other, out = sys.argv[1:]
    pathlib.Path(me + ".here").touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path(other + ".here").exists():
        if time.monotonic() > deadline:
            raise SystemExit("nobody came")
        time.sleep(0.01)
    pathlib.Path(out).write_text(me)
"""
TWO = """
    steps:
      left:  {component: meet, with: {me: l, other: r}}
      right: {component: meet, with: {me: r, other: l}}
"""


def test_independent_steps_run_side_by_side(project):
    project.component("meet", MEET, main=MEET_MAIN)
    project.pipeline(TWO)
    record = project.run(Options(jobs=2))
    assert [outcome.decision for outcome in record.steps] == ["RUN", "RUN"]


def test_steps_that_write_into_their_folder_take_turns(project):
    project.component(
        "meet",
        MEET.replace("outputs:\n", "outputs:\n          mark: {name: '{me}-mark', path: '{me}.here'}\n").replace(
            "path: '{me}.here'", "path: mark.txt"
        ),
        main="""
        import pathlib, sys, time
        lock = pathlib.Path("busy")
        assert not lock.exists(), "two at once"
        lock.touch()
        time.sleep(0.2)
        pathlib.Path("mark.txt").write_text(sys.argv[1])
        lock.unlink()
        pathlib.Path(sys.argv[3]).write_text(sys.argv[1])
        """,
    )
    project.pipeline(TWO)
    project.run(Options(jobs=2))
    assert (project.text("l-mark"), project.text("r-mark")) == ("l", "r")


WAITING = """\
import os, pathlib, subprocess, sys, time

def wait_for(*names):
    while not all(pathlib.Path(name).exists() for name in names):
        time.sleep(0.01)

def say_and_sleep(name, pid):
    pathlib.Path(name + ".new").write_text(str(pid))
    pathlib.Path(name + ".new").rename(name)
    time.sleep(600)

"""


def failing(project, **steps):
    """A pipeline of `make` steps with other words, and what their main.py does by word."""
    body = "\n".join(f"if '--word={word}' in sys.argv: {code}" for word, code in steps.items())
    main = project.folder / "make" / "main.py"
    main.write_text(f"{WAITING}{body}\n" + main.read_text())
    manifest = project.folder / "make" / "MLproject"
    manifest.write_text(manifest.read_text().replace("{type: text, path", "{name: '{word}', type: text, path"))


def test_a_failure_stops_what_runs_and_keeps_what_is_finished(project, monkeypatch, is_alive):
    make = project.folder / "make"
    monkeypatch.setattr(project.notes, "step_ended", lambda outcome: (make / outcome.step).touch())
    failing(project, bad="wait_for('good', 'slow'); raise SystemExit(3)", slow="say_and_sleep('slow', os.getpid())")
    project.pipeline(
        "steps: {good: {component: make, with: {word: good}}, bad: {component: make, with: {word: bad}}, "
        "slow: {component: make, with: {word: slow}}}"
    )
    with pytest.raises(StepFailedError, match="step bad failed with exit code 3"):
        project.run(Options(jobs=3))
    assert not is_alive(int((make / "slow").read_text()))
    outcomes = {outcome.step: outcome.decision for outcome in project.store.pipeline_runs(1)[0].steps}
    assert outcomes == {"good": "RUN", "bad": "FAILED", "slow": "STOPPED"}
    assert project.text("good") == "goodgood"
    assert project.store.runs()[0].status is not RunStatus.FINISHED


def test_with_keep_going_only_what_needs_the_failed_step_is_left(project):
    failing(project, bad="raise SystemExit(3)")
    project.pipeline(
        "steps: {bad: {component: make, with: {word: bad}}, "
        "after: {component: shout, with: {text: '${bad.made}'}}, good: {component: make, with: {word: good}}}"
    )
    with pytest.raises(StepFailedError, match="step bad failed"):
        project.run(Options(jobs=1, keep_going=True))
    outcomes = {outcome.step: outcome.decision for outcome in project.store.pipeline_runs(1)[0].steps}
    assert outcomes == {"bad": "FAILED", "after": "BLOCKED", "good": "RUN"}


def test_a_failed_step_is_tried_again(project):
    failing(
        project,
        flaky="t = pathlib.Path('tries'); n = len(t.read_text()) if t.exists() else 0; "
        "t.write_text('x' * (n + 1)); n or sys.exit('not yet')",
    )
    project.pipeline("steps: {flaky: {component: make, with: {word: flaky}, retries: 2}}")
    record = project.run()
    assert record.steps[0].decision == "RUN"
    assert (project.folder / "make" / "tries").read_text() == "xx"
    log = log_place(project.store.root, project.store.runs()[0].log).read().decode()
    assert "not yet" in log
    assert "making flaky" in log


def test_a_step_that_takes_longer_than_its_timeout_is_ended_with_its_children(project, is_alive):
    failing(
        project,
        slow="say_and_sleep('pid', subprocess.Popen(['sleep', '600']).pid)",
    )
    project.pipeline("steps: {slow: {component: make, with: {word: slow}, timeout: 1s}}")
    with pytest.raises(StepFailedError, match=r"took longer than its timeout of 1 s and was ended"):
        project.run()
    assert not is_alive(int((project.folder / "make" / "pid").read_text()))


def test_a_daemon_that_is_left_behind_is_not_waited_for(project, is_alive):
    failing(
        project,
        lazy="daemon = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        "pathlib.Path('daemon').write_text(str(daemon.pid))",
    )
    project.pipeline("steps: {lazy: {component: make, with: {word: lazy}}}")
    project.run()
    daemon = int((project.folder / "make" / "daemon").read_text())
    assert is_alive(daemon)
    os.kill(daemon, signal.SIGKILL)


def test_the_record_has_memory_and_processor_time(project):
    project.run()
    run = project.store.runs()[0]
    assert run.facts["process"] == "warm"
    assert run.facts["peak_memory"] > 1_000_000
    assert run.facts["cpu_seconds"] >= 0
    assert run.exit_code == 0


def test_a_cold_run_starts_every_step_afresh(project):
    project.run(Options(cold=True))
    assert {run.facts["process"] for run in project.store.runs()} == {"fresh"}


def test_two_runs_at_once_do_the_same_step_once(project):
    failing(project, slow="time.sleep(1); open('count', 'a').write('x')")
    project.pipeline("steps: {slow: {component: make, with: {word: slow}}}")
    command = [sys.executable, "-m", "artifactflow", "run-pipeline", str(project.folder), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert sorted(one["steps"][0]["decision"] for one in printed) == ["REUSE", "RUN"]
    assert (project.folder / "make" / "count").read_text() == "x"


def test_a_run_that_was_killed_is_marked_by_the_next_one_and_repeats_no_finished_step(project, eventually):
    failing(project, slow="time.sleep(60) if not pathlib.Path('../go').exists() else None")
    project.pipeline(
        "steps: {good: {component: make, with: {word: good}}, slow: {component: make, with: {word: slow}}}"
    )
    command = [sys.executable, "-m", "artifactflow", "run-pipeline", str(project.folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    catalog = project.folder / ".artifactflow" / "catalog.db"
    eventually(
        lambda: (
            process.poll() is not None
            or (catalog.exists() and "good:v1" in [version.ref for version in project.store.versions()])
        )
    )
    assert process.poll() is None
    process.kill()
    process.wait()
    (project.folder / "go").touch()
    assert project.decisions() == {"good": "REUSE", "slow": "RUN"}
    assert project.store.pipeline_runs()[1].status is RunStatus.INTERRUPTED


def test_stop_wakes_whoever_sleeps():
    stop = Stop()
    woken = []
    sleeper = threading.Thread(target=lambda: woken.append(stop.wait(600)), daemon=True)
    sleeper.start()
    stop.set()
    sleeper.join(60)
    assert woken == [True]


def test_an_interrupted_run_has_its_own_exit_code():
    assert InterruptedRunError.exit_code == 130
