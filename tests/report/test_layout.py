from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.report.layout import Box, Layout, lay_out


def places(layout: Layout) -> dict[str, tuple[float, float]]:
    return {placed.box.name: (placed.along, placed.across) for placed in layout.boxes}


def boxes(*names: str) -> list[Box]:
    return [Box(name, 100, 40) for name in names]


def test_a_step_comes_after_all_that_it_takes_from():
    found = places(lay_out(boxes("a", "b", "c"), [("a", "b"), ("b", "c"), ("a", "c")]))
    assert found["a"][0] < found["b"][0] < found["c"][0]


def test_a_chain_is_straight():
    found = places(lay_out(boxes("a", "b", "c"), [("a", "b"), ("b", "c")]))
    assert len({across for _, across in found.values()}) == 1


def test_a_line_over_a_layer_goes_round_its_boxes():
    layout = lay_out(boxes("a", "b", "c"), [("a", "b"), ("b", "c"), ("a", "c")])
    around = next(line for line in layout.lines if (line.source, line.target) == ("a", "c"))
    (_, top), in_the_way = places(layout)["b"], [across for _, across in around.points[1:-1]]
    assert len(in_the_way) == 2
    assert all(not top <= across <= top + 40 for across in in_the_way)


def test_lines_that_need_not_cross_do_not():
    found = places(lay_out(boxes("a", "b", "x", "y"), [("a", "y"), ("b", "x")]))
    assert (found["a"][1] < found["b"][1]) == (found["y"][1] < found["x"][1])


def test_an_edge_that_goes_back_is_left_out():
    layout = lay_out(boxes("a", "b"), [("a", "b"), ("b", "a"), ("a", "a"), ("a", "unknown")])
    assert [(line.source, line.target) for line in layout.lines] == [("a", "b")]


def test_nothing_to_draw_is_no_error():
    assert lay_out([], []) == Layout((), (), 0.0, 0.0)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[tuple[str, str]]]:
    count = draw(st.integers(1, 24))
    drawn = [Box(str(number), 100, draw(st.sampled_from([30.0, 52.0, 140.0]))) for number in range(count)]
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = draw(st.lists(pairs, max_size=40)) if count > 1 else []
    return drawn, [(str(source), str(target)) for source, target in edges]


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_no_two_boxes_overlap_and_all_are_inside_the_drawing(graph: tuple[list[Box], list[tuple[str, str]]]):
    layout = lay_out(*graph, gap=10)
    assert len(layout.boxes) == len(graph[0])
    for number, one in enumerate(layout.boxes):
        assert one.across >= -1e-6
        assert one.across + one.box.across <= layout.across + 1e-6
        assert one.along + one.box.along <= layout.along + 1e-6
        for other in layout.boxes[number + 1 :]:
            beside = (
                one.across + one.box.across <= other.across + 1e-6
                or other.across + other.box.across <= one.across + 1e-6
            )
            assert beside or one.along != other.along


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_every_line_goes_from_the_end_of_one_box_to_the_beginning_of_the_other(
    graph: tuple[list[Box], list[tuple[str, str]]],
):
    layout = lay_out(*graph)
    placed = {one.box.name: one for one in layout.boxes}
    assert {(line.source, line.target) for line in layout.lines} == set(graph[1])
    for line in layout.lines:
        source, target = placed[line.source], placed[line.target]
        assert line.points[0][0] == source.along + source.box.along
        assert line.points[-1][0] == target.along
        assert all(one[0] <= following[0] for one, following in zip(line.points, line.points[1:], strict=False))
