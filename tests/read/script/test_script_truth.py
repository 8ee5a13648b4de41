"""What is read from a script's text, compared with what the script really does when it is run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artifactflow.parameters import REQUIRED
from artifactflow.read.script import UNKNOWN, CommandLine, Option, read_script_text

SCRIPTS = Path(__file__).parent / "scripts"
NAMES = sorted(file.name.removesuffix(".py.txt") for file in SCRIPTS.glob("*.py.txt"))

HARNESS = r"""
import argparse, enum, json, sys, types
from pathlib import Path, PurePath

class Stop(BaseException):
    pass

def plain(value):
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (set, dict, range)):
        return [plain(each) for each in (sorted(value) if isinstance(value, set) else value)]
    return value if value is None or isinstance(value, (str, int, float, bool)) else repr(value)

def kind(convert):
    known = {None: "str", str: "str", int: "int", float: "float", bool: "bool", Path: "path"}
    if convert in known:
        return known[convert]
    if isinstance(convert, argparse.FileType):
        return "path"
    found = set()
    for text in ("true", "1", "no", "0.5", "red", "{}"):
        try:
            value = convert(text)
            found.add("str" if isinstance(value, enum.Enum) else type(value).__name__)
        except Exception:
            pass
    return found.pop() if len(found) == 1 else "several"

def action_truth(action):
    flags = {"_StoreTrueAction": "bool", "_StoreFalseAction": "bool"}
    flags |= {"BooleanOptionalAction": "bool", "_CountAction": "int"}
    name = type(action).__name__
    valueless = action.nargs == 0
    choices = list(action.choices) if isinstance(action.choices, str) else action.choices
    return {
        "names": list(action.option_strings) or [action.dest],
        "dest": action.dest,
        "default": plain(action.default),
        "required": action.required,
        "choices": None if choices is None else plain(choices),
        "type": flags.get(name) or (None if valueless or name == "_SubParsersAction" else kind(action.type)),
        "nargs": action.nargs,
        "flag": valueless,
        "help": action.help,
        "positional": not action.option_strings,
    }

def parser_truth(parser):
    options = [action_truth(action) for action in parser._actions]
    inner = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            inner = {name: parser_truth(each) for name, each in action.choices.items()}
    return {"options": options, "subcommands": inner}

def argparse_truth(code):
    seen = []
    def parse_known(self, *a, **k):
        seen.append(parser_truth(self))
        return argparse.Namespace(**{each.dest: each.default for each in self._actions}), []
    def parse(self, *a, **k):
        seen.append(parser_truth(self))
        raise Stop
    argparse.ArgumentParser.parse_known_args = parse_known
    argparse.ArgumentParser.parse_args = parse
    try:
        exec(code, {"__name__": "__main__"})
    except Stop:
        pass
    return {"options": sum((each["options"] for each in seen), []), "subcommands": seen[-1]["subcommands"]}

def typer_type(annotation):
    import typing
    inner = (typing.get_args(annotation) or (annotation,))[0]
    if isinstance(inner, str):
        return "str", list(typing.get_args(annotation))
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return "str", [each.value for each in inner]
    return {str: "str", int: "int", float: "float", bool: "bool", Path: "path"}.get(inner, "several"), None

def parameter_truth(parameter):
    types_ = {"text": "str", "integer": "int", "integer range": "int", "float": "float", "float range": "float",
              "boolean": "bool", "path": "path", "filename": "path", "choice": "str", "Path": "path"}
    positional = parameter.param_type_name == "argument"
    default = parameter.default
    default = None if callable(default) or "UNSET" in repr(default) else plain(default)
    option = not positional
    flag = option and bool(parameter.is_flag or parameter.count)
    if hasattr(parameter, "type_descriptor"):  # newer versions of Typer
        type_, choices = typer_type(parameter.type_descriptor.annotation)
    else:
        type_ = types_.get(parameter.type.name, "several")
        choices = plain(parameter.type.choices) if hasattr(parameter.type, "choices") else None
    return {
        "names": [*parameter.opts, *parameter.secondary_opts],
        "dest": parameter.name,
        "default": default,
        "required": parameter.required,
        "choices": choices,
        "type": type_,
        "nargs": parameter.nargs,
        "flag": flag,
        "multiple": bool(getattr(parameter, "multiple", False)),
        "help": getattr(parameter, "help", None),
        "positional": positional,
    }

def command_truth(command):
    inner = {name: command_truth(each) for name, each in getattr(command, "commands", {}).items()}
    return {"options": [parameter_truth(each) for each in command.params], "subcommands": inner}

def click_truth(code):
    import click
    seen = []
    def main(self, *a, **k):
        seen.append(command_truth(self))
    click.Command.main = click.Group.main = main
    click.Command.__call__ = lambda self, *a, **k: main(self)
    exec(code, {"__name__": "__main__"})
    return seen[0]

def typer_truth(code):
    import typer, typer.main
    seen = []
    def call(self, *a, **k):
        seen.append(command_truth(typer.main.get_command(self)))
    typer.Typer.__call__ = call
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(code, module.__dict__)
    return seen[0]

truths = {}
for path in map(Path, sys.argv[1:]):
    name = path.name.removesuffix(".py.txt")
    sys.argv = [name]
    code = compile(path.read_text(), str(path), "exec")
    truth = {"argparse": argparse_truth, "click": click_truth, "typer": typer_truth}[name.partition("_")[0]]
    truths[name] = truth(code)
print("TRUTHS", json.dumps(truths))
"""


@pytest.fixture(scope="module")
def truths() -> dict[str, Any]:
    files = [str(SCRIPTS / f"{name}.py.txt") for name in NAMES]
    done = subprocess.run([sys.executable, "-c", HARNESS, *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("TRUTHS ")[2])


def read(name: str) -> CommandLine:
    return read_script_text((SCRIPTS / f"{name}.py.txt").read_text(), f"{name}.py")


def compare(option: Option, truth: dict[str, Any]) -> None:
    """Everything that is known must be as it really is; UNKNOWN never disagrees."""
    where = f"{option.names} at {option.place}"
    if option.action != "parsers":
        assert list(option.names) == truth["names"], where
    assert option.positional == truth["positional"], where
    if option.action == "help":
        return
    if option.dest:
        assert option.dest == truth["dest"], where
    if option.type is not UNKNOWN:
        assert option.type == truth["type"], where
    if option.required is not UNKNOWN and option.nargs not in {"*", "..."}:
        assert option.required == truth["required"], where
    if option.default is not UNKNOWN:
        if option.default is REQUIRED:
            assert truth["required"], where
        elif option.suppressed:
            assert truth["default"] == "==SUPPRESS==", where
        elif option.default == [] or (option.default is False and option.flag):
            assert not truth["default"], where
        else:
            assert option.default == truth["default"], where
            assert type(option.default) is type(truth["default"]), where
    if option.choices is not UNKNOWN:
        assert (None if option.choices is None else list(option.choices)) == truth["choices"], where
    assert option.flag == truth["flag"], where
    if option.description is not UNKNOWN and not option.hidden and option.action != "version":
        assert option.description == (truth["help"] or ""), where
    if "multiple" in truth:
        assert option.multiple == truth["multiple"], where
        expected = {None: 1, 0: 1, "*": -1, "+": -1}.get(option.nargs, option.nargs)
        assert expected == truth["nargs"], where
    elif option.nargs is not UNKNOWN:
        assert option.nargs == truth["nargs"], where


def compare_lines(line: CommandLine, truth: dict[str, Any]) -> None:
    really = {(tuple(each["names"]) if each["names"] else ("",)): each for each in truth["options"]}
    by_dest = {each["dest"]: each for each in truth["options"]}
    matched = 0
    for option in line.options:
        if line.kind != "argparse" and option.action in {"help", "parsers"}:
            continue
        found = really.get(option.names) or by_dest.get(option.dest) or by_dest.get("==SUPPRESS==")
        assert found is not None, f"{option.names} is read but does not exist"
        compare(option, found)
        matched += 1
    if line.complete:
        shown = [each for each in truth["options"] if line.kind == "argparse" or "--version" not in each["names"]]
        assert matched == len({tuple(each["names"]) for each in shown})
        assert set(line.subcommands) == set(truth["subcommands"])
    for name, inner in line.subcommands.items():
        compare_lines(inner, truth["subcommands"][name])


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_is_known_is_true(name: str, truths: dict[str, Any]) -> None:
    line = read(name)
    assert line.kind == name.partition("_")[0]
    compare_lines(line, truths[name])


INCOMPLETE = {"argparse_condition": False}


@pytest.mark.parametrize("name", NAMES)
def test_an_ordinary_script_is_known_completely(name: str) -> None:
    line = read(name)
    assert line.complete is INCOMPLETE.get(name, True), line.unknown_reasons
    assert bool(line.unknown_reasons) is not line.complete
