"""The schemas accept what the readers accept, and refuse the keys that the readers refuse."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactflow.errors import ContractError
from artifactflow.parameters import TYPE_SYNONYMS
from artifactflow.read import mlproject, mlproject_parameters, pipeline, pipeline_parameters, pipeline_steps
from artifactflow.read.mlproject import read_manifest
from artifactflow.read.pipeline import read_pipeline_text
from artifactflow.schema import SCHEMAS, Schema, mlproject_schema, pipeline_schema

jsonschema = pytest.importorskip("jsonschema")

PIPELINE = {
    "name": "flats",
    "config": "config.yaml",
    "parameters": {
        "seed": 7,
        "etl.url": {"type": "uri", "default": None, "description": "Where", "secret": True},
        "share": {"type": "Float", "minimum": 0, "maximum": "1e-3", "choices": [0.5], "optional": True},
    },
    "steps": {
        "clean": {
            "component": "clean",
            "entry_point": "main",
            "with": {"a": None, "b": "${seed}"},
            "env": "uv",
            "cache": False,
        }
    },
}
MLPROJECT = {
    "name": "clean",
    "conda_env": "conda.yaml",
    "entry_points": {
        "main": {
            "description": "Clean",
            "parameters": {
                "raw": {"type": "path", "artifact": "raw_data", "description": "The table"},
                "rows": {"type": "int", "default": 3, "minimum": 1, "maximum": 9, "choices": [1, 3]},
                "share": "float",
                "out": {"type": "str", "default": "out.csv"},
            },
            "optional_parameters": {"loud": {"type": "bool", "flag": True, "secret": False}},
            "outputs": {
                "out": {"name": "clean", "type": "clean_data", "path": "out.csv", "unwrap": False},
                "log": "a.log",
            },
            "env": ["TOKEN"],
            "include": ["*.json"],
            "cache": True,
            "command": "python main.py {raw} {rows} {share} {out}",
        }
    },
}


def accepts(schema: Schema, document: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(document))


def data(text: str) -> object:
    """A YAML text as an editor hands it to a schema: plain JSON, a date its text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_valid(name):
    schema = SCHEMAS[name]()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_keys_are_those_of_the_readers():
    flats = pipeline_schema()
    assert list(flats["properties"]) == list(pipeline.PIPELINE_KEYS)
    assert list(flats["properties"]["steps"]["additionalProperties"]["properties"]) == list(pipeline_steps.STEP_KEYS)
    _, parameter = flats["properties"]["parameters"]["additionalProperties"]["anyOf"]
    assert list(parameter["properties"]) == list(pipeline_parameters.PARAMETER_KEYS)
    manifest = mlproject_schema()
    assert list(manifest["properties"]) == list(mlproject.MANIFEST_KEYS)
    point = manifest["properties"]["entry_points"]["additionalProperties"]
    assert list(point["properties"]) == list(mlproject.ENTRY_POINT_KEYS)
    _, parameter = point["properties"]["parameters"]["additionalProperties"]["anyOf"]
    assert list(parameter["properties"]) == list(mlproject_parameters.PARAMETER_KEYS)
    _, output = point["properties"]["outputs"]["additionalProperties"]["anyOf"]
    assert list(output["properties"]) == list(mlproject.OUTPUT_KEYS)


def test_the_examples_are_accepted(repository: Path):
    examples = repository / "examples"
    for name, pattern in (("mlproject", "MLproject"), ("pipeline", "pipeline.yaml")):
        files = list(examples.rglob(pattern))
        assert files
        for file in files:
            assert accepts(SCHEMAS[name](), data(file.read_text())), file


def test_documents_that_use_every_key_are_accepted_by_reader_and_schema(tmp_path):
    assert accepts(pipeline_schema(), PIPELINE)
    assert accepts(mlproject_schema(), MLPROJECT)
    (tmp_path / "MLproject").write_text(yaml.safe_dump(MLPROJECT))
    read_manifest(tmp_path / "MLproject")
    (tmp_path / "config.yaml").write_text("seed: 3")
    read_pipeline_text(yaml.safe_dump({**PIPELINE, "parameters": {}}), tmp_path / "pipeline.yaml")


def with_key(document: object, path: tuple[str, ...]) -> object:
    """A copy with an unknown key at a path."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path:
        inner = inner[key]
    inner["unknown_key"] = "x"
    return copy


@pytest.mark.parametrize("path", [(), ("steps", "clean"), ("parameters", "share")])
def test_an_unknown_key_in_a_pipeline_is_refused_by_reader_and_schema(path, tmp_path):
    document = with_key(PIPELINE, path)
    assert not accepts(pipeline_schema(), document)
    with pytest.raises(ContractError, match="unknown_key"):
        read_pipeline_text(yaml.safe_dump(document), tmp_path / "pipeline.yaml")


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ((), False),
        (("entry_points", "main"), False),
        (("entry_points", "main", "parameters", "rows"), False),
        (("entry_points", "main", "outputs", "out"), True),
    ],
)
def test_an_unknown_key_in_a_manifest_is_refused_where_the_reader_refuses_it(path, refused, tmp_path):
    document = with_key(MLPROJECT, path)
    assert accepts(mlproject_schema(), document) is not refused
    (tmp_path / "MLproject").write_text(yaml.safe_dump(document))
    if refused:
        with pytest.raises(ContractError, match="unknown_key"):
            read_manifest(tmp_path / "MLproject")
    else:
        read_manifest(tmp_path / "MLproject")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"steps": {}},
        {"steps": {"a.b": {"component": "x"}}},
        {"steps": {"a": {}}},
        {"steps": {"a": {"component": 3}}},
        {"steps": {"a": {"component": "x", "with": {"y": [1]}}}},
        {"steps": {"a": {"component": "x", "cache": "no"}}},
        {"steps": {"a": {"component": "x"}}, "parameters": {"1a": 3}},
        {"steps": {"a": {"component": "x"}}, "parameters": {"a": {"type": "flot"}}},
    ],
)
def test_wrong_pipelines_are_refused_by_both(document, tmp_path):
    assert not accepts(pipeline_schema(), document)
    with pytest.raises(ContractError):
        read_pipeline_text(yaml.safe_dump(document), tmp_path / "pipeline.yaml")


@pytest.mark.parametrize(
    "document",
    [
        {"entry_points": {"main": {}}},
        {"entry_points": {"main": {"command": 3}}},
        {"entry_points": {"main": {"command": "x", "parameters": None}}},
        {"entry_points": {"main": {"command": "x", "parameters": {"a": [1]}}}},
        {"conda_env": "conda.yaml", "python_env": "python_env.yaml"},
    ],
)
def test_wrong_manifests_are_refused_by_both(document, tmp_path):
    assert not accepts(mlproject_schema(), document)
    (tmp_path / "MLproject").write_text(yaml.safe_dump(document))
    with pytest.raises(ContractError):
        read_manifest(tmp_path / "MLproject")


@settings(max_examples=40, deadline=None)
@given(word=st.sampled_from(sorted(TYPE_SYNONYMS)), swapped=st.lists(st.booleans(), min_size=7, max_size=7))
def test_every_word_for_a_type_is_accepted_in_any_case(word, swapped):
    text = "".join(letter.upper() if swap else letter for letter, swap in zip(word, swapped, strict=False))
    document = {"steps": {"a": {"component": "x"}}, "parameters": {"p": {"type": text}}}
    assert accepts(pipeline_schema(), document) is (text.strip().lower() in TYPE_SYNONYMS)
