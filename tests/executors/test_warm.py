"""Which scripts may run warm, and the reason given for each that may not."""

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from artifactflow.contract import Component, Contract
from artifactflow.executors import Task
from artifactflow.executors.command import CommandExecutor
from artifactflow.executors.search_paths import SearchPaths
from artifactflow.executors.servers import MOST_SERVERS
from artifactflow.executors.warm import NotWarmError, WarmScripts
from artifactflow.executors.worker import WorkerExecutor
from artifactflow.read.built_in import built_in_component

FRESH = {
    "import os\nos.environ['OMP_NUM_THREADS'] = '1'\nimport json\n": "changes environment variables before an import, "
    "in line 2",
    "from os import environ\nenviron.setdefault('A', 'b')\nimport json\n": "changes environment variables",
    "import os\nif True:\n    os.environ |= {}\nimport json\n": "changes environment variables",
    "import os\ndef main():\n    os.putenv('A', 'b')\n    import json\n": "changes environment variables",
    "from dotenv import load_dotenv\nload_dotenv()\nimport json\n": "changes environment variables",
    "import os\ndel os.environ['A']\nimport json\n": "changes environment variables",
    "import sys\nsys.path.insert(0, '..')\n": "changes where modules are found, in line 2",
    "import sys\nsys.path = ['..', *sys.path]\n": "changes where modules are found",
    "import sys\nsys.path[:0] = ['..']\n": "changes where modules are found",
    "import sys\nsys.modules['json'] = None\n": "changes where modules are found",
    "from gevent import monkey\nmonkey.patch_all()\n": "changes where modules are found",
    "# artifactflow: fresh\nimport json\n": "main.py asks for it",
    "def f():\n  #artifactflow:fresh (it counts its imports)\n  pass\n": "main.py asks for it",
    "x = = 1\n": "the script is not Python",
    "import shadow\n": "shadow.py changes where modules are found",
}
WARM = [
    "import os, json\nos.environ['A'] = 'b'\n",
    "import os\nos.environ['WANDB_MODE'] = 'offline'\nimport json\n",
    "import os\nos.environ.get('A')\nimport json\n",
    "import sys\nsys.path.append('..')\nimport json\n",
    "print('artifactflow: fresh')\n",
]


def before(folder: Path) -> str:
    """A PYTHONPATH with `folder` first. An empty part would mean the working folder."""
    return ":".join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def wanted(folder: Path, script: str, command: str = "python main.py", **variables: str):
    """What would run warm."""
    (folder / "main.py").write_text(script)
    contract = Contract(command=command)
    task = Task(Component("c", folder, {"main": contract}), contract, {}, variables, folder / "log")
    return WarmScripts().of(task)


@pytest.mark.parametrize(("script", "reason"), FRESH.items())
def test_a_script_that_prepares_its_imports_or_asks_for_it_is_run_fresh(tmp_path, script, reason):
    (tmp_path / "shadow.py").write_text("import sys\nsys.path.insert(0, 'x')\n")
    with pytest.raises(NotWarmError) as caught:
        wanted(tmp_path, script)
    assert reason in str(caught.value)


@pytest.mark.parametrize("script", WARM)
def test_what_makes_no_difference_to_imports_does_no_harm(tmp_path, script):
    assert wanted(tmp_path, script).script == "main.py"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("python -u main.py", "options for the interpreter"),
        ("python -W error main.py", "options for the interpreter"),
        ("python -O -m tool", "options for the interpreter"),
        ("python3.9 main.py", "names the interpreter python3.9"),
        ("/usr/bin/python main.py", "names the interpreter"),
        ("pytest -x", "not plain python"),
        ("python -c pass", "not plain python"),
        ("python main.py && echo done", "not plain python"),
        ("python main.py > out.txt", "not plain python"),
        ("python -m pytest", "pytest is not in the component's folder"),
        ("python missing.py", "there is no file"),
    ],
)
def test_only_plain_python_commands_run_warm(tmp_path, command, reason):
    with pytest.raises(NotWarmError) as caught:
        wanted(tmp_path, "", command)
    assert reason in str(caught.value)


def test_a_relative_search_path_means_another_folder_for_each_step(tmp_path):
    with pytest.raises(NotWarmError, match="PYTHONPATH"):
        wanted(tmp_path, "", PYTHONPATH=f"{tmp_path}:lib")
    wanted(tmp_path, "", PYTHONPATH=str(tmp_path))


def test_a_platform_that_cannot_fork_safely_runs_all_steps_fresh(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotWarmError, match="platform"):
        wanted(tmp_path, "")


def test_what_the_script_and_its_local_modules_import_is_wanted_and_nothing_local(tmp_path):
    (tmp_path / "helper.py").write_text("import pandas as pd\nfrom . import other\nimport deep.er\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er.py").write_text("def f():\n    from sklearn import svm, clone\n")
    script = (
        "import json, os.path\nimport helper\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
    )
    assert wanted(tmp_path, script).modules == (
        ("json", ()),
        ("os.path", ()),
        ("pandas", ()),
        ("sklearn", ("clone", "svm")),
        ("typing", ("TYPE_CHECKING",)),
    )


def test_of_a_module_in_a_package_the_package_counts_too(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "tool.py").write_text("import json\n")
    (package / "__init__.py").write_text("import csv\n")
    assert wanted(tmp_path, "", "python -m package.tool").modules == (("csv", ()), ("json", ()), ("runpy", ()))
    (package / "__init__.py").write_text("import os\nos.environ['A'] = 'b'\n")
    with pytest.raises(NotWarmError, match=r"__init__\.py changes environment variables"):
        wanted(tmp_path, "", "python -m package.tool")


def test_of_the_names_only_modules_are_imported(tmp_path):
    modules = (("json", ("dumps", "decoder")), ("sklearn", ("clone", "svm")), ("os", ("path",)))
    found = SearchPaths().only_modules(Path(sys.executable), {"PATH": os.environ["PATH"]}, modules)
    assert found == (("json", ("decoder",)), ("sklearn", ("svm",)), ("os", ()))


def test_a_changed_file_is_read_again(tmp_path):
    scripts = WarmScripts()
    contract = Contract(command="python main.py")
    task = Task(Component("c", tmp_path, {"main": contract}), contract, {}, {}, tmp_path / "log")
    (tmp_path / "main.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("import json\n")
    assert scripts.of(task).modules == (("json", ()),)
    (tmp_path / "helper.py").write_text("import sqlite3\n")
    assert scripts.of(task).modules == (("sqlite3", ()),)


def test_a_built_in_step_wants_what_its_own_files_import(tmp_path):
    component = built_in_component("train")
    task = Task(component, component.contract(), {}, {}, tmp_path / "log")
    script = WarmScripts().of(task)
    names = {module for module, _ in script.modules}
    assert script.module == "artifactflow.invoke"
    assert {"sklearn.pipeline", "numpy", "skops.io", "runpy", "typer", "artifactflow.steps.train"} <= names
    assert "matplotlib" not in names
    download = built_in_component("download")
    task = Task(download, download.contract(), {}, {}, tmp_path / "log")
    names = {module for module, _ in WarmScripts().of(task).modules}
    assert "typer" in names
    assert not {"numpy", "pandas", "sklearn"} & names


# with a server


def test_a_file_that_hides_an_imported_module_makes_the_step_fresh(scripts):
    scripts.write("queue.py", "print('mine')")
    assert scripts.why_fresh("import logging.handlers") == "queue.py in its folder hides an installed module"
    (scripts.folder / "queue.py").unlink()
    scripts.warmly("import logging.handlers")
    scripts.write("queue/notes.txt", "no package")
    scripts.warmly("import logging.handlers")
    scripts.write("queue/__init__.py", "")
    assert scripts.why_fresh("import logging.handlers") == "queue in its folder hides an installed module"


def test_an_installed_module_that_the_component_has_too_is_its_own(scripts):
    scripts.write("pandas.py", "print('my pandas')")
    assert scripts.warmly("import pandas") == (0, "my pandas\n")


def test_a_module_that_starts_threads_makes_the_step_fresh(scripts, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    reason = scripts.why_fresh("import threaded", PYTHONPATH=before(site))
    assert reason.startswith("what it imports starts threads: ")


def test_code_that_is_not_installed_is_not_imported_before_its_time(scripts, tmp_path):
    library = scripts.write("../library/edited.py", "print('imported')")
    path = before(library.parent.resolve())
    assert scripts.warmly("import edited", PYTHONPATH=path) == (0, "imported\n")
    library.write_text("print('changed')")
    assert scripts.warmly("import edited", PYTHONPATH=path) == (0, "changed\n")


def test_an_installed_module_that_imports_such_code_makes_the_step_fresh(scripts, tmp_path):
    library = scripts.write("../library/edited.py", "")
    installed = scripts.write("../site-packages/installed.py", "import edited")
    path = f"{library.parent.resolve()}:{installed.parent.resolve()}"
    assert "imports edited, whose code is not installed" in scripts.why_fresh("import installed", PYTHONPATH=path)


def test_a_module_that_cannot_be_imported_fails_in_the_script(scripts, tmp_path):
    installed = scripts.write("../site-packages/broken.py", "raise RuntimeError('broken')")
    path = str(installed.parent.resolve())
    task = scripts.task("import json, broken", PYTHONPATH=path)
    fresh = scripts.run(scripts.fresh, task)
    assert scripts.warmly("import json, broken", PYTHONPATH=path) == fresh
    assert "RuntimeError: broken" in fresh[1]


def test_variables_that_imports_change_are_so_for_the_script(scripts, tmp_path):
    text = "import os\nos.environ['SET'] = '1'\ndel os.environ['EARLY']\nos.environ.setdefault('WANDB_X', 'theirs')\n"
    path = str(scripts.write("../site-packages/sets.py", text).parent.resolve())
    script = "import sets, os, subprocess; subprocess.run('echo $SET$EARLY$WANDB_X', shell=True)"
    assert scripts.warmly(script, PYTHONPATH=path, EARLY="x", WANDB_X="mine") == (0, "1mine\n")


def test_early_variables_have_servers_of_their_own(scripts):
    script = "import os; print(os.getppid(), os.environ.get('OMP_NUM_THREADS'))"
    servers = {scripts.warmly(script, **{"OMP_NUM_THREADS": count})[1].split()[0] for count in "112"}
    assert len(servers) == 2
    servers = {scripts.warmly(script, ARTIFACTFLOW_RUN_ID=name)[1].split()[0] for name in "ab"}
    assert len(servers) == 1


def test_only_so_many_servers_are_kept(scripts):
    script = "import os; print(os.getppid())"
    with closing(WorkerExecutor()) as executor:
        scripts.warm = executor
        servers = [int(scripts.warmly(script, EARLY=str(n))[1]) for n in range(MOST_SERVERS + 2)]
        assert [Path(f"/proc/{pid}").exists() for pid in servers] == [False] * 2 + [True] * MOST_SERVERS


def test_without_its_interpreter_a_step_fails_as_it_does_fresh(scripts, tmp_path):
    with closing(WorkerExecutor(tmp_path / "no-python")) as executor:
        task = scripts.task("")
        errors = []
        for one in (executor, CommandExecutor(tmp_path / "no-python")):
            with pytest.raises(Exception, match="cannot be started") as caught:
                one.execute(task, print, scripts.stop)
            errors.append(str(caught.value))
        assert errors[0] == errors[1]
