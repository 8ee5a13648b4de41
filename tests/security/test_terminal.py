"""What others have written cannot command the terminal of whoever looks at it."""

import os
import pty
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from artifactflow.cli.terminal import plain
from artifactflow.store import Store

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b5n\x08\x7f\u202egpj.exe"
COMPONENT = """
    name: evil
    entry_points:
      main:
        parameters:
          word: {type: str}
          made: {type: str, default: made.txt}
        outputs:
          made: {type: text, path: made.txt, description: "made of {word}"}
        command: python main.py {word} {made}
"""
MAIN = """
    import sys
    print(sys.argv[1])
    open(sys.argv[2], "w").write("x")
    if "fail" in sys.argv[1]:
        sys.exit(sys.argv[1])
"""


def on_a_terminal(*arguments, cwd, **variables):
    """What a terminal would be sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "artifactflow", *map(str, arguments)],
        cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **variables},
    )  # fmt: skip
    os.close(theirs)
    sent = b""
    while True:
        try:
            chunk = os.read(ours, 1 << 16)
        except OSError:
            break
        if not chunk:
            break
        sent += chunk
    os.close(ours)
    process.wait()
    return sent.decode()


def is_harmless(sent):
    """Nothing but colours, and the moves that Rich makes to draw what runs."""
    rest = re.sub(r"\x1b\[([0-9;]*m|\?25[lh]|[0-9]*[AK]|2K)", "", sent)
    return not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", rest)


def test_control_characters_are_written_out():
    assert plain("a\x1b[31mb\x1b]0;x\x07\n\t") == "a\\x1b[31mb\\x1b]0;x\\x07\n\t"
    assert plain("a\x1b[31mb\x1b[2J", colours=True) == "a\x1b[31mb\\x1b[2J"


@pytest.mark.parametrize("plainly", [pytest.param(True, marks=pytest.mark.torture), False], ids=["plain", "live"])
def test_a_run_shows_no_control_sequence_of_its_steps(files, plainly):
    files.component("evil", COMPONENT, MAIN)
    words = ["--plain"] if plainly else []
    sent = on_a_terminal("run-pipeline", "evil", *words, cwd=files.folder, ARTIFACTFLOW_P_WORD=EVIL)
    assert "made:v1" in sent
    assert is_harmless(sent), ascii(sent)
    failed = on_a_terminal("run-pipeline", "evil", *words, cwd=files.folder, ARTIFACTFLOW_P_WORD=f"fail {EVIL}")
    assert "\\x1b]0;owned" in failed
    assert is_harmless(failed), ascii(failed)


def test_no_command_shows_control_sequences_of_what_is_stored(files, artifactflow):
    files.component("evil", COMPONENT, MAIN)
    store = files.folder / ".artifactflow"
    artifactflow("run-pipeline", "evil", "--store", store, cwd=files.folder, ARTIFACTFLOW_P_WORD=EVIL)
    commands = (
        ["artifacts", "show", "made"], ["runs", "show", "evil"], ["runs", "show", "evil", "--json"], [EVIL],
    )  # fmt: skip
    for command in commands:
        sent = on_a_terminal(*command, cwd=files.folder)
        assert is_harmless(sent), f"{command}: {sent!a}"
    assert "\\x1b]0;owned" in on_a_terminal("runs", "log", "evil", cwd=files.folder)


def test_the_lineage_shows_no_control_sequence_of_a_record(files, artifactflow):
    files.component("evil", COMPONENT, MAIN)
    artifactflow("run-pipeline", "evil", "-P", "word=x", cwd=files.folder)
    with Store.open(files.folder / ".artifactflow") as store, store.transaction() as transaction:
        transaction.record_run(replace(store.runs()[0], step=f"{EVIL}[/]"))
    sent = on_a_terminal("artifacts", "lineage", "made", cwd=files.folder)
    assert "\\x1b]0;owned" in sent
    assert is_harmless(sent), ascii(sent)


def test_into_a_pipe_a_log_goes_byte_for_byte(files, artifactflow):
    files.component("evil", COMPONENT, MAIN)
    store = files.folder / ".artifactflow"
    artifactflow("run-pipeline", "evil", "--store", store, cwd=files.folder, ARTIFACTFLOW_P_WORD="\x1b]0;x\x07")
    assert artifactflow("runs", "log", "evil", cwd=files.folder).stdout == "\x1b]0;x\x07\n"
