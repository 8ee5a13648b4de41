"""How an option of a script becomes a parameter, an input, an output, and a word of the command."""

import subprocess
import sys

import pytest

from artifactflow.contract import Input
from artifactflow.parameters import REQUIRED, Parameter, ParameterType
from artifactflow.read.command import parse_command

ARGPARSE = "import argparse\nparser = argparse.ArgumentParser()\n{}\nargs = parser.parse_args()\n"


def option(text: str) -> str:
    return ARGPARSE.format(f"parser.add_argument({text})")


def test_types_defaults_choices_and_help_come_from_the_script(adopted):
    contract, remarks = adopted(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=float, default=1, help="share of the rows (default: %(default)s)")
        parser.add_argument("--seed", type=int, default="7")
        parser.add_argument("--method", choices=["mean", "median"], default="mean", help="100%% safe")
        parser.add_argument("--name", required=True)
        args = parser.parse_args()
        """
    )
    assert contract.parameters == (
        Parameter("size", ParameterType.FLOAT, default=1.0, description="share of the rows"),
        Parameter("seed", ParameterType.INT, default=7),
        Parameter("method", default="mean", choices=("mean", "median"), description="100% safe"),
        Parameter("name"),
    )
    assert contract.command == ("python main.py --size={size} --seed={seed} --method={method} --name={name}")
    assert remarks == []


def test_what_may_be_absent_is_appended_and_not_in_the_command(adopted):
    contract, _ = adopted(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--max-rows", type=int)
        parser.add_argument("--verbose", action="store_true")
        parser.add_argument("--no-cache", dest="cache", action="store_false")
        parser.add_argument("--shout", action=argparse.BooleanOptionalAction, default=True)
        parser.add_argument("--whisper", action=argparse.BooleanOptionalAction, default=False)
        args = parser.parse_args()
        """
    )
    assert contract.command == "python main.py"
    flag = {"default": None, "optional": True, "flag": True}
    assert contract.parameters == (
        Parameter("max-rows", ParameterType.INT, default=None, optional=True),
        Parameter("verbose", ParameterType.BOOL, **flag),
        Parameter("no-cache", ParameterType.BOOL, **flag),
        Parameter("no-shout", ParameterType.BOOL, **flag),
        Parameter("whisper", ParameterType.BOOL, **flag),
    )


def test_positionals_stand_in_their_order_and_short_options_take_the_next_word(adopted):
    contract, _ = adopted(
        """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("first")
        parser.add_argument("-k", type=int, default=3)
        parser.add_argument("second", type=int)
        parser.add_argument("--min-price", type=float, default=0.5)
        args = parser.parse_args()
        """
    )
    assert contract.command == "python main.py {first} -k {k} {second} --min-price={min_price}"
    assert [parameter.default for parameter in contract.parameters] == [REQUIRED, 3, REQUIRED, 0.5]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ('"--x", type=int, default=compute()', "default of --x is computed: not in the manifest"),
        ('"--x", default=10', "default of --x is 10 and no text, what is given is one: it may be left out"),
        ('"--x", type=bool, default=False', "type=bool takes every text but the empty one for true"),
        ('"--x", type=int, default=[1, 2]', "default of --x is no single value"),
        ('"--x", nargs="+"', "--x takes several values: the manifest hands over one"),
        ('"--x", type=convert', "the type of --x is computed: str"),
        ('"--x", choices=compute()', "the choices of --x are computed: not in the manifest"),
        ('"--x", help=compute()', "the help of --x is computed: not in the manifest"),
    ],
)
def test_what_is_not_known_is_said_and_the_option_may_still_be_given(adopted, text, remark):
    contract, remarks = adopted("def compute(): return open('x').read()\n" + option(text))
    assert [(one.name, one.optional) for one in contract.parameters] == [("x", True)]
    assert contract.command == "python main.py"
    assert any(line.startswith("main.py:4: ") and remark in line for line in remarks), remarks


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ('"x", nargs="?"', "x may be left out, and what is appended has a name: not in the manifest"),
        ('"-x", type=int', "-x has no long name to append it by: not in the manifest"),
        ('"--x", nargs=2', "--x takes 2 values, and a parameter holds one: not in the manifest"),
        (
            '"--x", nargs=2, required=True',
            "--x takes 2 values, and a parameter holds one: not in the manifest, "
            "and the script does not run without it",
        ),
    ],
)
def test_what_no_manifest_can_say_is_left_out_with_a_remark(adopted, text, remark):
    contract, remarks = adopted(option(text))
    assert contract.parameters == ()
    assert f"main.py:3: {remark}" in remarks


def test_a_read_path_is_an_input_and_a_written_one_an_output(adopted):
    contract, remarks = adopted(
        """
        import argparse
        import joblib
        import pandas as pd
        parser = argparse.ArgumentParser()
        parser.add_argument("--raw", required=True, help="the table")
        parser.add_argument("--lookup", default="lookup.csv")
        parser.add_argument("--clean", default="out/clean.csv", help="the result")
        parser.add_argument("--model", required=True)
        parser.add_argument("--log", type=argparse.FileType("a"), default="run.log")
        args = parser.parse_args()
        table = pd.concat([pd.read_csv(args.raw), pd.read_csv(args.lookup)])
        table.to_csv(args.clean)
        joblib.dump(table, args.model)
        """
    )
    assert contract.inputs == (
        Input("raw", description="the table"),
        Input("lookup", optional=True),
    )
    assert [(output.key, output.path, output.placeholder) for output in contract.outputs] == [
        ("clean", "out/clean.csv", True),
        ("model", "model.joblib", True),
        ("log", "run.log", True),
    ]
    assert contract.parameters == ()
    assert remarks == [
        "main.py:7: --lookup reads lookup.csv where no artifact is handed over",
        "main.py:9: where --model writes to is not stated: model.joblib",
    ]


@pytest.mark.parametrize("text", ['"--input_file", default="a.csv"', '"--x", type=Path, default="a"'])
def test_a_name_or_a_type_alone_makes_no_artifact(adopted, text):
    contract, remarks = adopted("from pathlib import Path\n" + option(text))
    assert (contract.inputs, contract.outputs) == ((), ())
    (parameter,) = contract.parameters
    assert parameter.type is ParameterType.STR
    assert "is read or written: a str parameter" in remarks[0]


def test_a_path_that_is_read_and_written_stays_a_parameter(adopted):
    contract, remarks = adopted(
        option('"--table", default="t.csv"') + "import pandas as pd\npd.read_csv(args.table).to_csv(args.table)\n"
    )
    assert [parameter.name for parameter in contract.parameters] == ["table"]
    assert remarks == ["main.py:3: --table is read and written: a str parameter"]


def test_click_options_and_flags(adopted):
    contract, _ = adopted(
        """
        import click
        import pandas as pd

        @click.command()
        @click.argument("raw")
        @click.option("--n-rows", default=3, show_default=True)
        @click.option("--out", required=True)
        @click.option("--loud/--quiet", default=False)
        def main(raw, n_rows, out, loud):
            pd.read_csv(raw).head(n_rows).to_parquet(out)

        if __name__ == "__main__":
            main()
        """
    )
    assert contract.command == "python main.py {raw} --n-rows={n_rows} --out={out}"
    assert [item.name for item in contract.inputs] == ["raw"]
    assert [(output.key, output.path) for output in contract.outputs] == [("out", "out.parquet")]
    assert contract.parameter("loud").flag


def test_typer_functions(adopted):
    contract, _ = adopted(
        """
        from pathlib import Path
        import pandas as pd
        import typer

        def main(raw: Path, rows: int = 3, quiet: bool = False):
            pd.read_csv(raw).head(rows)

        typer.run(main)
        """
    )
    assert contract.command == "python main.py {raw} --rows={rows}"
    assert [item.name for item in contract.inputs] == ["raw"]
    assert contract.parameter("quiet").flag


def test_arguments_by_position_in_sys_argv(adopted):
    contract, _ = adopted("import sys\nraw = sys.argv[1]\nrows = int(sys.argv[2])\nopen(raw).read()\n")
    assert contract.command == "python main.py {raw} {rows}"
    assert [item.name for item in contract.inputs] == ["raw"]
    assert contract.parameters == (Parameter("rows", ParameterType.INT),)


def test_hydra_keys_become_parameters_without_dots(adopted, script):
    script("model:\n  depth: 3\n  name: tree\n  limit: null\ndata: ???\n", "component/config.yaml")
    contract, remarks = adopted(
        """
        import hydra

        @hydra.main(config_path=".", config_name="config", version_base=None)
        def main(config):
            open(config.data).read()

        if __name__ == "__main__":
            main()
        """
    )
    assert set(contract.command.split()) == {
        "python",
        "main.py",
        "data={data}",
        "model.depth={model_depth}",
        "model.name={model_name}",
    }
    assert [item.name for item in contract.inputs] == ["data"]
    assert contract.parameter("model_depth").default == 3
    assert any("model.limit" in remark and "not in the manifest" in remark for remark in remarks)


def test_every_subcommand_is_an_entry_point(adopted):
    text = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--level", default="info")
        parser.add_argument("--debug", action="store_true")
        commands = parser.add_subparsers(dest="command", required=True)
        clean = commands.add_parser("clean")
        clean.add_argument("--rows", type=int, default=5)
        train = commands.add_parser("train")
        train.add_argument("data")
        args = parser.parse_args()
        print(vars(args))
        """
    clean, remarks = adopted(text, "clean")
    assert clean.command == "python main.py --level={level} clean --rows={rows}"
    assert any("--debug has to stand before the sub-command" in remark for remark in remarks)


def test_the_command_hands_the_script_what_the_manifest_says(adopted, tmp_path):
    contract, _ = adopted(
        """
        import argparse, json
        parser = argparse.ArgumentParser()
        parser.add_argument("text")
        parser.add_argument("--share", type=float, default=0.5)
        parser.add_argument("-n", type=int, default=1)
        parser.add_argument("--word", default="a b")
        parser.add_argument("--loud", action="store_true")
        print(json.dumps(vars(parser.parse_args()), sort_keys=True))
        """
    )
    values = {"text": "it's", "share": "0.25", "n": "7", "word": "--x $(y)"}
    argv = parse_command(contract.command).render(values, extra=[("loud", None)]).argv
    printed = subprocess.run(
        [sys.executable, *argv[1:]], cwd=tmp_path / "component", capture_output=True, text=True, check=True
    ).stdout
    assert printed == '{"loud": true, "n": 7, "share": 0.25, "text": "it\'s", "word": "--x $(y)"}\n'
