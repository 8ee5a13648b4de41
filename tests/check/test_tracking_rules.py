"""What scripts tell W&B so that it can get lost."""

from collections.abc import Callable
from textwrap import dedent

import pytest

from artifactflow.check import Finding, Severity

MANIFEST = "name: clean\nentry_points:\n  main:\n    command: python main.py\n"


@pytest.fixture
def script(check: Callable[..., list[Finding]]) -> Callable[..., list[Finding]]:
    def find(text: str) -> list[Finding]:
        return check({"MLproject": MANIFEST, "main.py": dedent(text)})

    return find


def test_a_file_that_goes_before_its_upload_is_done_is_found_where_it_goes(script, said) -> None:
    found = script("""\
        import os
        import wandb
        run = wandb.init()
        artifact = wandb.Artifact("clean.csv", type="clean_data")
        artifact.add_file("clean.csv")
        run.log_artifact(artifact)
        os.remove("clean.csv")
        run.finish()
    """)
    assert said(found) == ["T701 main.py:7:1"]
    assert found[0].rule.severity is Severity.WARNING
    assert found[0].hint == "wait first: run.log_artifact(artifact).wait()"


@pytest.mark.parametrize(
    "ending",
    [
        "run.log_artifact(artifact).wait()\nos.remove('clean.csv')\nrun.finish()",
        "run.log_artifact(artifact)\nrun.finish()\nos.remove('clean.csv')",
        "run.log_artifact(artifact)\nos.remove('other.csv')\nrun.finish()",
    ],
)
def test_a_file_that_goes_after_its_upload_or_was_never_logged_is_no_finding(script, ending: str) -> None:
    start = "import os, wandb\nrun = wandb.init()\nartifact = wandb.Artifact('clean.csv', type='data')\n"
    assert script(f"{start}artifact.add_file('clean.csv')\n{ending}\n") == []


def test_a_run_that_is_never_finished_is_a_hint_where_it_starts(script, said) -> None:
    found = script("import wandb\n\nrun = wandb.init(job_type='clean')\nrun.log({'rows': 1})\n")
    assert said(found) == ["T702 main.py:3:7"]
    assert found[0].rule.severity is Severity.INFO


@pytest.mark.parametrize(
    "text",
    [
        "import wandb\nwith wandb.init() as run:\n    run.log({'rows': 1})\n",
        "import wandb\nrun = wandb.init()\nwandb.finish()\n",
        "import wandb\nwandb.login()\n",
        "import mlflow\nmlflow.start_run()\n",
        "print('no tracker')\n",
    ],
)
def test_a_run_that_is_finished_or_never_started_is_no_finding(script, text: str) -> None:
    assert script(text) == []


def test_a_script_that_is_not_python_is_left_to_the_rule_that_says_so(script) -> None:
    assert script("import wandb\nwandb.init(\n") == []
