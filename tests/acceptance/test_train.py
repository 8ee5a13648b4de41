"""`artifactflow train` on tables with gaps and categories, for classes and for numbers."""

from collections.abc import Callable

import pytest

SIDES = ("north", "south", "east")


@pytest.fixture(scope="module")
def shell(new_shell: Callable):
    """A user with two tables in the store: what a flat costs, and whether it is let."""
    made = new_shell()
    rows = []
    for number in range(120):
        size = "" if number % 17 == 3 else 30 + number * 7 % 61
        side = "" if number % 23 == 5 else SIDES[number * 5 % 3]
        price = 400 + 9.5 * (30 + number * 7 % 61) + 40 * (number * 5 % 3) + number % 4
        rows.append(f"{size},{side},{number % 2 == 0},{price},{'yes' if price > 900 else 'no'}")
    (made.folder / "flats.csv").write_text("size,side,lift,price,dear\n" + "\n".join(rows) + "\n")
    made.artifactflow("download", "--file-url", "flats.csv", "--artifact-description", "Flats to let")
    return made


def test_a_numeric_target_is_a_regression(shell):
    options = ["--data", "flats", "--target", "price", "--model-name", "price"]
    printed = shell.artifactflow("train", *options).out
    assert [line.split()[0].rstrip(":") for line in printed.splitlines() if line][:3] == ["RMSE", "MAE", "R²"]
    model = shell.artifactflow("artifacts", "show", "price", "--json").json
    assert (model["metadata"]["task"], model["metadata"]["estimator"]) == ("regression", "hist-gradient-boosting")
    assert set(model["metadata"]["features"]) == {"size", "side", "lift", "dear"}


def test_a_target_of_texts_is_a_classification(shell):
    options = ["--data", "flats:v1", "--target", "dear", "--estimator", "random-forest", "--model-name", "dear"]
    printed = shell.artifactflow("train", *options).out
    assert printed.startswith("Model Accuracy: ")
    assert "\n\nClassification Report:\n" in printed
    model = shell.artifactflow("artifacts", "show", "dear", "--json").json
    assert (model["metadata"]["task"], model["metadata"]["classes"]) == ("classification", ["no", "yes"])


def test_the_model_is_linked_to_the_exact_version_of_the_data(shell):
    made = shell.artifactflow("artifacts", "lineage", "price", "--json").json
    assert [child["version"] for child in made["from"]] == ["flats:v1"]
    assert {
        row["outputs"]["model"] for row in shell.artifactflow("artifacts", "lineage", "flats", "--json").json["used_by"]
    } == {
        "price:v1",
        "dear:v1",
    }
