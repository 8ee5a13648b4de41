"""`artifactflow schema`."""

import pytest

from artifactflow.schema import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_one_json_document(cli, name):
    assert cli("schema", name).json == SCHEMAS[name]()


def test_a_file_that_has_no_schema(cli):
    assert cli("schema", "pipline", code=2).err == (
        "error: there is no schema of 'pipline', only of mlproject and pipeline\nhint: did you mean pipeline?\n"
    )
