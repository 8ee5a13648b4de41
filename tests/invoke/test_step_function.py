"""`python main.py` with nothing but `run(function)` at its end."""

import enum
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd
import pytest

from artifactflow.contract import Input, Output
from artifactflow.errors import StepFailedError
from artifactflow.formats.metadata import METADATA_VARIABLE, read_metadata
from artifactflow.invoke.step_function import call_step_function

SCRIPT = '''
from pathlib import Path
from typing import Annotated, NamedTuple
import pandas as pd
import typer
from artifactflow import Input, Output, run, step


class Made(NamedTuple):
    clean: Annotated[pd.DataFrame, Output("clean", type="clean_data", description="The cleaned table")]
    counts: Annotated[dict, Output("counts", type="metrics")]


@step
def clean(
    raw: Annotated[pd.DataFrame, Input(type="raw_data", description="The table to clean")],
    notes: Annotated[Path, Output(description="What was done", path="notes.txt")],
    min_price: Annotated[float, typer.Option(help="Lowest price kept, in USD", min=0)] = 10,
    limit: Annotated[int | None, typer.Option(help="Rows to read")] = None,
    fast: bool = False,
) -> Made:
    """Keep the rows inside the price range."""
    notes.write_text(f"{min_price} {limit} {fast}")
    kept = raw[raw.price >= min_price].head(limit)
    return Made(kept, {"kept": len(kept)})


if __name__ == "__main__":
    run(clean)
'''


@pytest.fixture
def main(tmp_path):
    (tmp_path / "main.py").write_text(SCRIPT)
    (tmp_path / "raw.csv").write_text("price\n5\n20\n30\n")

    def run(*arguments, script="main.py"):
        return subprocess.run(
            [sys.executable, script, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    return run


def test_inputs_are_read_and_outputs_written_by_their_annotations(main, tmp_path):
    done = main("--raw=raw.csv", "--clean=out/clean.parquet.csv", "--counts=c.json", "--limit=1", "--fast=true")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "out" / "clean.parquet.csv").price.tolist() == [20]
    assert json.loads((tmp_path / "c.json").read_text()) == {"kept": 1}
    assert (tmp_path / "notes.txt").read_text() == "10.0 1 True"


def test_as_mlflow_writes_options(main, tmp_path):
    done = main("--raw=raw.csv", "--min_price=25", "--limit=", "--fast=false")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "clean.csv").price.tolist() == [30]


def test_the_help_comes_from_the_contract(main):
    shown = " ".join(main("--help").stdout.split())
    for words in (
        "Keep the rows",
        "--raw PATH",
        "--min-price NUMBER",
        "a number of at least 0",
        "--no-fast",
        "notes.txt",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "error: the input raw is missing\nhint: give it: --raw=…"),
        (["--raw=no.csv"], 6, "error: the input no.csv does not exist"),
        (["--raw=~nobody-here/no.csv"], 2, "error: ~nobody-here/no.csv: there is no such user's home folder"),
        (["--raw=raw.csv", "--min-price=-1"], 2, "error: min_price takes a number of at least 0, got -1.0"),
        (["--raw=raw.csv", "--limit=x"], 2, "error: limit takes a whole number, got 'x'"),
        (["--raw=raw.csv", "--limt=1"], 2, "--limit"),
    ],
)
def test_bad_input_is_one_message_and_no_traceback(main, arguments, code, message):
    done = main(*arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_step_that_returns_less_than_it_promised_fails(main, tmp_path):
    (tmp_path / "less.py").write_text(SCRIPT.replace('return Made(kept, {"kept": len(kept)})', "return None"))
    done = main("--raw=raw.csv", script="less.py")
    assert done.returncode == 6
    assert "clean returned NoneType, its contract promises clean, counts" in done.stderr
    assert not (tmp_path / "clean.csv").exists()


def test_what_the_function_raises_is_shown_with_its_traceback(main, tmp_path):
    (tmp_path / "broken.py").write_text(
        SCRIPT.replace("notes.write_text", "raise ValueError('mine'); notes.write_text")
    )
    done = main("--raw=raw.csv", script="broken.py")
    assert done.returncode == 1
    assert "ValueError: mine" in done.stderr


def test_an_input_that_is_returned_stays_where_it_is(main, tmp_path):
    (tmp_path / "same.py").write_text(
        "from pathlib import Path\n"
        "from typing import Annotated\n"
        "from artifactflow import Input, Output, run\n"
        "def same(raw: Annotated[Path, Input()]) -> Annotated[Path, Output('same', path='same.csv')]:\n"
        "    return raw\n"
        "run(same)\n"
    )
    done = main("--raw=raw.csv", script="same.py")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "same.csv").read_text() == (tmp_path / "raw.csv").read_text()


def test_a_step_function_stays_an_ordinary_function(tmp_path):
    source = textwrap.dedent(
        """
        from artifactflow import step

        @step
        def double(x: int = 2) -> None:
            print(x * 2)

        double(4)
        """
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert done.stdout == "8\n"


# The call itself, in this process.


class Pair(NamedTuple):
    one: Annotated[dict, Output()]
    two: Annotated[dict, Output()]


class Described(NamedTuple):
    table: Annotated[pd.DataFrame, Output()]
    facts: Annotated[dict, Output()]


def test_a_sequence_that_is_returned_for_one_output_is_one_value(tmp_path):
    def sizes() -> Annotated[list, Output("sizes")]:
        return (1, 2, 3)

    call_step_function(sizes, {"sizes": str(tmp_path / "sizes.json")})
    assert json.loads((tmp_path / "sizes.json").read_text()) == [1, 2, 3]


@pytest.mark.parametrize("returned", [None, (), ({"a": 1},), ({"a": 1}, None), ({"a": 1}, {"b": 1}, {"c": 1})])
def test_of_several_outputs_each_must_be_returned(tmp_path, returned):
    def pair() -> Pair:
        return returned

    with pytest.raises(StepFailedError, match=r"pair returned .*, its contract promises one, two"):
        call_step_function(pair, {key: str(tmp_path / f"{key}.json") for key in ("one", "two")})
    assert list(tmp_path.iterdir()) == []


def test_values_arrive_in_the_type_of_the_annotation_and_absent_ones_as_none():
    class Method(enum.Enum):
        MEAN = "mean"

    given = {}

    def see(path: Path, method: Method, rate: float, word: str | None, raw: Annotated[Path | None, Input()]) -> None:
        given.update(path=path, method=method, rate=rate, word=word, raw=raw)

    call_step_function(see, {"path": "a/b", "method": "mean", "rate": 0.5, "word": None, "raw": None})
    assert given == {"path": Path("a/b"), "method": Method.MEAN, "rate": 0.5, "word": None, "raw": None}


def test_an_input_that_is_returned_is_copied_though_it_is_a_folder(tmp_path):
    def same(raw: Annotated[Path, Input()]) -> Annotated[Path, Output("same")]:
        return raw

    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "file").write_text("kept")
    call_step_function(same, {"raw": str(tmp_path / "raw"), "same": str(tmp_path / "out" / "same")})
    assert [(tmp_path / place / "file").read_text() for place in ("raw", "out/same")] == ["kept", "kept"]


def test_of_a_table_the_number_of_rows_and_the_columns_are_noted_and_of_others_nothing(tmp_path, monkeypatch):
    def both() -> Described:
        return Described(pd.DataFrame({"a": [1, 2, 3], 7: [4, 5, 6]}), {"a": 1})

    monkeypatch.setenv(METADATA_VARIABLE, str(tmp_path / "metadata.json"))
    call_step_function(both, {"table": str(tmp_path / "table.csv"), "facts": str(tmp_path / "facts.json")})
    known = read_metadata(tmp_path / "metadata.json")
    assert known["table"] == {"rows": 3, "columns": ["a", "7"]}
    assert not known.get("facts")
