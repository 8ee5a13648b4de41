"""A script that is written reads back as the contract that it was written from, by either template."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.contract import Contract, Input, Output
from artifactflow.errors import ContractError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType
from artifactflow.read.script import read_script_text
from artifactflow.read.signature_source import contract_of_source
from artifactflow.write.script import TEMPLATES, Body, function_name, option_name_problem, script_text
from artifactflow.write.script_formats import FORMATS

CLEAN = Contract(
    description="Keep the rows inside the price range.",
    inputs=(Input("raw", "raw_data", "The table to clean"),),
    parameters=(
        Parameter("min_price", ParameterType.FLOAT, 10, description="Lowest price kept, in USD", minimum=0),
        Parameter("method", default="mean", choices=("mean", "median")),
        Parameter("limit", ParameterType.INT, None, optional=True, description="Rows to read"),
    ),
    outputs=(Output("clean", "clean_data", "The cleaned table", "clean", "clean.csv"),),
)

STEP = '''\
"""The component clean: its contract is the signature below, which MLproject repeats."""

from typing import Annotated, Literal

import pandas as pd
import typer
from artifactflow import Input, Output, run, step


@step
def clean(
    raw: Annotated[pd.DataFrame, Input(type="raw_data", description="The table to clean")],
    min_price: Annotated[float, typer.Option(help="Lowest price kept, in USD", min=0)] = 10.0,
    method: Literal["mean", "median"] = "mean",
    limit: Annotated[int | None, typer.Option(help="Rows to read")] = None,
) -> Annotated[pd.DataFrame, Output("clean", type="clean_data", description="The cleaned table")]:
    """Keep the rows inside the price range."""
    return raw[raw["price"] >= min_price]


if __name__ == "__main__":
    run(clean)
'''

ARGPARSE = '''\
"""The component clean: its command line is made by argparse, and MLproject repeats it."""

import argparse
from pathlib import Path

import pandas as pd


def clean(raw: pd.DataFrame, min_price: float, method: str, limit: int | None) -> pd.DataFrame:
    """Keep the rows inside the price range."""
    return raw[raw["price"] >= min_price]


def main() -> None:
    """Read the options and the inputs, and write the outputs."""
    parser = argparse.ArgumentParser(description=clean.__doc__)
    parser.add_argument("--raw", type=Path, required=True, help="The table to clean")
    parser.add_argument("--min_price", type=float, default=10.0, help="Lowest price kept, in USD")
    parser.add_argument("--method", choices=["mean", "median"], default="mean")
    parser.add_argument("--limit", type=int, help="Rows to read")
    parser.add_argument("--clean", type=Path, default="clean.csv", help="The cleaned table")
    args = parser.parse_args()
    if args.min_price < 0:
        parser.error("--min_price takes a number of at least 0")

    result = clean(raw=pd.read_csv(args.raw), min_price=args.min_price, method=args.method, limit=args.limit)
    result.to_csv(args.clean, index=False)


if __name__ == "__main__":
    main()
'''

BODY = Body(('return raw[raw["price"] >= min_price]',))


@pytest.mark.parametrize(("template", "expected"), [("step", STEP), ("argparse", ARGPARSE)])
def test_a_script_is_what_a_person_would_write(template: str, expected: str):
    assert script_text(template, "clean", CLEAN, body=BODY) == expected


# Contracts that a script can state.

words = st.text(max_size=60).map(lambda text: " ".join(text.split()))
printable = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=200).map(
    lambda text: " ".join(text.split())
)
descriptions = words | printable
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,9}", fullmatch=True).filter(lambda name: not option_name_problem(name))
artifact_types = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,9}", fullmatch=True)
whole = st.integers(-(10**12), 10**12)
real = st.floats(allow_nan=False)


@st.composite
def parameters(draw: st.DrawFn, name: str) -> Parameter:
    kind = draw(st.sampled_from(ParameterType))
    values = {ParameterType.INT: whole, ParameterType.FLOAT: real, ParameterType.BOOL: st.booleans()}.get(kind)
    values = values if values is not None else st.text(max_size=20)
    choices: tuple = ()
    bounds: list = [None, None]
    if kind in (ParameterType.STR, ParameterType.INT, ParameterType.FLOAT) and draw(st.booleans()):
        choices = tuple(draw(st.lists(values, min_size=1, max_size=3, unique=True)))
        values = st.sampled_from(choices)
    elif kind in (ParameterType.INT, ParameterType.FLOAT) and draw(st.booleans()):
        low, high = sorted([draw(values), draw(values)])
        bounds = [draw(st.sampled_from([None, low])), draw(st.sampled_from([None, high]))]
        values = st.sampled_from([low, high])
    optional = draw(st.booleans())
    default = draw(values | st.none() if optional else values | st.just(REQUIRED))
    return Parameter(name, kind, default, optional, draw(descriptions), *bounds, choices)


@st.composite
def contracts(draw: st.DrawFn) -> tuple[Contract, dict[str, str]]:
    """A contract with a format for each input and output, outputs by path first."""
    found = draw(st.lists(names, max_size=7, unique=True))
    cuts = sorted(draw(st.tuples(st.integers(0, len(found)), st.integers(0, len(found)))))
    inputs, outputs, plain = found[: cuts[0]], found[cuts[0] : cuts[1]], found[cuts[1] :]
    formats = {name: draw(st.sampled_from(sorted(FORMATS))) for name in inputs + outputs}
    outputs.sort(key=lambda key: not FORMATS[formats[key]].by_path)
    contract = Contract(
        description=draw(descriptions),
        inputs=tuple(
            Input(name, draw(artifact_types | st.just("")), draw(descriptions), draw(st.booleans())) for name in inputs
        ),
        parameters=tuple(draw(parameters(name)) for name in plain),
        outputs=tuple(
            Output(
                draw(st.sampled_from([key, key.replace("_", "-"), "another"])),
                draw(artifact_types),
                draw(descriptions.map(lambda text: text.replace("{", "").replace("}", ""))),
                key,
                draw(st.sampled_from([key, f"{key}{FORMATS[formats[key]].ending}", "out/place.bin"])),
                unwrap=draw(st.booleans()),
            )
            for key in outputs
        ),
    )
    return contract, formats


@settings(max_examples=150, deadline=None)
@given(contracts())
def test_a_step_function_reads_back_as_its_contract(case: tuple[Contract, dict[str, str]]):
    contract, formats = case
    assert contract_of_source(script_text("step", "new-step", contract, formats), "main.py") == contract


@settings(max_examples=100, deadline=None)
@given(contracts())
def test_an_argparse_script_has_the_options_of_its_contract(case: tuple[Contract, dict[str, str]]):
    contract, formats = case
    text = script_text("argparse", "new-step", contract, formats)
    line = read_script_text(text, "main.py")
    assert line.kind == "argparse"
    assert line.complete
    assert not line.undefined_uses()
    options = {option.dest: option for option in line.options if option.dest != "help"}
    assert list(options) == list(contract.option_names())
    for item in contract.inputs:
        found = options[item.name]
        assert (found.type, found.required, found.description.replace("%%", "%")) == (
            ParameterType.PATH,
            not item.optional,
            item.description,
        )
    for output in contract.outputs:
        assert (options[output.key].type, options[output.key].default) == (ParameterType.PATH, output.path)
    for parameter in contract.parameters:
        found = options[parameter.name]
        wanted = ParameterType.STR if parameter.type is ParameterType.URI else parameter.type
        assert (found.type, found.default, found.required, found.choices or ()) == (
            wanted,
            parameter.default,
            parameter.required,
            parameter.choices,
        )
        assert found.description.replace("%%", "%") == parameter.description


@settings(max_examples=60, deadline=None)
@given(contracts(), st.sampled_from(sorted(TEMPLATES)))
def test_what_a_script_imports_it_uses_and_what_it_uses_it_imports(
    case: tuple[Contract, dict[str, str]], template: str
):
    contract, formats = case
    tree = ast.parse(script_text(template, "new-step", contract, formats))
    imported = set()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    options = set(contract.option_names())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported <= used
    assert not {"pd", "json", "skops", "Path", "Any", "Literal", "Annotated", "Figure"} & used - imported - options


def everything() -> tuple[Contract, dict[str, str]]:
    """Every format and every type, required after optional, texts that need care."""
    formats = dict(zip("abcdef", FORMATS, strict=True))
    formats |= {f"made_{name}": name for name in FORMATS}
    kinds = {
        "count": Parameter("count", ParameterType.INT, 3, minimum=1, maximum=10),
        "needed": Parameter("needed", description='100% of "it", it\'s said\\'),
        "rate": Parameter("rate", ParameterType.FLOAT, None, True, "word " * 30, maximum=0.5),
        "fast": Parameter("fast", ParameterType.BOOL, True),
        "place": Parameter("place", ParameterType.PATH),
        "address": Parameter("address", ParameterType.URI, "https://example.org/a"),
    }
    outputs = [Output(key, key=key, path=f"{key}{FORMATS[formats[key]].ending}") for key in formats if "_" in key]
    contract = Contract(
        description='A long description "in quotes", ' + "many words " * 20 + '"so"',
        inputs=tuple(Input(name, "any", optional=name in "bd") for name in "abcdef"),
        parameters=tuple(kinds.values()),
        outputs=tuple(sorted(outputs, key=lambda output: not FORMATS[formats[output.key]].by_path)),
    )
    return contract, formats


@pytest.mark.parametrize("template", TEMPLATES)
def test_scripts_are_formatted_and_linted_as_ruff_wants_them(template: str, tmp_path: Path):
    contract, formats = everything()
    text = script_text(template, "new-step", contract, formats)
    for command in (
        ["format", "--check", "--diff"],
        ["check", "--select", "E,F,W,I,N,UP,B,A,C4,SIM,PTH,D1", "--ignore", "E501"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", "-"],
            input=text,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_hides_something_else_is_no_name_for_a_function():
    assert [function_name(name) for name in ("new-step", "filter", "run", "random")] == [
        "new_step",
        "filter_step",
        "run_step",
        "random_step",
    ]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": (Parameter("lambda"),)}, "a script cannot have an option called 'lambda': it is a keyword"),
        ({"parameters": (Parameter("max-iter"),)}, "it is no name that a Python function can give a parameter"),
        ({"inputs": (Input("print"),)}, "the script needs that name itself"),
        ({"parameters": (Parameter("help"),)}, "--help shows the help"),
        ({"parameters": (Parameter("key", secret=True),)}, "the parameter key is secret"),
        (
            {"parameters": (Parameter("a", ParameterType.PATH, choices=("x",)),)},
            "the parameter a is a path with choices",
        ),
        ({"parameters": (Parameter("a", ParameterType.FLOAT, float("nan")),)}, "NaN cannot be written"),
        (
            {"outputs": (Output("o", key="o", path="o.csv", placeholder=False),)},
            "the output o is collected from 'o.csv'",
        ),
    ],
)
def test_what_a_script_cannot_state_is_refused(template: str, change: dict, message: str):
    with pytest.raises(ContractError, match=message) as caught:
        script_text(template, "new-step", replace(Contract(), **change))
    assert caught.value.hint
