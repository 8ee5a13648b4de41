"""What is told of a script's command line, what is left unknown, and that no text can hurt the reader."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.errors import ArtifactflowError, ContractError, NotFoundError, Place
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.read.script import UNKNOWN, CommandLine, Option, read_script, read_script_text

SAMPLES = [file.read_text() for file in sorted((Path(__file__).parent / "scripts").glob("*.py.txt"))]
PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"


def line_of(text: str, folder: Path | None = None) -> CommandLine:
    return read_script_text(text, "main.py", folder)


def option_of(call: str, before: str = "") -> Option:
    """The option that one `add_argument` adds."""
    line = line_of(
        f"import os, sys, random, json\n{before}\n{PARSER}parser.add_argument({call})\nparser.parse_args()\n"
    )
    return line.options[-1]


def dests(line: CommandLine) -> list[str]:
    return [option.dest for option in line.options if option.action not in {"help", "hydra"}]


# argparse: options


def test_a_place_counts_lines_and_characters_from_one() -> None:
    line = line_of(PARSER + "é = 'é'; parser.add_argument('--x')\n")
    assert line.options[-1].place == Place("main.py", 3, 10)


def test_type_bool_is_a_boolean_whose_converter_says_that_it_is_the_trap() -> None:
    option = option_of("'--x', type=bool, default=True")
    assert (option.type, option.converter, option.flag) == (ParameterType.BOOL, "bool", False)


@pytest.mark.parametrize(
    ("converter", "expected"),
    [
        ("lambda v: v.lower() in ('1', 'true')", ParameterType.BOOL),
        ("lambda v: int(v)", ParameterType.INT),
        ("lambda v: v.split(',')", UNKNOWN),
        ("lambda v: None if v == 'none' else int(v)", UNKNOWN),
        ("json.loads", UNKNOWN),
        ("convert", UNKNOWN),
        ("os.path.abspath", ParameterType.PATH),
        ("argparse.FileType('r')", ParameterType.PATH),
    ],
)
def test_a_converter_has_a_type_only_where_that_is_clear(converter: str, expected: object) -> None:
    before = "def convert(value):\n    if value == 'none': return None\n    return float(value)\n"
    option = option_of(f"'--x', type={converter}", before)
    assert option.type == expected
    assert option.converter == converter


@pytest.mark.parametrize(
    "expression",
    [
        *["os.getcwd()", "random.random()", "sys.argv[0]", "open('x').read()", "os.environ['A']", "object()", "NAME"],
        *["9 ** 9 ** 9", "'a' * 10 ** 9", "[0] * 10 ** 9", "f'{1:999999999}'", "list(range(10 ** 12))"],
        *["1 / 0", "int('x')", "[1][3]"],
    ],
)
def test_a_default_that_the_text_does_not_tell_is_unknown(expression: str) -> None:
    assert option_of(f"'--x', default={expression}", "NAME = 1\nif os.name: NAME = 2").default is UNKNOWN


def test_a_name_is_worth_what_it_was_last_given() -> None:
    assert option_of("'--x', default=NAME", "NAME = 1\nNAME = 2").default == 2


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("os.path.join('a', NAME)", "a/b"),
        ("f'{NAME}-{1 + 2 * 3}.csv'", "b-7.csv"),
        ("-1e-3", -0.001),
        ("[1, 2.5, 'x']", [1, 2.5, "x"]),
        ("'yes' if NAME == 'b' else 'no'", "yes"),
        ("NAME or 'other'", "b"),
        ("','.join([NAME, 'c'])", "b,c"),
        ("{'k': 1}['k']", 1),
        ("len(NAME)", 1),
        ("None", None),
    ],
)
def test_a_default_of_constants_is_known(expression: str, value: object) -> None:
    assert option_of(f"'--x', default={expression}", "NAME = 'b'").default == value


def test_a_required_option_has_no_default() -> None:
    assert option_of("'--x', required=True").default is REQUIRED
    assert option_of("'--x', required=os.cpu_count() > 1").required is UNKNOWN


def test_a_suppressed_default_leaves_no_attribute_and_a_suppressed_help_is_hidden() -> None:
    option = option_of("'--x', default=argparse.SUPPRESS, help=argparse.SUPPRESS")
    assert option.suppressed
    assert option.hidden
    assert option.description == ""


def test_an_action_of_the_scripts_own_leaves_everything_about_its_value_unknown() -> None:
    option = option_of("'--x', action=Own, default=1", "class Own: pass")
    assert (option.type, option.default, option.nargs, option.action) == (UNKNOWN, UNKNOWN, UNKNOWN, "Own")


def test_a_switch_with_a_no_form_has_both_names() -> None:
    option = option_of("'--x', action=argparse.BooleanOptionalAction")
    assert option.names == ("--x", "--no-x")
    assert option.off_names == ("--no-x",)


# argparse: what is accepted


def test_options_are_accepted_by_name_and_by_unique_abbreviation() -> None:
    line = line_of(PARSER + "parser.add_argument('--max_iter')\nparser.add_argument('--max_depth')\n")
    assert line.accepts("--max_iter") is True
    assert line.accepts("--max_it") is True
    assert line.accepts("--max") is False
    assert line.accepts("--max-iter") is False
    strict = line_of(PARSER.replace("()", "(allow_abbrev=False)") + "parser.add_argument('--max_iter')\n")
    assert strict.accepts("--max_it") is False


def test_parse_known_args_accepts_anything() -> None:
    line = line_of(PARSER + "args, rest = parser.parse_known_args()\n")
    assert line.accepts("--anything") is True


@pytest.mark.parametrize(
    "more",
    [
        "for name in os.listdir(): parser.add_argument('--' + name)",
        "parser.add_argument(NAME)",
        "add_common_arguments(parser)",
        "parser = Trainer.add_argparse_args(parser)",
        "parser = argparse.ArgumentParser(parents=[other.parser])",
        "if os.environ.get('X'):\n    parser.add_argument('--x')",
        "while os.environ: parser.add_argument('--x')",
        "parser.add_argument(*names)",
        "parser.add_argument('--x', **settings)",
        "parser._add_action(action)",
        "sub = parser.add_subparsers()\nsub.add_parser(os.name)",
    ],
)
def test_what_may_add_options_makes_the_command_line_incomplete_with_a_reason_and_its_place(more: str) -> None:
    line = line_of(
        "import os\nfrom lib import add_common_arguments, Trainer, NAME\n" + PARSER + more + "\nparser.parse_args()"
    )
    assert line.complete is False
    assert line.accepts("--x") is None
    assert line.unknown_reasons[0][1].line is not None


def test_an_option_added_after_a_possible_return_may_not_be_there() -> None:
    text = (
        "def make():\n    p = argparse.ArgumentParser()\n    p.add_argument('--a')\n    if thing():\n        return p\n"
    )
    line = line_of("import argparse\n" + text + "    p.add_argument('--b')\n    return p\nmake().parse_args()\n")
    assert dests(line) == ["a"]
    assert line.complete is False


def test_a_parser_that_is_made_but_not_for_the_command_line_does_not_count() -> None:
    text = PARSER + "parser.add_argument('--a')\nparser.parse_args([])\n"
    line = line_of(text + "real = argparse.ArgumentParser()\nreal.add_argument('--b')\nreal.parse_args()\n")
    assert dests(line) == ["b"]


def test_a_main_that_only_the_outside_calls_is_read_too() -> None:
    line = line_of(
        "import argparse\ndef main():\n    p = argparse.ArgumentParser()\n    p.add_argument('--a')\n"
        "    p.parse_args()\n"
    )
    assert dests(line) == ["a"]
    assert line.complete


# argparse: the namespace


def test_uses_are_followed_into_functions_and_through_vars_and_getattr() -> None:
    text = "def go(config):\n    print(config.b, getattr(config, 'c'), getattr(config, 'd', 1))\n"
    line = line_of(PARSER + text + "args = parser.parse_args()\ngo(args)\nprint(args.a, vars(args)['e'])\n")
    assert [name for name, _ in line.uses] == ["b", "c", "a", "e"]


def test_a_use_that_no_option_defines_is_found_at_its_place() -> None:
    line = line_of(PARSER + "parser.add_argument('--a')\nargs = parser.parse_args()\nprint(args.a, args.b)\n")
    assert line.undefined_uses() == (("b", Place("main.py", 5, 15)),)


@pytest.mark.parametrize(
    "before",
    [
        "args.b = 1",
        "setattr(args, 'b', 1)",
        "setattr(args, name(), 1)",
        "vars(args)['b'] = 1",
        "vars(args).update(b=1)",
        "parser.set_defaults(b=1)",
        "prepare(args)",
        "args = argparse.Namespace(b=1)",
        "if hasattr(args, 'b'): pass",
        "parser.add_argument(name())",
    ],
)
def test_an_attribute_that_may_come_from_elsewhere_is_no_mistake(before: str) -> None:
    line = line_of(f"from lib import prepare, name\n{PARSER}args = parser.parse_args()\n{before}\nprint(args.b)\n")
    assert line.undefined_uses() == ()


def test_a_parameter_of_a_lambda_or_a_comprehension_is_not_the_namespace_of_the_same_name() -> None:
    text = "args = parser.parse_args()\nf = lambda args: args.x\n[args.y for args in runs()]\n"
    assert line_of("from lib import runs\n" + PARSER + text).uses == ()


# modules beside the script


def test_a_helper_in_a_module_beside_the_script_is_followed(tmp_path: Path) -> None:
    (tmp_path / "common.py").write_text(
        "import argparse\nLR = 0.5\ndef build():\n    p = argparse.ArgumentParser()\n"
        "    p.add_argument('--lr', default=LR)\n    return p\n"
        "def add(parser):\n    parser.add_argument('--seed', type=int, default=1)\n"
    )
    script = tmp_path / "main.py"
    script.write_text(
        "from common import build, LR\nimport common\np = build()\ncommon.add(p)\n"
        "p.add_argument('--x', default=LR)\np.parse_args()\n"
    )
    line = read_script(script)
    assert [(option.dest, option.default) for option in line.options[1:]] == [("lr", 0.5), ("seed", 1), ("x", 0.5)]
    assert line.complete
    assert line.options[1].place.file == str(tmp_path / "common.py")


def test_modules_that_import_each_other_or_are_broken_are_only_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from b import add\n")
    (tmp_path / "b.py").write_text("from a import add\n")
    (tmp_path / "broken.py").write_text("def (:\n")
    line = line_of("from a import add\nimport broken\n" + PARSER + "add(parser)\nbroken.add(parser)\n", tmp_path)
    assert line.complete is False


# sys.argv


def test_arguments_by_position_are_named_by_their_variable() -> None:
    text = "import sys\ndef main():\n    data = sys.argv[1]\n"
    text += "    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 0.1\nmain()\n"
    first, second = line_of(text).options
    assert (first.dest, first.type, first.required, first.default) == ("data", ParameterType.STR, True, REQUIRED)
    assert (second.dest, second.type, second.required) == ("rate", ParameterType.FLOAT, UNKNOWN)
    assert line_of("import sys\nprint(sys.argv[1:])\n").complete is False


# hydra


@pytest.fixture
def hydra_folder(tmp_path: Path) -> Path:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "config.yaml").write_text(
        "defaults:\n  - model: forest\n  - _self_\nmain:\n  name: run\n"
        "  rate: 1e-3\n  out: ???\n  dir: ${main.name}/x\nseed: 42\n"
    )
    (tmp_path / "conf" / "model" / "forest.yaml").write_text("trees: 100\n")
    (tmp_path / "conf" / "model" / "linear.yaml").write_text("alpha: 0.5\n")
    return tmp_path


HYDRA = (
    "import hydra\n@hydra.main(version_base=None, config_path='conf', config_name='config')\ndef go(cfg): pass\ngo()\n"
)


def test_the_keys_of_a_hydra_configuration_are_its_options(hydra_folder: Path) -> None:
    line = line_of(HYDRA, hydra_folder)
    assert line.complete, line.unknown_reasons
    assert dests(line) == ["model", "model.trees", "main", "main.name", "main.rate", "main.out", "main.dir", "seed"]
    defaults = {option.dest: option.default for option in line.options}
    assert (defaults["main.rate"], defaults["main.out"], defaults["main.dir"]) == (0.001, REQUIRED, UNKNOWN)
    group = line.option("model")
    assert group is not None
    assert (group.default, group.choices) == ("forest", ("forest", "linear"))
    seed = line.option("seed")
    assert seed is not None
    assert (seed.type, seed.default) == (ParameterType.INT, 42)
    assert str(seed.place).endswith("config.yaml:9:7")


def test_hydra_takes_known_keys_and_new_ones_after_a_plus(hydra_folder: Path) -> None:
    line = line_of(HYDRA, hydra_folder)
    assert line.accepts("main.name") is True
    assert line.accepts("main.nme") is False
    assert line.accepts("+main.nme") is True
    assert line.accepts("hydra.run.dir") is True
    assert line.accepts("--multirun") is True


def test_a_key_in_both_files_without_self_has_a_default_that_depends_on_the_version(hydra_folder: Path) -> None:
    (hydra_folder / "conf" / "config.yaml").write_text("defaults:\n  - model: forest\nmodel:\n  trees: 5\n")
    option = line_of(HYDRA, hydra_folder).option("model.trees")
    assert option is not None
    assert option.default is UNKNOWN


def test_a_configuration_that_is_missing_or_made_in_code_is_incomplete(tmp_path: Path) -> None:
    assert line_of(HYDRA, tmp_path).complete is False
    assert line_of("from hydra.core.config_store import ConfigStore\n" + HYDRA, tmp_path).complete is False


# the rest


def test_a_click_command_with_a_decorator_of_unknown_meaning_is_incomplete() -> None:
    text = (
        "import click\nfrom lib import common\n@click.command()\n@common\n@click.option('--a')\ndef go(a): pass\ngo()\n"
    )
    line = line_of(text)
    assert dests(line) == ["a"]
    assert line.complete is False


def test_a_step_function_is_left_to_its_signature() -> None:
    for start, call in (("from artifactflow import run", "run"), ("import artifactflow as af", "af.run")):
        line = line_of(f"{start}\ndef go(a: int): pass\nif __name__ == '__main__':\n    {call}(go)\n")
        assert (line.kind, line.complete, line.dash_underscore) == ("step", False, True)
    assert line_of("from artifactflow import Store\n" + PARSER).kind == "argparse"


def test_a_library_that_is_not_followed_is_named() -> None:
    line = line_of("import fire\nfire.Fire(main)\n")
    assert (line.kind, line.complete) == ("none", False)
    assert "fire" in line.unknown_reasons[0][0]
    assert line_of("print('hello')\n") == CommandLine("none")


def test_reading_runs_nothing(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(f"open({str(tmp_path / 'made')!r}, 'w')\nimport sys\nsys.exit(3)\n")
    read_script(script)
    assert not (tmp_path / "made").exists()


def test_text_that_is_no_python_is_an_error_with_its_place() -> None:
    with pytest.raises(ContractError) as caught:
        line_of("x = 1\ndef (:\n")
    assert caught.value.place == Place("main.py", 2, 5)


def test_a_file_says_its_encoding(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_bytes(
        b"# -*- coding: latin-1 -*-\n" + (PARSER + "parser.add_argument('--x', help='é')\n").encode("latin-1")
    )
    assert read_script(script).options[-1].description == "é"
    script.write_bytes(b"x = '\xff'\n")
    with pytest.raises(ContractError):
        read_script(script)
    with pytest.raises(NotFoundError):
        read_script(tmp_path / "none.py")


DOUBLING = "p0 = argparse.ArgumentParser()\np0.add_argument('--x')\n" + "".join(
    f"p{n + 1} = argparse.ArgumentParser(parents=[p{n}, p{n}], conflict_handler='resolve')\n" for n in range(60)
)
CALLS = (
    "".join(f"def f{n}(p):\n    f{n + 1}(p)\n    f{n + 1}(p)\n" for n in range(40))
    + "def f40(p): p.add_argument('--x')\n"
)
LISTS = "a0 = [1]\n" + "".join(f"a{n + 1} = [a{n}, a{n}]\n" for n in range(200))
LOOPS = "".join("    " * n + f"for i{n} in range(199):\n" for n in range(15)) + "    " * 15 + "pass\n"
HOSTILE = {
    "nested parentheses": "x = " + "(" * 5000 + ")" * 5000,
    "deep sum": "x = " + "+".join(["1"] * 3000),
    "deep attribute": "import a\nx = a" + ".b" * 3000,
    "elif chain": "if a: pass\n" + "elif a: pass\n" * 2000,
    "null byte": "x = 1\0",
    "too large": "#" * (2 * 1024 * 1024 + 1),
    "too many words": "x = [" + "0," * 60_000 + "]",
    "doubling parents": "import argparse\n" + DOUBLING + "p60.parse_args()\n",
    "doubling calls": PARSER + CALLS + "f0(parser)\nparser.parse_args()\n",
    "doubling texts": PARSER + "a = 'x'\n" + "a = a + a\n" * 200 + "parser.add_argument('--x', default=a)\n",
    "doubling lists": PARSER + LISTS + "parser.add_argument('--x', default=a200)\n",
    "nested loops": PARSER + LOOPS,
    "endless recursion": PARSER + "def f(p): return g(p)\ndef g(p): return f(p)\nf(parser)\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_is_read_within_bounds_or_refused(name: str) -> None:
    try:
        line = line_of(HOSTILE[name])
    except ContractError as error:
        assert error.place is not None
    else:
        assert line.complete in {True, False}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        line_of(text)
    except ArtifactflowError as error:
        assert error.place is not None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SAMPLES), st.randoms(use_true_random=False))
def test_a_mutated_script_is_read_or_refused(text: str, chance: random.Random) -> None:
    lines = text.splitlines()
    words = [word for each in SAMPLES for word in each.split()]
    for _ in range(chance.randint(1, 6)):
        index = chance.randrange(len(lines))
        way = chance.randrange(4)
        if way == 0:
            del lines[index : index + chance.randint(1, 3)]
            lines = lines or ["pass"]
        elif way == 1:
            lines.insert(index, lines[chance.randrange(len(lines))])
        else:
            parts = lines[index].replace("(", " ( ").replace(",", " , ").split(" ")
            parts[chance.randrange(len(parts))] = chance.choice(words)
            lines[index] = " ".join(parts).replace(" ( ", "(").replace(" , ", ",")
    try:
        line_of("\n".join(lines))
    except ArtifactflowError as error:
        assert error.place is not None
