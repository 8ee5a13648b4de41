"""Which options are paths that a script reads or writes: by its calls, never by names."""

import pytest

from artifactflow.adopt.path_uses import is_within, read_path_uses

START = """
import argparse, gzip, json, os, shutil
from pathlib import Path
import joblib
import numpy as np
import pandas as pd
parser = argparse.ArgumentParser()
parser.add_argument("--x")
args = parser.parse_args()
"""


def use_of_x(script, text):
    uses = read_path_uses(script(START + text)).options
    use = uses.get("x")
    return None if use is None else ("read" if use.read else "") + ("written" if use.written else "")


@pytest.mark.parametrize(
    "text",
    [
        "pd.read_csv(args.x)",
        "pd.read_csv(filepath_or_buffer=args.x)",
        "table = pd.read_parquet(Path(args.x))",
        "open(args.x).read()",
        "with open(args.x, encoding='utf-8') as file: json.load(file)",
        "with gzip.open(args.x, 'rb') as file: pass",
        "Path(args.x).read_text()",
        "with Path(args.x).open() as file: pass",
        "np.load(args.x)",
        "joblib.load(args.x)",
        "pd.read_csv(os.path.join(args.x, 'train.csv'))",
        "(Path(args.x) / 'train.csv').read_bytes()",
        "for file in Path(args.x).glob('*.csv'): pass",
        "def load(path):\n    return pd.read_csv(path)\nload(args.x)",
        "shutil.copy(args.x, 'here')",
    ],
)
def test_reading(script, text):
    assert use_of_x(script, text) == "read"


@pytest.mark.parametrize(
    "text",
    [
        "pd.DataFrame().to_csv(args.x)",
        "pd.DataFrame().to_csv(path_or_buf=args.x)",
        "joblib.dump({}, args.x)",
        "joblib.dump({}, filename=args.x)",
        "np.save(args.x, [1])",
        "with open(args.x, 'w') as file: json.dump({}, file)",
        "with open(args.x, mode='wb') as file: pass",
        "Path(args.x).write_text('a')",
        "with Path(args.x).open('w') as file: pass",
        "import matplotlib.pyplot as plt\nplt.savefig(args.x)",
        "os.makedirs(args.x, exist_ok=True)",
        "Path(args.x).mkdir()\n(Path(args.x) / 'a.json').write_text('a')",
        "shutil.copy('here', args.x)",
    ],
)
def test_writing(script, text):
    assert use_of_x(script, text) == "written"


@pytest.mark.parametrize(
    "text",
    ["print(args.x)", "pd.read_csv(f'{args.x}.csv')", "pd.read_csv('data.csv', sep=args.x)", "open('a', args.x)"],
)
def test_neither(script, text):
    assert use_of_x(script, text) is None


def test_the_ending_tells_what_is_written(script):
    assert read_path_uses(script(START + "pd.DataFrame().to_parquet(args.x)")).options["x"].ending == ".parquet"


def test_literal_paths_that_are_written_or_deleted_are_known(script):
    found = read_path_uses(script(START + "pd.DataFrame().to_csv('a.csv')\nos.remove('b.csv')\nPath('c').unlink()"))
    assert list(found.written) == ["a.csv"]
    assert {text.text for text in found.removed} == {"b.csv", "c"}


@pytest.mark.parametrize(
    ("path", "within"), [("a/b.csv", True), ("/a", False), ("../a", False), ("a/../../b", False), ("", False)]
)
def test_what_lies_within_the_folder(path, within):
    assert is_within(path) is within
