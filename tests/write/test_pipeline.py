"""Pipeline → pipeline.yaml → the same pipeline."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.artifact import ArtifactRef
from artifactflow.errors import ContractError
from artifactflow.parameters import REQUIRED, Parameter, ParameterType, format_value
from artifactflow.pipeline import (
    EnvironmentMode,
    Interpolation,
    Literal,
    OutputOf,
    ParameterName,
    Pipeline,
    Step,
    Stored,
)
from artifactflow.read.pipeline import read_pipeline, read_pipeline_text
from artifactflow.write.pipeline import WIDTH, write_pipeline_text

FILE = Path("/project/pipeline.yaml")

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,11}", fullmatch=True)
dotted = st.lists(names, min_size=1, max_size=3).map(".".join)
artifact_names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,11}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("${}:#'\"\\-?!&*%@`|>, \n\t"), max_size=20)
words = st.sampled_from(["no", "null", "~", "1.10", "010", "1e-3", "2024-01-02", "true", "", "=", "<<", "0x1F", "1:30"])
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False)
literals = (texts | words | numbers | st.booleans() | st.none()).map(Literal)
cells = texts | numbers | st.booleans()
outputs = st.builds(OutputOf, names, names)
stored = st.builds(ArtifactRef, artifact_names, artifact_names).map(Stored)


def parts(text: str):
    """A text as the reader keeps it: every dollar on its own."""
    pieces = [piece for piece in text.split("$") for piece in (piece, "$")][:-1]
    return [piece for piece in pieces if piece]


@st.composite
def interpolations(draw, parameters):
    found = [*parts(draw(texts)), ParameterName(draw(st.sampled_from(parameters))), *parts(draw(texts))]
    return Interpolation(tuple(found))


@st.composite
def parameters(draw, name):
    kind = draw(st.sampled_from(ParameterType))
    values = {
        ParameterType.INT: st.integers(-1000, 1000),
        ParameterType.FLOAT: st.floats(-1e6, 1e6),
        ParameterType.BOOL: st.booleans(),
    }.get(kind, texts | words)
    optional = draw(st.booleans())
    bounded = kind in (ParameterType.INT, ParameterType.FLOAT) and draw(st.booleans())
    return Parameter(
        name,
        kind,
        default=draw(values | st.just(REQUIRED) | (st.none() if optional else st.nothing())),
        optional=optional,
        description=draw(texts),
        minimum=-1e6 if bounded else None,
        maximum=10**6 if bounded else None,
        secret=draw(st.booleans()),
    )


@st.composite
def pipelines(draw):
    declared = draw(st.lists(dotted, min_size=1, max_size=4, unique=True))
    bindings = (
        literals | stored | interpolations(declared) | outputs.filter(lambda o: f"{o.step}.{o.key}" not in declared)
    )
    steps = [
        Step(
            name=name,
            component=draw(texts.filter(bool)),
            entry_point=draw(st.just("main") | texts),
            bindings=draw(st.dictionaries(names | words.filter(bool), bindings, max_size=4)),
            matrix=draw(
                st.dictionaries(names, st.lists(cells, min_size=1, max_size=3, unique_by=format_value).map(tuple))
            ),
            retries=draw(st.integers(0, 5)),
            timeout=draw(st.none() | st.integers(1, 10**6).map(lambda tenths: tenths / 10)),
            tags=tuple(draw(st.lists(words, max_size=2))),
            after=tuple(draw(st.lists(words, max_size=2))),
            env=draw(st.none() | st.sampled_from(EnvironmentMode)),
            cache=draw(st.booleans()),
        )
        for name in draw(st.lists(artifact_names, min_size=1, max_size=3, unique=True))
    ]
    return Pipeline(
        name=draw(artifact_names),
        folder=FILE.parent,
        file=FILE,
        parameters=tuple(draw(parameters(name)) for name in declared),
        steps=tuple(steps),
    )


def without_places(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, steps=tuple(replace(step, place=None) for step in pipeline.steps))


@settings(max_examples=150, deadline=None)
@given(pipelines())
def test_what_is_written_reads_back_as_the_same_pipeline(pipeline):
    text = write_pipeline_text(pipeline)
    read = without_places(read_pipeline_text(text, FILE))
    assert read == pipeline
    for written, found in zip(pipeline.steps, read.steps, strict=True):
        kinds = {name: type(b.value) for name, b in written.bindings.items() if isinstance(b, Literal)}
        assert {name: type(found.bindings[name].value) for name in kinds} == kinds


@pytest.mark.parametrize("name", ["housing", "iris"])
def test_the_examples_survive(repository, name):
    file = repository / "examples" / name / "pipeline.yaml"
    pipeline = read_pipeline(file)
    again = read_pipeline_text(write_pipeline_text(pipeline), file)
    assert without_places(again) == replace(without_places(pipeline), config={})


def test_config_heading_and_comments_stand_where_they_belong():
    steps = (Step("first", "a"), Step("second", "b", bindings={"x": Literal(1)}))
    text = write_pipeline_text(
        Pipeline("two", Path(), steps),
        config="config.yaml",
        heading=["From main.py."],
        comments={"second": ["after: first"]},
    )
    assert text == (
        "# From main.py.\nname: two\nconfig: config.yaml\nsteps:\n  first:\n    component: a\n"
        "  # after: first\n  second:\n    component: b\n    with: {x: 1}\n"
    )


def test_a_long_mapping_is_written_one_key_a_line():
    step = Step("train", "train", bindings={f"parameter_{number}": Literal("v" * 20) for number in range(5)})
    text = write_pipeline_text(Pipeline("long", Path(), (step,)))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert yaml.safe_load(text)["steps"]["train"]["with"]["parameter_4"] == "v" * 20


def test_a_comment_with_a_line_end_stays_a_comment():
    text = write_pipeline_text(Pipeline("a", Path(), (Step("s", "c"),)), comments={"s": ["one\ntwo: 2"]})
    assert read_pipeline_text(text, FILE).steps[0].component == "c"
    assert "# two: 2" in text


def test_a_literal_that_would_be_read_as_an_artifact_is_refused():
    step = Step("s", "c", bindings={"x": Literal("artifactflow:/housing/latest")})
    with pytest.raises(ContractError, match="would be read as a stored artifact"):
        write_pipeline_text(Pipeline("a", Path(), (step,)))
