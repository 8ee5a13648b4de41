"""The contract of a step function, read from the function and from its source."""

import importlib.util
import itertools
import textwrap
from pathlib import Path

import pytest

from artifactflow.contract import Contract, Input, Output
from artifactflow.errors import ContractError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType
from artifactflow.read.signature import contract_of
from artifactflow.read.signature_source import contract_of_script, contract_of_source

HEADER = """
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional
import pandas as pd
import typer
from sklearn.linear_model import LogisticRegression
from artifactflow import Input, Output, Uri, run, step
"""
FOOTER = """
if __name__ == "__main__":
    run(work)
"""
_numbers = itertools.count()


def both(folder: Path, source: str) -> Contract:
    """The contract as both readers see it: they must agree."""
    script = folder / f"script_{next(_numbers)}.py"
    script.write_text(HEADER + textwrap.dedent(source) + FOOTER)
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    of_function = contract_of(module.work)
    assert contract_of_script(script) == of_function
    return of_function


def test_parameters_carry_their_typer_options(tmp_path):
    contract = both(
        tmp_path,
        '''
        @step
        def work(
            seed: int,
            share: Annotated[float, typer.Option(help="Share of rows", min=0, max=1)] = 0.2,
            method: Literal["mean", "median"] = "mean",
            limit: Annotated[int | None, typer.Option(help="Rows to read")] = None,
            fast: bool = False,
            config: Path = Path("config.yaml"),
            address: Uri = "data.csv",
        ) -> None:
            """Do the work.

            More about it.
            """
        ''',
    )
    assert contract.description == "Do the work."
    assert contract.parameters == (
        Parameter("seed", ParameterType.INT, default=REQUIRED),
        Parameter("share", ParameterType.FLOAT, default=0.2, description="Share of rows", minimum=0, maximum=1),
        Parameter("method", ParameterType.STR, default="mean", choices=("mean", "median")),
        Parameter("limit", ParameterType.INT, default=None, optional=True, description="Rows to read"),
        Parameter("fast", ParameterType.BOOL, default=False),
        Parameter("config", ParameterType.PATH, default="config.yaml"),
        Parameter("address", ParameterType.URI, default="data.csv"),
    )


def test_inputs_and_returned_outputs_have_paths_by_their_format(tmp_path):
    contract = both(
        tmp_path,
        """
        class Made(NamedTuple):
            model: Annotated[LogisticRegression, Output("my-model", type="model")]
            metrics: Annotated[dict[str, Any], Output(type="metrics")]

        def work(
            raw: Annotated[pd.DataFrame, Input(type="raw_data", description="Rows")],
            more: Annotated[Optional[Path], Input()] = None,
        ) -> Made: ...
        """,
    )
    assert contract.inputs == (Input("raw", "raw_data", "Rows"), Input("more", optional=True))
    assert contract.outputs == (
        Output("my-model", "model", key="model", path="model.skops"),
        Output("metrics", "metrics", key="metrics", path="metrics.json"),
    )


def test_an_output_parameter_is_a_path_to_write_to_and_its_name_may_be_a_template(tmp_path):
    contract = both(
        tmp_path,
        """
        def work(
            out: Annotated[Path, Output(name="{kind|source:stem}", type="{kind}", unwrap=True)],
            kind: str = "raw",
            source: str = "a.csv",
        ) -> None: ...
        """,
    )
    assert contract.outputs == (Output("{kind|source:stem}", "{kind}", key="out", path="out", unwrap=True),)


def test_choices_may_come_from_an_enum(tmp_path):
    contract = both(
        tmp_path,
        """
        class Method(Enum):
            MEAN = "mean"
            MEDIAN = "median"

        def work(method: Method) -> None: ...
        """,
    )
    assert contract.parameter("method").choices == ("mean", "median")


def test_what_may_not_be_seen_while_it_is_typed_in_is_a_secret(tmp_path):
    contract = both(
        tmp_path,
        """
        @step
        def work(api_key: Annotated[str, typer.Option(hide_input=True)], name: str) -> None: ...
        """,
    )
    assert [(parameter.name, parameter.secret) for parameter in contract.parameters] == [
        ("api_key", True),
        ("name", False),
    ]


def test_short_spellings_are_kept_for_the_terminal(tmp_path):
    contract = both(tmp_path, 'def work(rows: Annotated[int, typer.Option("--rows", "-n")] = 3) -> None: ...')
    assert contract.parameter("rows").aliases == ("-n",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def work(x: list[int]) -> None: ...", "neither a scalar nor an artifact"),
        ("def work(*numbers: int) -> None: ...", r"cannot take \*numbers"),
        ("def work(out: Annotated[pd.DataFrame, Output()]) -> None: ...", "must be annotated with Path"),
        ("def work() -> Annotated[pd.DataFrame, Output(type='x')]: ...", "needs a name or a key"),
        ("def work(a: Annotated[Path, Output('{b}')]) -> None: ...", "uses {b}, which is no parameter"),
        ("def work(a: Annotated[int, typer.Option(min=3)] = 1) -> None: ...", "the default of a takes"),
        ("def work(a: int) -> Annotated[dict, Output('a')]: ...", "names two things"),
    ],
)
def test_what_a_contract_cannot_say_is_refused_by_both_readers(tmp_path, source, message):
    script = tmp_path / f"script_{next(_numbers)}.py"
    script.write_text(HEADER + source + FOOTER)
    with pytest.raises(ContractError, match=message):
        contract_of_script(script)
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(ContractError, match=message):
        contract_of(module.work)


def test_the_source_is_never_executed(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(HEADER + "raise SystemExit('executed')\ndef work(a: int = 1) -> None: ...\n" + FOOTER)
    contract = contract_of_script(script)
    assert contract is not None
    assert contract.names() == ["a"]


def test_an_annotation_that_is_computed_is_reported_with_its_place():
    source = HEADER + "LOW = 1\ndef work(a: Annotated[int, typer.Option(min=LOW)] = 1) -> None: ...\n" + FOOTER
    with pytest.raises(ContractError, match="'LOW' is not literal") as caught:
        contract_of_source(source, "main.py")
    assert str(caught.value.place) == "main.py:10:45"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [("Input(name=3)", "Input takes a str as name, got 3"), ("Output(kind='x')", "Output takes no 'kind'")],
)
def test_what_an_annotation_does_not_take_is_reported_with_its_place(annotation, message):
    source = HEADER + f"def work(a: Annotated[Path, {annotation}]) -> None: ...\n" + FOOTER
    with pytest.raises(ContractError, match=message) as caught:
        contract_of_source(source, "main.py")
    assert str(caught.value.place) == "main.py:9:29"


def test_a_script_that_runs_no_step_function_has_no_contract_of_this_kind():
    assert contract_of_source("print('hello')", "main.py") is None


def test_broken_source_is_reported_with_its_line():
    with pytest.raises(ContractError, match="not Python") as caught:
        contract_of_source("x = 1\ndef (", "main.py")
    assert str(caught.value.place) == "main.py:2:5"
