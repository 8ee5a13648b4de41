"""Step functions run in this process, as they would in their own."""

import os
import sys
from pathlib import Path

import pytest

from artifactflow.errors import StepFailedError
from artifactflow.runner import Options
from artifactflow.store.logs import log_place

WRITE = """
    name: {name}
    entry_points:
      main:
        parameters:
          word: {{type: str, default: hello}}
          count: {{type: int, default: 2}}
          out: {{type: str, default: out.txt}}
        outputs:
          out: {{type: text, name: {name}, path: out.txt}}
        command: python main.py --word={{word}} --count={{count}} --out={{out}}
"""
WRITE_MAIN = """
    import os, sys
    from pathlib import Path
    from typing import Annotated

    from artifactflow import Output, run, step
    import helper

    @step
    def write(
        word: str = "hello",
        count: int = 2,
        *,
        out: Annotated[Path, Output(name="{name}", type="text", path="out.txt")],
    ) -> None:
        print("writing", word, os.getcwd(), os.environ["ARTIFACTFLOW_STEP"])
        print("aside", file=sys.stderr)
        os.environ["LEFT_BEHIND"] = "x"
        if word == "bad":
            raise ValueError("no such word")
        if word == "exit":
            sys.exit(3)
        out.write_text(helper.shape(word) * count)

    if __name__ == "__main__":
        run(write)
"""


@pytest.fixture
def words(project):
    for name, shape in (("loud", "upper"), ("quiet", "lower")):
        project.component(
            name,
            WRITE.format(name=name),
            main=WRITE_MAIN.replace("{name}", name),
            helper_py=f"def shape(word):\n    return word.{shape}()\n",
        )
    project.pipeline(
        "steps: {loud: {component: loud, with: {word: Hey}}, quiet: {component: quiet, with: {word: Hey}}}"
    )
    return project


def test_step_functions_run_in_this_process_with_folder_modules_and_log_of_their_own(words):
    before = (Path.cwd(), list(sys.path), dict(os.environ), "helper" in sys.modules)
    words.run(Options(inline=True))
    assert (words.text("loud"), words.text("quiet")) == ("HEYHEY", "heyhey")
    assert (Path.cwd(), list(sys.path), dict(os.environ), "helper" in sys.modules) == before
    for run in words.store.runs():
        assert run.facts["process"] == "inline"
        assert run.facts["peak_memory"] > 0
        assert run.facts["cpu_seconds"] >= 0
        assert run.exit_code == 0
        log = log_place(words.store.root, run.log).read().decode()
        assert log == f"writing Hey {words.folder / run.step} {run.step}\naside\n"


def test_inline_or_not_is_no_reason_to_run_again(words):
    words.run(Options(inline=True))
    assert set(words.decisions().values()) == {"REUSE"}


@pytest.mark.parametrize(("word", "code", "printed"), [("bad", 1, "ValueError: no such word"), ("exit", 3, "writing")])
def test_an_exception_is_a_failed_step_with_its_traceback_in_the_log(words, word, code, printed):
    words.pipeline(f"steps: {{loud: {{component: loud, with: {{word: {word}}}}}, quiet: {{component: quiet}}}}")
    with pytest.raises(StepFailedError, match=f"failed with exit code {code}"):
        words.run(Options(inline=True, keep_going=True))
    failed = next(run for run in words.store.runs() if run.step == "loud")
    assert printed in log_place(words.store.root, failed.log).read().decode()
    assert words.text("quiet") == "hellohello"


def test_fail_fast_holds_inline(words):
    words.pipeline("steps: {loud: {component: loud, with: {word: bad}}, quiet: {component: quiet}}")
    with pytest.raises(StepFailedError):
        words.run(Options(inline=True, jobs=1))
    assert [run.step for run in words.store.runs()] == ["loud"]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("{make: {component: make}}", "runs no typed step function"),
        ("{loud: {component: loud, timeout: 1m}}", "it has a timeout"),
    ],
)
def test_what_cannot_run_inline_runs_as_usual_and_says_why(words, steps, why):
    words.pipeline(f"steps: {steps}")
    words.run(Options(inline=True))
    (run,) = words.store.runs()
    assert run.facts["process"] in ("warm", "fresh")
    assert why in run.facts["not_inline_because"]


def test_a_manifest_that_disagrees_with_its_step_function_runs_as_usual(words):
    manifest = words.folder / "loud" / "MLproject"
    manifest.write_text(
        manifest.read_text().replace(" --count={count}", "").replace("count: {type: int, default: 2}", "")
    )
    words.pipeline("steps: {loud: {component: loud}}")
    words.run(Options(inline=True))
    (run,) = words.store.runs()
    assert "do not take the same values" in run.facts["not_inline_because"]


def test_a_step_is_committed_while_the_next_one_runs(words):
    words.component(
        "quiet",
        WRITE.format(name="quiet"),
        main=WRITE_MAIN.replace("{name}", "quiet").replace('print("aside"', LOOK + '        print("aside"'),
    )
    words.pipeline("steps: {loud: {component: loud, with: {word: Hey}}, quiet: {component: quiet, with: {word: Hey}}}")
    words.run(Options(inline=True, jobs=1))
    run = next(run for run in words.store.runs() if run.step == "quiet")
    assert "loud is finished" in log_place(words.store.root, run.log).read().decode()


LOOK = """
        import time
        from artifactflow import Store
        until = time.monotonic() + 30
        while not Store.open(Path(os.environ["ARTIFACTFLOW_STORE"])).versions("loud") and time.monotonic() < until:
            time.sleep(0.01)
        print("loud is finished" if time.monotonic() < until else "loud is lost")
"""
