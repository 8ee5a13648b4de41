"""All that is wrong with a pipeline file, at once."""

from pathlib import Path

import pytest

from artifactflow.errors import ContractError
from artifactflow.read.pipeline import read_pipeline
from artifactflow.read.pipeline_faults import MOST_FAULTS, pipeline_faults

WRONG = """\
name: a b
trakc: mlflow
parameters:
  seed: {type: intt}
  share: {type: float, default: x}
  fine: {type: int, default: 3}
steps:
  one.two: {component: a}
  one: {component: 3, retries: -1}
  two: {with: {a: 1}}
  three:
    component: t
    timeout: never
    matrix: {a: []}
    with: {x: "$", y: "${fine}", y: 3}
    tags: [1, a]
"""


def lines(file: Path) -> list[int]:
    return [fault.place.line for fault in pipeline_faults(file)]


def test_every_fault_is_told_with_its_place_and_none_that_another_made(tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text(WRONG)
    assert sorted(lines(file)) == [1, 2, 4, 5, 8, 9, 10, 13, 14, 15, 15, 16]


def test_the_first_is_the_one_that_reading_tells(tmp_path):
    file = tmp_path / "pipeline.yaml"
    file.write_text(WRONG)
    with pytest.raises(ContractError) as told:
        read_pipeline(file)
    assert str(next(pipeline_faults(file))) == str(told.value)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("name: [", 1),
        ("", 1),
        ("steps: {}", 1),
        ("steps: [a]", 1),
        ("steps: {a: {component: 1}}", 1),
        ("steps: {a: {component: b}}", 0),
        ("steps:\n" + "".join(f"  s{number}: 1\n" for number in range(80)), MOST_FAULTS),
    ],
)
def test_it_comes_to_an_end_whatever_is_wrong(tmp_path, text, count):
    file = tmp_path / "pipeline.yaml"
    file.write_text(text)
    assert len(lines(file)) == count
