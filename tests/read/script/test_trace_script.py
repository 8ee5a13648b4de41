"""A script is run up to where it parses its arguments, and no further; what goes wrong is said."""

import os
import textwrap
import time
from pathlib import Path

import pytest

from artifactflow.errors import ContractError
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script import read_script
from artifactflow.read.script.static_values import UNKNOWN
from artifactflow.read.script.trace_script import merge, trace_script


@pytest.fixture
def script(tmp_path: Path):
    def write(text: str, name: str = "main.py") -> Path:
        (tmp_path / name).write_text(textwrap.dedent(text))
        return tmp_path / name

    return write


def traced(file: Path, **given):
    return trace_script(file, file.parent, **given)


def test_options_that_only_a_run_knows_are_known(script):
    file = script(
        """
        import argparse, json
        parser = argparse.ArgumentParser()
        for name, value in json.load(open("options.json")).items():
            parser.add_argument(f"--{name}", type=type(value), default=value, help=f"the {name}")
        parser.parse_args()
        """
    )
    script('{"rate": 0.5, "seed": 3}', "options.json")
    assert not read_script(file).complete
    line = traced(file)
    assert line.complete
    assert [(o.names, o.type, o.default, o.description) for o in line.options if o.action != "help"] == [
        (("--rate",), ParameterType.FLOAT, 0.5, "the rate"),
        (("--seed",), ParameterType.INT, 3, "the seed"),
    ]
    assert {(o.place.line, o.place.column) for o in line.options if o.action != "help"} == {(5, 5)}
    assert line.accepts("--rate") is True
    assert line.accepts("--depth") is False


EVERY_KIND = """
    import argparse, enum
    from pathlib import Path

    class Colour(enum.Enum):
        RED = "red"

    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--cache", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("-v", "--verbose", action="count", default=0)
    parser.add_argument("--mode", choices=["a", "b"], required=True)
    parser.add_argument("--hidden", help=argparse.SUPPRESS, default=argparse.SUPPRESS)
    parser.add_argument("--number", type=lambda text: int(text), default=[1], nargs="+")
    parser.add_argument("--yes", type=bool)
    parser.add_argument("--tag", action="append")
    parser.add_argument("--where", type=Path, default=Path("a/b"))
    parser.add_argument("--version", action="version", version="1")
    go = parser.add_subparsers(dest="do").add_parser("go")
    go.add_argument("--x", type=int)
    print(parser.parse_args())
"""


def test_what_is_traced_is_what_the_text_says(script):
    file = script(EVERY_KIND)
    static, line = read_script(file), traced(file)
    assert static.complete
    merged = merge(static, line)
    assert [option.names for option in merged.options] == [option.names for option in static.options]
    for option, told in zip(merged.options, static.options, strict=True):
        # argparse's own options have a help of their own.
        own = {"description": ""} if option.action in ("help", "version") else {}
        assert {**vars(option), **own} == vars(told)
    assert (merged.abbreviates, merged.attributes) == (static.abbreviates, static.attributes)
    assert [option.names for option in line.subcommands["go"].options] == [("-h", "--help"), ("--x",)]


def test_what_is_no_plain_data_is_unknown(script):
    file = script(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--a", default=object(), type=lambda text: [text])
        parser.add_argument("--b", choices=range(2000), default=[[1]])
        parser.add_argument("--c", required=True)
        parser.parse_args()
        """
    )
    _, a, b, c = traced(file).options
    assert (a.default, a.type, b.choices, b.default, c.default) == (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, REQUIRED)


def test_nothing_behind_the_parsing_is_run_and_nothing_is_printed(script, capfd):
    file = script(
        """
        import argparse, atexit
        atexit.register(lambda: open("late", "w"))
        print("before")
        try:
            argparse.ArgumentParser().parse_args()
        finally:
            open("behind", "w")
        """
    )
    assert traced(file).complete
    assert os.listdir(file.parent) == ["main.py"]  # noqa: PTH208 - names are what counts
    assert capfd.readouterr() == ("", "")


def test_a_parser_that_lets_options_through_leaves_the_rest_open(script):
    line = traced(script("import argparse\nargparse.ArgumentParser().parse_known_args()\n"))
    assert not line.complete
    assert line.accepts("--anything") is True


def test_modules_beside_the_script_are_found(script):
    script("import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--x')\n", "options.py")
    file = script("from options import parser\nparser.parse_args()\n")
    option = traced(file).options[-1]
    assert (option.names, Path(option.place.file).name, option.place.line) == (("--x",), "options.py", 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = (", "SyntaxError"),
        ("print(1)", "it does not parse its arguments by argparse"),
        ("import os; os._exit(0)", "its process ended before it parsed its arguments"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "its process ended before it parsed its arguments"),
    ],
)
def test_a_script_that_does_not_come_so_far_is_an_error_that_says_why(script, text, message):
    with pytest.raises(ContractError, match="cannot be traced") as caught:
        traced(script(text))
    assert message in caught.value.message
    assert caught.value.place.file.endswith("main.py")


def test_a_script_that_hangs_is_killed_with_what_it_started(script):
    file = script("import os, subprocess, time\nsubprocess.Popen(['sleep', '60'])\nopen('up', 'w')\ntime.sleep(60)\n")
    start = time.monotonic()
    with pytest.raises(ContractError, match=r"has not parsed its arguments after 1 s"):
        traced(file, seconds=1)
    assert time.monotonic() - start < 30
    sleeping = [path for path in Path("/proc").glob("[0-9]*/cwd") if _is(path, file.parent)]
    deadline = time.monotonic() + 5
    while sleeping and time.monotonic() < deadline:
        time.sleep(0.02)
        sleeping = [path for path in sleeping if _is(path, file.parent)]
    assert sleeping == []


def _is(link: Path, folder: Path) -> bool:
    try:
        return link.resolve(strict=True) == folder
    except OSError:
        return False
