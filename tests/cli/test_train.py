"""`artifactflow train`: the report on standard output, the versions beside it."""

from pathlib import Path

import pytest


def test_json_holds_the_versions_and_nothing_else_is_printed(cli, table: Path):
    cli("artifacts", "put", table, "--type", "raw_data")
    answer = cli("train", "--data", "flats", "--target", "let", "--model-name", "lets", "--json")
    assert set(answer.json["outputs"]) == {"model", "metrics"}
    model, metrics = answer.json["outputs"]["model"], answer.json["outputs"]["metrics"]
    assert (model["name"], model["type"]) == ("lets", "model")
    assert (metrics["name"], metrics["type"]) == ("lets-metrics", "metrics")
    assert model["metadata"]["target"] == "let"
    assert model["run"] == metrics["run"] == answer.json["run"]
    assert answer.err == ""


def test_the_table_may_be_a_file_where_no_artifact_is_called_so(cli, table: Path, tmp_path: Path):
    for path in (table, table.relative_to(tmp_path), f"./{table.relative_to(tmp_path)}"):
        assert "accuracy" in cli("train", "--data", path, "--target", "let").out
    cli("train", "--data", "./none.csv", "--target", "let", code=2)
    assert "no such user's home" in cli("train", "--data", "~nobody-here/t.csv", "--target", "let", code=2).err
    assert {row["name"] for row in cli("artifacts", "ls", "--json").json} == {"model", "model-metrics"}


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["--test-size", "1.5"], 2, "test_size takes a number from 0.01 to 0.99, got 1.5", ""),
        (["--max-iter", "0"], 2, "max_iter takes a whole number of at least 1, got 0", ""),
        (["--random-seed", "x"], 2, "random_seed takes a whole number from 0 to 4294967295, got 'x'", ""),
        (["--estimator", "tree"], 2, "estimator takes one of auto, logistic-regression, random-forest", ""),
        (["--target", "let"], 2, "--target let names a column, but there is no table", "give one: --data NAME"),
        (["--data", "flats"], 2, "which column is to be predicted?", "size, side, let"),
        (["--data", "flts", "--target", "let"], 4, "there is no artifact 'flts'", "did you mean flats?"),
        (["--data", "flats", "--target", "lte"], 4, "the table has no column 'lte', it has: size, side, let", "let"),
        (["--data", "ones", "--target", "answer"], 2, "answer", ""),
        (["--data", "flats", "--target", "let", "--estimator", "ridge"], 2, "ridge", ""),
        (["--model-name", "a b"], 2, "'a b' cannot be an artifact name", "use letters"),
    ],
)
def test_what_is_wrong_names_what_is_allowed_and_nothing_is_stored(cli, table: Path, arguments, code, error, hint):
    ones = table.with_name("ones.csv")
    ones.write_text("x,answer\n" + "1,same\n" * 20)
    cli("artifacts", "put", table)
    cli("artifacts", "put", ones)
    failed = cli("train", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in failed.partition("hint: ")[2]
    assert {row["name"] for row in cli("artifacts", "ls", "--json").json} == {"flats", "ones"}
