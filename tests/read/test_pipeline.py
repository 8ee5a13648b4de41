"""pipeline.yaml: what it may say, and what is said of it where it is wrong."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactflow.artifact import ArtifactRef
from artifactflow.errors import ArtifactflowError, ContractError, NotFoundError
from artifactflow.parameters import REQUIRED, ParameterType
from artifactflow.pipeline import Interpolation, Literal, OutputOf, ParameterName, Stored
from artifactflow.read.pipeline import read_pipeline, read_pipeline_text

FULL = """
name: housing
parameters:
  file_url: {type: uri, default: "https://host/a.tgz", description: The archive}
  seed: 7
  share: {type: float, minimum: 0, maximum: 1}
steps:
  download: {component: artifactflow:download, with: {file_url: "${file_url}", artifact_name: housing}}
  clean:
    component: components/clean
    entry_point: tidy
    with:
      raw: ${download.dataset}
      extra: artifactflow:/lookup/champion
      title: "seed ${seed} costs $$5"
      low: 10
      name: plain
    cache: false
"""


def read(text: str):
    return read_pipeline_text(text, Path("pipeline.yaml"))


def test_bindings_are_literals_parameters_outputs_and_stored_artifacts():
    pipeline = read(FULL)
    clean = pipeline.step("clean")
    assert clean.bindings == {
        "raw": OutputOf("download", "dataset"),
        "extra": Stored(ArtifactRef("lookup", "champion")),
        "title": Interpolation(("seed ", ParameterName("seed"), " costs ", "$", "5")),
        "low": Literal(10),
        "name": Literal("plain"),
    }
    assert (clean.entry_point, clean.cache, clean.component) == ("tidy", False, "components/clean")
    assert pipeline.step("download").bindings["file_url"] == Interpolation((ParameterName("file_url"),))


def test_parameters_have_types_bounds_and_a_short_form():
    file_url, seed, share = read(FULL).parameters
    assert (file_url.type, file_url.default) == (ParameterType.URI, "https://host/a.tgz")
    assert (seed.type, seed.default) == (ParameterType.INT, 7)
    assert (share.default, share.minimum, share.maximum) == (REQUIRED, 0, 1)


def test_the_name_defaults_to_the_folder(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("steps: {a: {component: x}}")
    assert read_pipeline(tmp_path / "pipeline.yaml").name == tmp_path.name


def test_config_values_are_flattened_and_keep_their_place(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("config: c.yaml\nsteps: {a: {component: x}}")
    (tmp_path / "c.yaml").write_text("seed: 3\na:\n  share: 0.5\n")
    config = read_pipeline(tmp_path / "pipeline.yaml").config
    assert config["seed"][0] == 3
    assert config["a.share"][0] == 0.5
    assert str(config["a.share"][1]).endswith("c.yaml:3:10")


def test_another_config_file_takes_the_place_of_the_pipelines_own(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("config: c.yaml\nsteps: {a: {component: x}}")
    (tmp_path / "other.yaml").write_text("seed: 4")
    assert read_pipeline(tmp_path / "pipeline.yaml", tmp_path / "other.yaml").config["seed"][0] == 4


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "the pipeline file is empty", "pipeline.yaml:1"),
        ("- a", "a pipeline must be a mapping", "pipeline.yaml:1:1"),
        ("name: x", "at least one step", "pipeline.yaml:1:1"),
        ("name: x\nstep: {}", "unknown key 'step'", "pipeline.yaml:2:1"),
        ("steps:\n  a: {componnent: x}", "unknown key 'componnent'", "pipeline.yaml:2:7"),
        ("steps:\n  a: {with: {}}", "step a names no component", "pipeline.yaml:2:3"),
        ("steps:\n  a b: {component: x}", "'a b' cannot be a step name", "pipeline.yaml:2:3"),
        ("steps:\n  a.b: {component: x}", "a dot ends a step's name", "pipeline.yaml:2:3"),
        ("steps:\n  a: {component: x, with: {y: '$x'}}", "a '\\$' stands alone", "pipeline.yaml:2:31"),
        ("steps:\n  a: {component: x, with: {y: 'a ${b.c}'}}", "cannot be part of a text", "pipeline.yaml:2:31"),
        ("steps:\n  a: {component: x, with: {y: '${}'}}", "names nothing", "pipeline.yaml:2:31"),
        ("steps:\n  a: {component: x, with: {y: [1]}}", "must be a single value", "pipeline.yaml:2:31"),
        ("steps: {a: {component: x}}\nsteps: {b: {component: x}}", "stated a second time", "pipeline.yaml:2:1"),
        ("parameters:\n  a: {type: intt}\nsteps: {b: {component: x}}", "has the type 'intt'", "pipeline.yaml:2:13"),
        ("parameters:\n  a: {type: int, default: x}\nsteps: {b: {component: x}}", "a takes a whole number", ":2:27"),
        (
            "steps:\n  a: {component: x, env: docker}",
            "env must be one of auto, current, uv, conda, got 'docker'",
            ":2:26",
        ),
        ("name: [\n", "YAML|flow|expected", "pipeline.yaml:"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, message, place):
    with pytest.raises(ContractError, match=message) as caught:
        read(text)
    assert place in str(caught.value.place)


def test_a_missing_config_file_is_reported_where_it_is_named(tmp_path):
    (tmp_path / "pipeline.yaml").write_text("config: c.yaml\nsteps: {a: {component: x}}")
    with pytest.raises(NotFoundError) as caught:
        read_pipeline(tmp_path / "pipeline.yaml")
    assert str(caught.value.place).endswith("pipeline.yaml:1:9")


@given(st.text(max_size=200) | st.text(st.sampled_from("{}[]:,$&*!|>'\"% \n-ab.steps"), max_size=200))
def test_no_text_gives_anything_but_a_pipeline_or_an_error_of_ours(text):
    with contextlib.suppress(ArtifactflowError):
        read(text)
