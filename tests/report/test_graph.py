import pytest

from artifactflow.report.facts import StepReport
from artifactflow.report.graph import LEAST_SCALE, PAGE_WIDTH, draw, drawings, overall
from artifactflow.runs import StepOutcome


def step(name: str, *upstream: str, decision: str = "RUN") -> StepReport:
    return StepReport(StepOutcome(name, decision, "never run", seconds=1.0), None, False, 0.0, upstream, None)


def cells(count: int, *upstream: str) -> list[StepReport]:
    return [step(f"train[depth={number}]", *upstream) for number in range(count)]


def test_the_cells_of_a_matrix_share_a_box_with_a_row_each():
    drawing = draw(
        [step("load"), *cells(3, "load"), step("compare", *(f"train[depth={n}]" for n in range(3)))], downwards=False
    )
    load, train, compare = drawing.boxes
    assert [row.text for row in train.rows] == ["depth=0", "depth=1", "depth=2"]
    assert train.line.startswith("3 cells · RUN")
    assert load.x < train.x < compare.x
    assert len(drawing.paths) == 2


def test_many_cells_are_told_in_counts_that_lead_to_the_first_of_their_kind():
    members = [*cells(9), step("train[depth=9]", decision="FAILED")]
    (box,) = draw(members, downwards=False).boxes
    assert [(row.text, row.decision, row.step) for row in box.rows] == [
        ("9 cells", "RUN", "train[depth=0]"),
        ("1 cell", "FAILED", "train[depth=9]"),
    ]


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        (["REUSE", "RUN"], "RUN"),
        (["RUN", "FAILED", "BLOCKED"], "FAILED"),
        (["SKIP", "REUSE"], "REUSE"),
        (["NEW"], "NEW"),
    ],
)
def test_a_box_shows_the_worst_of_its_cells(decisions: list[str], expected: str):
    assert overall([step(f"a[n={n}]", decision=decision) for n, decision in enumerate(decisions)]) == expected


def test_the_same_graph_downwards_has_its_layers_below_each_other():
    upper, lower = draw([step("load"), step("train", "load")], downwards=True).boxes
    assert upper.x == lower.x
    assert upper.y + upper.height < lower.y


def test_a_short_pipeline_is_drawn_to_the_right_in_a_wide_window():
    wide, tall = drawings([step("a"), step("b", "a"), step("c", "b")])
    assert wide.width > wide.height
    assert tall.height > tall.width


def test_a_long_chain_is_drawn_downwards_in_every_window():
    wide, tall = drawings([step(f"s{n}", f"s{n - 1}") for n in range(60)])
    assert wide == tall
    assert wide.width * LEAST_SCALE < PAGE_WIDTH


def test_sixty_steps_side_by_side_are_all_drawn():
    steps = [
        step("load"),
        *(step(f"fit_{n}", "load") for n in range(58)),
        step("best", *(f"fit_{n}" for n in range(58))),
    ]
    drawing = draw(steps, downwards=False)
    assert len(drawing.boxes) == 60
    assert len(drawing.paths) == 116
    assert all(0 < box.x < drawing.width and 0 < box.y + box.height < drawing.height for box in drawing.boxes)


def test_a_step_that_did_not_run_has_no_duration():
    (box,) = draw([step("a", decision="BLOCKED")], downwards=False).boxes
    assert box.line == "BLOCKED"


def test_a_long_name_is_cut_and_told_in_full_on_the_side():
    (box,) = draw([step("a_name_that_is_longer_than_its_box")], downwards=False).boxes
    assert box.name == "a_name_that_is_l…"
    assert box.full.startswith("a_name_that_is_longer_than_its_box: RUN")
