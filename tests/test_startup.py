"""Help is quick because no heavy library is imported for it; nor is one to find out that nothing has to be done."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import typer

from artifactflow.cli.app import COMMANDS, app

HEAVY = ["pandas", "numpy", "sklearn", "scipy", "skops", "mlflow", "wandb", "matplotlib"]
NOT_NEEDED_TO_REUSE = [
    "artifactflow.read.orchestration",
    "artifactflow.read.script",
    "importlib.metadata",
    "netrc",
]
"""Not heavy one by one, but an eighth of the time that a run takes in which nothing is to be done."""

MOST_MODULES = {"--help": 200, "run-pipeline": 435}
"""Of all kinds, Python's own among them: what grows beyond that is to be looked at."""

CODE = """
import json, sys
arguments = json.loads(sys.argv[1])
sys.argv = ["artifactflow"]
import artifactflow
if arguments:
    from artifactflow.cli.app import main
for one in arguments:
    try:
        main(one)
    except SystemExit as ended:
        assert not ended.code, (one, ended.code)
print("\\nloaded:", len(sys.modules), *[name for name in {heavy} if name in sys.modules])
"""


def modules_of(*arguments: list[str], cwd: Path | None = None) -> tuple[int, list[str], str]:
    """How many modules one process holds after these command lines, which of those we ask for, what was printed."""
    code = CODE.replace("{heavy}", repr([*HEAVY, *NOT_NEEDED_TO_REUSE]))
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, cwd=cwd, env=os.environ
    )
    assert result.returncode == 0, result.stderr
    printed, _, loaded = result.stdout.rpartition("\nloaded:")
    count, *names = loaded.split()
    return int(count), names, printed


def loaded_by(*arguments: list[str], cwd: Path | None = None) -> tuple[list[str], str]:
    """Which heavy libraries one process holds after these command lines, and what they printed."""
    _, names, printed = modules_of(*arguments, cwd=cwd)
    return [name for name in names if name in HEAVY], printed


def test_importing_the_package_imports_nothing_heavy():
    assert loaded_by() == ([], "")


def test_help_of_any_command_imports_nothing_heavy():
    group = typer.main.get_command(app)
    commands = [["--help"]]
    for name in COMMANDS:
        commands.append([name, "--help"])
        command = group.get_command(None, name)
        commands += [[name, inner, "--help"] for inner in getattr(command, "commands", {})]
    loaded, printed = loaded_by(*commands)
    assert loaded == []
    assert printed.count("Usage: artifactflow") == len(commands)


def test_a_reused_pipeline_imports_nothing_heavy(tmp_path: Path):
    (tmp_path / "count").mkdir()
    (tmp_path / "count" / "MLproject").write_text(
        "name: count\n"
        "conda_env: conda.yaml\n"
        "entry_points:\n"
        "  main:\n"
        "    parameters:\n"
        "      data:  {type: path, artifact: raw_data}\n"
        "      lines: {type: str, default: lines.txt}\n"
        "    outputs:\n"
        "      lines: {type: text, path: lines.txt}\n"
        "    command: python main.py {data} {lines}\n"
    )
    (tmp_path / "count" / "conda.yaml").write_text(
        "name: count\ndependencies:\n  - python>=3.11\n  - pip\n  - pip:\n      - pandas\n      - scikit-learn\n"
    )
    (tmp_path / "count" / "main.py").write_text(
        "import sys\nopen(sys.argv[2], 'w').write(str(len(open(sys.argv[1]).readlines())))\n"
    )
    (tmp_path / "pipeline.yaml").write_text(
        "name: counted\n"
        "steps:\n"
        "  download: {component: artifactflow:download, with: {file_url: pkg:sklearn.datasets.data/iris.csv}}\n"
        '  count:    {component: count, with: {data: "${download.dataset}"}}\n'
    )
    command = ["run-pipeline", "."]
    loaded_by(command, cwd=tmp_path)
    count, loaded, printed = modules_of(command, cwd=tmp_path)
    assert "counted: 0 run, 2 reused" in printed
    assert loaded == []
    assert count <= MOST_MODULES["run-pipeline"]


def test_asking_the_store_imports_no_runner_and_no_upkeep(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("x")
    commands = (["artifacts", "put", "notes.txt"], ["artifacts", "ls"], ["artifacts", "show", "notes"], ["runs", "ls"])
    code = CODE.replace(
        "{heavy}",
        repr(["artifactflow.runner", "artifactflow.executors", "artifactflow.store.migrate", "artifactflow.pipeline"]),
    )
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.rpartition("\nloaded:")[2].split()) == 1  # the count, and no name


def test_the_help_alone_imports_few_modules():
    count, loaded, _ = modules_of(["--help"])
    assert loaded == []
    assert count <= MOST_MODULES["--help"]


def test_the_table_of_commands_has_each_commands_own_words():
    group = typer.main.get_command(app)
    for name, line in COMMANDS.items():
        own = " ".join((group.get_command(None, name).help or "").split("\n\n")[0].split())
        assert own == line


LOADING_FOR_LONG = """
import time
print("loading", flush=True)
time.sleep(60)
"""


def test_ctrl_c_while_the_command_line_is_loaded_ends_it_without_a_word(tmp_path: Path):
    (tmp_path / "typer.py").write_text(LOADING_FOR_LONG)
    with subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "--version"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"loading\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGINT


def test_whoever_ignores_ctrl_c_goes_on_ignoring_it(tmp_path: Path):
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import atexit, artifactflow.__main__ as entry, sys\n"
        "atexit.register(lambda: print(signal.getsignal(signal.SIGINT).name))\n"
        "sys.argv = ['artifactflow', '--version']\n"
        "entry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines()[1:] == ["SIG_IGN"]
