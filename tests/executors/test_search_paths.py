"""Where interpreters look for modules: what is known of this one is what a fresh process of it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow.executors.search_paths import SearchPaths
from artifactflow.executors.warm import NotWarmError

COMPARE = """
import os, sys
from pathlib import Path
{before}
from artifactflow.executors import search_paths
{after}
python = Path(sys.executable)
environment = {{**os.environ, **{variables}}}
known = search_paths.own_search_path(python, environment)
answer = search_paths._asked(python, environment)
print("not known" if known is None else "as it says" if known == answer else (known, answer))
"""


def compared(before: str = "", after: str = "", variables: dict[str, str] | None = None, **own: str) -> str:
    code = COMPARE.format(before=before, after=after, variables=variables or {})
    environment = {**os.environ, **own}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_path_of_this_interpreter_is_known_without_asking(tmp_path):
    assert compared() == "as it says"
    assert compared(PYTHONPATH=f"{tmp_path}:/nowhere") == "as it says"
    assert compared(PYTHONSAFEPATH="1") == "as it says"


def test_what_happens_to_the_path_in_this_process_does_not_count():
    assert compared(after="sys.path.insert(0, '/elsewhere')") == "as it says"


def test_an_interpreter_is_asked_where_its_answer_may_be_another(tmp_path):
    assert compared(before="sys.path.insert(0, '/elsewhere')") == "not known"
    assert compared(variables={"PYTHONPATH": str(tmp_path)}) == "not known"
    assert compared(PYTHONPATH="relative") == "not known"


def test_another_search_path_in_the_environment_is_respected(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert SearchPaths().search_path(Path(sys.executable), environment)[0] == tmp_path


def test_an_interpreter_that_does_not_answer_means_fresh_processes(tmp_path):
    with pytest.raises(NotWarmError, match="does not answer"):
        SearchPaths().search_path(tmp_path / "python", os.environ)
