import subprocess
import sys

import pytest

from artifactflow.errors import IntegrityError
from artifactflow.formats.difference import difference


@pytest.fixture
def pair(tmp_path):
    def write(name, before, after):
        paths = []
        for side, text in (("before", before), ("after", after)):
            path = tmp_path / side / name
            path.parent.mkdir()
            path.write_text(text)
            paths.append(path)
        return paths

    return write


def test_a_table_has_rows_columns_types_and_a_summary_of_each_column(pair):
    found = difference(*pair("t.csv", "n,word\n1,x\n3,y\n", "n,more\n1.5,q\n,q\n"))
    assert found["rows"] == [2, 2]
    assert found["columns"] == {"added": ["more"], "removed": ["word"], "retyped": ["n"]}
    numbers, _ = found["summary"]["n"]
    assert {key: numbers[key] for key in ("count", "missing", "mean", "min", "max")} == {
        "count": 2, "missing": 0, "mean": 2.0, "min": 1, "max": 3,
    }  # fmt: skip
    assert found["summary"]["more"][0] is None
    assert found["summary"]["more"][1]["top"] == {"q": 2}


def test_a_column_without_any_value_has_no_mean(pair):
    (empty, _) = difference(*pair("t.csv", "n,m\n,1\n", "n,m\n1,1\n"))["summary"]["n"]
    assert (empty["count"], empty["missing"], empty["mean"]) == (0, 1, None)


def test_json_has_added_removed_and_changed_keys_at_any_depth(pair):
    found = difference(*pair("m.json", '{"a": {"b": 1, "c": [1, 2]}, "d": {}}', '{"a": {"b": 2, "c": [1]}, "e": null}'))
    assert found == {
        "kind": "json",
        "added": {"e": None},
        "removed": {"a.c[1]": 2, "d": {}},
        "changed": {"a.b": [1, 2]},
    }


def test_other_files_have_nothing_to_compare_and_pandas_is_left_alone(pair):
    paths = pair("model.skops", "a", "b")
    assert difference(*paths) is None
    code = "import sys; from pathlib import Path; from artifactflow.formats.difference import difference\n"
    code += "assert difference(Path(sys.argv[1]), Path(sys.argv[2])) is None; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *paths], check=True)


def test_a_file_that_is_not_what_its_ending_says_is_an_error(pair):
    with pytest.raises(IntegrityError, match="not JSON"):
        difference(*pair("m.json", "{}", "{"))
