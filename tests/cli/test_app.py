"""The command line as a whole: what it knows, how it refuses, how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artifactflow import __version__
from artifactflow.cli.app import COMMANDS, main


def test_version(cli):
    assert cli("--version").out == f"artifactflow {__version__}\n"


def test_help_lists_every_command_with_its_line(cli):
    shown = " ".join(cli("--help").out.split())
    for name, line in COMMANDS.items():
        assert f"{name} {line}" in shown


def test_an_underscore_in_a_command_is_a_dash(cli):
    assert (
        cli("run_pipeline", "--help").out.replace("run_pipeline", "run-pipeline") == cli("run-pipeline", "--help").out
    )


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["trin"], "there is no command 'trin'", "did you mean train?"),
        (["run"], "there is no command 'run'", "did you mean run-pipeline or runs?"),
        (["xyzzy"], "there is no command 'xyzzy'", "artifactflow --help lists the commands"),
        (["artifacts", "shw"], "there is no command 'shw'", "did you mean show?"),
        (["runs", "lg"], "there is no command 'lg'", "did you mean log?"),
        (["train", "--max-itr", "3"], "there is no option --max-itr", "did you mean --max-iter"),
        (["run-pipeline", "--cnfig", "c"], "there is no option --cnfig", "did you mean --config?"),
        (["artifacts", "ls", "--xyzzy"], "there is no option --xyzzy", "artifactflow artifacts ls --help shows"),
        (["artifacts", "show"], "missing argument 'NAME[:VERSION|:ALIAS]'", "artifactflow artifacts show --help"),
        (["runs", "ls", "--limit", "0"], "invalid value for '--limit'", "artifactflow runs ls --help shows"),
        (["run-pipeline", "a", "b"], "got unexpected extra argument", "artifactflow run-pipeline --help shows"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_hint(cli, arguments, error, hint):
    first, second = cli(*arguments, code=2).err.splitlines()
    assert error in first
    assert second.startswith(f"hint: {hint}")


def test_an_option_without_its_value_is_named(cli):
    assert cli("train", "--max-iter", code=2).err == "error: option '--max-iter' requires an argument.\n"


@pytest.mark.parametrize("group", [[], ["artifacts"], ["runs"]])
def test_a_group_without_a_command_shows_its_help(capsys, group):
    with pytest.raises(SystemExit) as ended:
        main(group)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(" ".join(["Usage: artifactflow", *group]))


def test_a_reader_that_leaves_is_no_error(artifactflow, tmp_path: Path):
    for number in range(40):
        (tmp_path / f"file{number}.txt").write_text(str(number))
    artifactflow("artifacts", "put", tmp_path / "file1.txt")
    command = f"{sys.executable} -m artifactflow artifacts show file1 --json"
    # The reader is gone before the first byte is written.
    with subprocess.Popen(command.split(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(30) == 0
    assert errors == b""


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["artifacts", "ls"], ["artifacts", "ls", "--json"], ["run-pipeline"], ["--help"]])
def test_a_full_disk_is_no_bug_of_ours(words: Path, command):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "artifactflow", *command], cwd=words, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 9
    assert done.stderr.startswith("error: cannot write what is printed here: No space left on device\nhint: ")
    assert len(done.stderr.splitlines()) == 2


def test_ctrl_c_in_a_command_says_so(cli, monkeypatch):
    monkeypatch.setattr("artifactflow.cli.doctor.examine", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    assert cli("doctor", code=130).err == "error: stopped by the user\n"


def printed(log):
    """What a log says, nothing where its step has ended this moment."""
    try:
        return log.read_text()
    except FileNotFoundError:
        return ""


def test_a_terminated_run_says_so_and_keeps_what_is_finished(words: Path, artifactflow, eventually):
    (words / "shout" / "main.py").write_text("import time\nprint('waiting', flush=True)\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "artifactflow", "run-pipeline", str(words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        logs = words / ".artifactflow" / "runs"
        eventually(lambda: any("waiting" in printed(log) for log in logs.glob("*/log")))
        os.kill(process.pid, signal.SIGTERM)
        errors = process.stderr.read()
        assert process.wait(30) == 130
    assert errors.startswith("error: the run was stopped\nhint: ")
    listed = artifactflow("runs", "ls", "--steps", "--json", cwd=words)
    assert '"interrupted"' in listed.stdout
    assert '"finished"' in listed.stdout
