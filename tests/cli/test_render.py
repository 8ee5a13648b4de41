"""Tables on a terminal, which fold what does not fit, and elsewhere, where nothing is folded."""

import re

import pytest

from artifactflow.cli.render import print_table

RUN = "20261123-064827-20b8ab4f"
ROW = [RUN, "iris", "finished", "1 run, 2 reused", "23.7 s", "2026-11-23 06:48"]
COLUMNS = ["run", "pipeline", "status", "steps", "time", "started"]


def shown(capsys) -> list[str]:
    """The lines that were printed, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


@pytest.fixture
def terminal(monkeypatch):
    """Standard output as a terminal of that width."""

    def become(width: int) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")

    return become


def test_into_a_pipe_nothing_is_folded(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table(COLUMNS, [ROW], right=["time"])
    assert capsys.readouterr().out.splitlines()[1] == (
        f"{RUN}  iris      finished  1 run, 2 reused  23.7 s  2026-11-23 06:48"
    )


def test_on_a_terminal_texts_are_folded_before_the_ids_that_people_copy(capsys, terminal):
    terminal(80)
    print_table(COLUMNS, [ROW], right=["time"])
    lines = shown(capsys)
    assert max(map(len, lines)) <= 80
    assert RUN in "\n".join(lines)


def test_where_there_is_no_room_an_id_is_folded_too(capsys, terminal):
    terminal(30)
    print_table(COLUMNS, [ROW], right=["time"])
    lines = shown(capsys)
    assert max(map(len, lines)) <= 30
    assert RUN not in "\n".join(lines)
