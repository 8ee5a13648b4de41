"""A command is split like a shell would split it, and no value is ever read as code."""

import contextlib
import shlex
import subprocess

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.errors import ContractError, Place, UsageError
from artifactflow.read.command import parse_command

HOSTILE = ["", " ", "a b", "it's", '"', "$(id)", "`id`", "; id", "a\nb", "-x", "~", "*", "é𝒳", "\\", "#", "{x}", "!"]

SEED_TRAIN = (
    "command: >-\n"
    "  python train_iris.py --test_size {test_size}\\ \n"
    "    --random_seed {random_seed}\\ \n"
    "    --max_iter {max_iter}\n"
)
SEED_DOWNLOAD = (
    "command: >-\n"
    "  python main.py --file_url {file_url}\\\n"
    "    --artifact_name {artifact_name}\\\n"
    "    --artifact_type {artifact_type}\n"
)


def argv(template, **values):
    command = parse_command(template).render(values)
    assert not command.shell
    return list(command.argv)


def test_the_seeds_manifest_with_a_blank_behind_each_backslash_is_one_command():
    template = parse_command(yaml.safe_load(SEED_TRAIN)["command"])
    command = template.render({"test_size": "0.3", "random_seed": "42", "max_iter": "200"})
    assert command.argv == ("python", "train_iris.py", "--test_size", "0.3", "--random_seed", "42", "--max_iter", "200")
    assert template.continued, "plain mlflow breaks on it"
    assert template.script == "train_iris.py"


def test_the_seeds_manifest_with_the_backslash_last_is_one_command_for_bash_too():
    template = parse_command(yaml.safe_load(SEED_DOWNLOAD)["command"])
    command = template.render({"file_url": "u", "artifact_name": "raw data", "artifact_type": "t"})
    assert command.argv == (
        "python",
        "main.py",
        "--file_url",
        "u",
        "--artifact_name",
        "raw data",
        "--artifact_type",
        "t",
    )
    assert not template.continued


@pytest.mark.parametrize(
    ("template", "continued"),
    [
        ("python main.py --a {a} --b {b}", False),
        ("python main.py \\\n  --a {a} \\\n  --b {b}\n", False),
        ("python main.py --a {a}\n  --b {b}", True),
        ("python main.py --a {a}\\\n--b {b}", True),
        ("python main.py --a {a}\\ --b {b}", True),
        ("python main.py --a {a} --b {b} \\ ", True),
        ("python main.py --a $(echo {a}) --b {b}", False),
        ("python main.py --a '{a}' --b \"{b}\"", False),
    ],
)
def test_ways_to_write_one_command(template, continued):
    assert argv(template, a="1 2", b="") == ["python", "main.py", "--a", "1 2", "--b", ""]
    assert parse_command(template).continued is continued


@pytest.mark.parametrize("value", HOSTILE)
def test_values_arrive_byte_for_byte_in_plain_commands(value):
    template = "python main.py {x} --x={x} a'{x}'b \"{x}\""
    assert argv(template, x=value) == ["python", "main.py", value, f"--x={value}", f"a{value}b", value]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_arrive_byte_for_byte_through_the_shell(value):
    command = parse_command("true && printf '%s\\0' {x} --x={x} | cat").render({"x": value})
    assert command.shell
    output = subprocess.run(command.argv, capture_output=True, check=True).stdout
    assert output.decode() == f"{value}\0--x={value}\0"


def test_an_echo_of_its_own_is_split_at_blanks_and_vanishes_when_empty():
    template = "python main.py main.steps=\\'{steps}\\' $(echo {hydra_options})"
    assert argv(template, steps="all", hydra_options="a=1 b=2")[2:] == ["main.steps='all'", "a=1", "b=2"]
    assert argv(template, steps="all", hydra_options="")[2:] == ["main.steps='all'"]


@pytest.mark.parametrize(
    "template",
    [
        "a | b",
        "cd x && python main.py",
        "a; b",
        "python $(which x)",
        "python main.py > log",
        "ls *.csv",
        "python ~/main.py",
        "SEED=1 python main.py",
        "python main.py\npython other.py",
        "python main.py $HOME",
        "python main.py &",
        "source activate",
        'python "$HOME/main.py"',
    ],
)
def test_shell_syntax_runs_under_bash_as_written(template):
    command = parse_command(template).render({})
    assert command.shell
    assert command.argv[:2] == ("bash", "-c")
    assert command.argv[2].rstrip() == template


@pytest.mark.parametrize(
    "template",
    [
        "true | echo '{x}'",
        'true | echo "{x}"',
        'true; echo "$(echo "{x}")"',
        "true; echo `echo {x}`",
        "true; echo ${{y:-{x}}}",
        "echo $(( {x} ))",
        "true # {x}",
        "cat <<END\n{x}\nEND",
        "true; echo $'\\'{x}'",
        "true; echo \\{x}",
        "bash -c 'echo {x}'",
        "/bin/sh -ec {x}",
    ],
)
def test_a_placeholder_whose_value_could_inject_code_is_refused(template):
    with pytest.raises(ContractError, match="could inject code") as caught:
        parse_command(template, Place("MLproject", 7, 14))
    assert caught.value.place == Place("MLproject", 7, 14)


def test_quotes_that_hold_no_placeholder_are_no_reason_to_refuse():
    assert parse_command("echo 'a b' \"c\" # it's\necho {x} | cat <<< {x}").shell


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("python main.py {a.__class__}", "no placeholder"),
        ("python main.py {1:2}", "no placeholder"),
        ("python main.py {x!r}", "no placeholder"),
        ("python main.py {}", "no placeholder"),
        ("python main.py { x }", "no placeholder"),
        ("python main.py {x", "do not pair"),
        ("python main.py }", "do not pair"),
        ("python main.py ${HOME}", "for a placeholder"),
        ("python main.py 'x", "never closed"),
        ('true; echo "x', "never closed"),
        (" \n", "empty"),
        ("\\ ", "empty"),
        ("x" * 200_000, "longer"),
    ],
)
def test_a_command_that_mlflow_could_not_fill_is_refused_with_its_place(template, words):
    with pytest.raises(ContractError, match=words) as caught:
        parse_command(template, Place("MLproject", 3))
    assert caught.value.place == Place("MLproject", 3)


def test_doubled_braces_are_braces_as_in_str_format():
    assert argv("python -c 'print({{}}, \"{x}\")'", x="1")[2] == 'print({}, "1")'


@pytest.mark.parametrize(
    ("template", "script", "module"),
    [
        ("python main.py --x=1", "main.py", None),
        ("python3.11 -u -W ignore -Xdev src/main.py", "src/main.py", None),
        ("/usr/bin/python --check-hash-based-pycs always main.py", "main.py", None),
        ("python -m package.module", None, "package.module"),
        ("python -um module", None, "module"),
        ("python -c 'pass' main.py", None, None),
        ("python {script}", None, None),
        ("python - main.py", None, None),
        ("pytest . -vv", None, None),
        ("python main.py | cat", None, None),
    ],
)
def test_the_script_or_module_that_python_runs(template, script, module):
    parsed = parse_command(template)
    assert (parsed.script, parsed.module) == (script, module)


def test_placeholders_are_named_once_in_order():
    assert parse_command("python {b} {a-b} {b}").placeholders == ["b", "a-b"]


def test_what_the_template_does_not_name_is_appended():
    extra = [("limit", "a b"), ("verbose", None), ("empty", "")]
    plain = parse_command("python main.py").render({}, extra)
    assert plain.argv == ("python", "main.py", "--limit=a b", "--verbose", "--empty=")
    shell = parse_command("true && printf '%s,'\n").render({}, extra)
    assert subprocess.run(shell.argv, capture_output=True, text=True).stdout == "--limit=a b,--verbose,--empty=,"


def test_a_placeholder_without_a_value_is_named_with_what_may_be_meant():
    with pytest.raises(ContractError, match=r"uses \{max_itr\}") as caught:
        parse_command("python main.py {max_itr}").render({"max_iter": "1"})
    assert caught.value.hint == "did you mean max_iter?"


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_value_that_no_program_can_be_given_is_refused(value):
    with pytest.raises(UsageError, match="the value of x"):
        parse_command("python main.py {x}").render({"x": value})
    with pytest.raises(UsageError, match="the value of y"):
        parse_command("python main.py").render({}, [("y", value)])


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab'\"\\ \t=", min_size=1, max_size=20))
def test_words_are_those_of_the_shell(tail):
    template = "python " + tail
    try:
        parsed = parse_command(template)
    except ContractError:
        with pytest.raises(ValueError, match=r"No closing|No escaped"):
            shlex.split(template)
        return
    if not parsed.continued:
        assert list(parsed.render({}).argv) == shlex.split(template)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ax'\"\\ $(){}`#<|;&\n-=~*!", max_size=30), st.text(max_size=5))
def test_any_text_is_a_command_or_a_contract_error(text, value):
    with contextlib.suppress(ContractError, UsageError):
        parse_command(text).render({"x": value, "a": value})


pieces = st.sampled_from(
    [
        "{x}",
        "'",
        '"',
        "\\",
        "`",
        "$(",
        ")",
        "(",
        " ",
        "\n",
        "echo ",
        "#",
        "$",
        "<<",
        "; ",
        "| ",
        "$((",
        "))",
        "{{",
        "}}",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, max_size=8).map("".join))
def test_no_shell_command_lets_a_value_run(tmp_path_factory, template):
    marker = tmp_path_factory.getbasetemp() / "injected"
    value = f"'; touch {marker}; \"; touch {marker}; $(touch {marker}) `touch {marker}`\ntouch {marker}\n"
    try:
        command = parse_command("true; " + template).render({"x": value})
    except ContractError:
        return
    subprocess.run(["timeout", "5", *command.argv], capture_output=True, stdin=subprocess.DEVNULL, cwd=marker.parent)
    assert not marker.exists()
