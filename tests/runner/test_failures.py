"""What is wrong is said once, with the right exit code, and leaves the store as it was."""

import json
import os
import signal
import subprocess
import sys

import pytest

from artifactflow.errors import (
    ContractError,
    InterruptedRunError,
    NotFoundError,
    StepFailedError,
    UsageError,
)
from artifactflow.runs import RunStatus


def artifacts(project):
    return [version.ref for version in project.store.versions()]


def objects(project):
    return sorted(path.name for path in (project.folder / ".artifactflow" / "objects").rglob("*") if path.is_file())


def test_a_step_that_exits_3_is_named_with_its_code_and_the_end_of_its_log(project):
    (project.folder / "shout" / "main.py").write_text("print('about to fail')\nraise SystemExit(3)")
    error = project.fails()
    assert isinstance(error, StepFailedError)
    assert "step shout failed with exit code 3" in error.message
    assert "  about to fail\n" in error.message
    assert "runs log" in str(error.hint)
    assert artifacts(project) == ["made:v1"]
    assert project.store.runs()[0].status is RunStatus.FAILED
    assert project.store.pipeline_runs()[0].status is RunStatus.FAILED


def test_a_step_that_is_killed_is_named_with_its_signal(project):
    (project.folder / "make" / "main.py").write_text("import os; os.kill(os.getpid(), 9)")
    assert "was ended by signal 9; it printed nothing" in project.fails().message


def test_a_step_that_writes_no_output_fails_and_registers_nothing(project):
    (project.folder / "make" / "main.py").write_text("print('done')")
    error = project.fails()
    assert isinstance(error, StepFailedError)
    assert "step make ended well but wrote no output 'made'" in error.message
    assert artifacts(project) == []
    assert objects(project) == []


def test_a_step_that_changes_its_input_fails_and_the_store_keeps_the_original(project):
    project.run()
    (project.folder / "shout" / "main.py").write_text(
        "import os, sys\nos.chmod(sys.argv[1], 0o644)\nopen(sys.argv[1], 'w').write('other')\nopen(sys.argv[2], 'w')"
    )
    error = project.fails()
    assert isinstance(error, StepFailedError)
    assert "step shout changed its input text: made.txt" in error.message
    assert project.text("made") == "hellohello"


def test_an_output_that_is_a_link_is_refused(project):
    (project.folder / "make" / "main.py").write_text(
        "import os, sys\nos.symlink('/etc/hostname', sys.argv[3].partition('=')[2])"
    )
    assert isinstance(project.fails(), StepFailedError)
    assert artifacts(project) == []


@pytest.mark.parametrize(
    ("pipeline", "kind", "message", "hint"),
    [
        ("steps: {make: {component: nowhere}}", NotFoundError, "there is no component 'nowhere'", "scaffold"),
        ("steps: {make: {component: 'artifactflow:trian'}}", NotFoundError, "no built-in step 'trian'", "train"),
        ("steps: {make: {component: make, entry_point: x}}", NotFoundError, "no entry point 'x'", None),
        ("steps: {make: {component: make, with: {wrod: a}}}", ContractError, "sets 'wrod'", "did you mean word?"),
        ("steps: {make: {component: make, with: {count: x}}}", ContractError, "count takes a whole number", None),
        ("steps: {make: {component: make, with: {count: 99}}}", ContractError, "from 1 to 9, got 99", None),
        ("steps: {make: {component: make, with: {word: '${wrod}'}}}", ContractError, "no parameter of the", None),
        ("steps: {shout: {component: shout}}", ContractError, "needs the input text", "-P shout.text=PATH"),
        ("steps: {shout: {component: shout, with: {text: no.txt}}}", UsageError, "does not exist", None),
        (
            "steps: {shout: {component: shout, with: {text: 'artifactflow:/x/latest'}}}",
            NotFoundError,
            "there is no artifact x:latest",
            None,
        ),
        (
            "steps: {make: {component: make}, shout: {component: shout, with: {text: '${make.mad}'}}}",
            ContractError,
            "no output 'mad'",
            "did you mean made?",
        ),
        (
            "steps: {make: {component: make, with: {word: '${shout.loud}'}}, "
            "shout: {component: shout, with: {text: pipeline.yaml}}}",
            ContractError,
            "it cannot take an artifact",
            None,
        ),
        ("steps: {a: {component: make}, b: {component: make}}", ContractError, "both produce an artifact", None),
    ],
)
def test_a_wrong_pipeline_is_refused_before_anything_is_written(project, pipeline, kind, message, hint):
    project.pipeline(pipeline)
    with pytest.raises(kind, match=message) as caught:
        project.plan()
    assert hint is None or hint in str(caught.value.hint)
    assert not (project.folder / ".artifactflow").exists()


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"wrod": 1}, "no parameter 'wrod'", "did you mean word?"),
        ({"count": 1}, "no parameter 'count'", "did you mean make.count?"),
        ({"make__word": 1}, "make.word is set by the pipeline itself", None),
        ({"make__count": "many"}, "count takes a whole number from 1 to 9, got 'many'", None),
        ({"make__count": "10"}, "got 10", None),
    ],
)
def test_a_wrong_option_is_a_usage_error_with_what_may_be_meant(project, given, message, hint):
    with pytest.raises(UsageError, match=message) as caught:
        project.plan(**given)
    assert hint is None or hint in str(caught.value.hint)


def test_a_stored_artifact_that_is_missing_is_found_before_anything_runs(project):
    project.run()
    project.pipeline(
        "steps: {make: {component: make, with: {word: new}}, "
        "shout: {component: shout, with: {text: 'artifactflow:/mad/latest'}}}"
    )
    error = project.fails()
    assert isinstance(error, NotFoundError)
    assert "made" in str(error.hint)
    assert [run.step for run in project.store.runs()] == ["shout", "make"]


def test_a_parameter_that_with_leaves_open_can_be_given_for_the_step(project):
    assert project.plan(make__count="3")["make"][0] == "RUN"
    record = project.run(make__count="3")
    run = project.store.run(str(record.steps[0].run_id))
    assert run.parameters["count"] == 3
    assert run.sources["count"] == "-P make.count"


def test_ctrl_c_ends_every_process_of_the_step_and_is_recorded(project, eventually):
    (project.folder / "make" / "main.py").write_text(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(60)\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "run-pipeline", str(project.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pids = project.folder / "make" / "pids"
    eventually(lambda: started.poll() is not None or (pids.exists() and pids.read_text()))
    assert started.poll() is None, started.communicate()
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=20)
    assert started.returncode == InterruptedRunError.exit_code
    assert "error: the run was stopped\nhint: what is finished is kept" in errors
    for pid in pids.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert project.store.runs()[0].status is RunStatus.INTERRUPTED
    assert project.store.pipeline_runs()[0].status is RunStatus.INTERRUPTED


def test_values_reach_the_script_byte_for_byte(project):
    hostile = "a b'c\"d $(touch x) `y` ; rm -rf \\ ü\n{braces} --flag=1"
    (project.folder / "make" / "main.py").write_text(
        "import json, sys\njson.dump(sys.argv, open(sys.argv[3].partition('=')[2], 'w'))"
    )
    project.pipeline("parameters: {word: x}\nsteps: {make: {component: make, with: {word: '${word}'}}}")
    project.run(word=hostile)
    assert json.loads(project.text("made"))[1] == f"--word={hostile}"


def test_a_fault_of_ours_before_a_step_has_begun_is_raised_and_nobody_waits_for_that_step(project, monkeypatch):
    def faulty(self):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("artifactflow.runner.execution.step_execution.StepExecution.prepare", faulty)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        project.run()
