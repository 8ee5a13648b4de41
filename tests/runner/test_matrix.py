"""A step with a matrix is its cells; whoever takes its output takes all of them."""

import json

import pytest

from artifactflow.errors import ContractError, StepFailedError
from artifactflow.runner import Options

COLLECT = """
    name: collect
    entry_points:
      main:
        parameters:
          all: {type: path, artifact: text}
          report: {type: str, default: report.json}
        outputs:
          report: {type: report, path: report.json}
        command: python main.py {all} {report}
"""
COLLECT_MAIN = """
    import json, pathlib, sys
    folder = pathlib.Path(sys.argv[1])
    rows = json.loads((folder / "index.json").read_text())
    found = [[row["cell"], row["version"], (folder / row["path"]).read_text()] for row in rows]
    json.dump(found, open(sys.argv[2], "w"))
"""
PIPELINE = """
    steps:
      make: {component: make, matrix: {word: [b, a], count: [1, 2]}}
      collect: {component: collect, with: {all: "${make.made}"}}
"""


@pytest.fixture
def matrix(project):
    project.component("collect", COLLECT, main=COLLECT_MAIN)
    project.pipeline(PIPELINE)
    return project


def test_cells_are_named_and_gathered_in_matrix_order(matrix):
    record = matrix.run(Options(jobs=2))
    assert [outcome.step for outcome in record.steps] == [
        "make[word=b,count=1]",
        "make[word=b,count=2]",
        "make[word=a,count=1]",
        "make[word=a,count=2]",
        "collect",
    ]
    assert matrix.json("report") == [
        ["word=b,count=1", "made:v1", "b"],
        ["word=b,count=2", "made:v2", "bb"],
        ["word=a,count=1", "made:v3", "a"],
        ["word=a,count=2", "made:v4", "aa"],
    ]


def test_versions_are_numbered_in_matrix_order_whatever_cell_is_done_first(matrix):
    main = matrix.folder / "make" / "main.py"
    main.write_text("import sys, time\ntime.sleep(0.3 if '--word=b' in sys.argv else 0)\n" + main.read_text())
    matrix.run(Options(jobs=4))
    assert [row[1] for row in matrix.json("report")] == ["made:v1", "made:v2", "made:v3", "made:v4"]
    assert matrix.store.aliases("made")["latest"] == 4


def test_the_lineage_of_what_gathered_names_every_cell(matrix):
    record = matrix.run()
    run = matrix.store.run(record.steps[-1].run_id)
    assert run.inputs == {
        "all[word=b,count=1]": "made:v1",
        "all[word=b,count=2]": "made:v2",
        "all[word=a,count=1]": "made:v3",
        "all[word=a,count=2]": "made:v4",
    }


def test_a_new_cell_runs_alone_and_what_gathers_runs_again(matrix):
    matrix.run()
    matrix.pipeline(PIPELINE.replace("[b, a]", "[b, a, c]"))
    decisions = matrix.decisions()
    assert [name for name, decision in decisions.items() if decision == "RUN"] == [
        "make[word=c,count=1]",
        "make[word=c,count=2]",
        "collect",
    ]


def test_an_unchanged_matrix_is_reused(matrix):
    matrix.run()
    assert set(matrix.decisions().values()) == {"REUSE"}


def test_a_failed_cell_fails_the_run_and_keeps_the_others(matrix):
    main = matrix.folder / "make" / "main.py"
    main.write_text("import sys\nif '--word=a' in sys.argv: raise SystemExit(4)\n" + main.read_text())
    with pytest.raises(StepFailedError, match="2 steps failed"):
        matrix.run(Options(keep_going=True, jobs=1))
    outcomes = {outcome.step: outcome.decision for outcome in matrix.store.pipeline_runs(1)[0].steps}
    assert outcomes == {
        "make[word=b,count=1]": "RUN",
        "make[word=b,count=2]": "RUN",
        "make[word=a,count=1]": "FAILED",
        "make[word=a,count=2]": "FAILED",
        "collect": "BLOCKED",
    }


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{component: make, matrix: {wrod: [a]}}", "sets 'wrod'"),
        ("{component: make, matrix: {word: []}}", "matrix word has no values"),
        ("{component: make, matrix: {word: [a, a]}}", "has a value twice"),
        ("{component: make, matrix: {word: a}}", "must be a list"),
        ("{component: make, matrix: {count: [1, 99]}}", "from 1 to 9, got 99"),
        ("{component: make, with: {word: a}, matrix: {word: [b]}}", "under with: and under matrix:"),
        ("{component: shout, matrix: {text: [b]}}", "text is an input, a matrix varies parameters"),
    ],
)
def test_a_wrong_matrix_is_refused(project, step, message):
    project.pipeline(f"steps: {{one: {step}}}")
    with pytest.raises(ContractError, match=message):
        project.plan()


def test_values_of_a_matrix_are_harmless_as_folder_names(matrix):
    matrix.pipeline(
        'steps: {make: {component: make, matrix: {word: ["../x", "a/b"]}}, '
        'collect: {component: collect, with: {all: "${make.made}"}}}'
    )
    matrix.run()
    assert json.dumps(matrix.json("report")).count("made:v") == 2


def test_what_gathers_is_planned_before_any_cell_has_run(matrix):
    assert matrix.plan()["collect"] == ("RUN", "follows make")


def test_a_cell_that_changes_runs_and_what_gathers_follows_it(matrix):
    matrix.run()
    matrix.pipeline(PIPELINE.replace("[b, a]", "[b, c]"))
    planned = matrix.plan()
    assert [decision for decision, _ in planned.values()] == ["REUSE", "REUSE", "RUN", "RUN", "RUN"]
    assert planned["collect"] == ("RUN", "follows make")
    matrix.run()
    assert [row[2] for row in matrix.json("report")] == ["b", "bb", "c", "cc"]
