"""A script becomes a component that says what the script says."""

import shutil

import pytest

from artifactflow.adopt import adopt, write_adoption
from artifactflow.check import Severity, check_paths
from artifactflow.contract import Output
from artifactflow.errors import ContractError
from artifactflow.parameters import Parameter
from artifactflow.read.mlproject import read_component

WANDB = """
import argparse, os
import pandas as pd
import wandb

def go(args):
    with wandb.init(job_type="clean") as run:
        table = pd.read_csv(run.use_artifact(args.input_artifact).file())
        table.to_csv("clean_sample.csv")
        artifact = wandb.Artifact(args.output_artifact, type=args.output_type, description="Clean rows")
        artifact.add_file("clean_sample.csv")
        run.log_artifact(artifact)
        {after}

parser = argparse.ArgumentParser()
parser.add_argument("--input_artifact", required=True)
parser.add_argument("--output_artifact", required=True)
parser.add_argument("--output_type", default="clean_data")
go(parser.parse_args())
"""


def test_the_example_gets_the_parameters_that_were_written_by_hand(repository, tmp_path):
    original = repository / "examples" / "housing" / "components" / "clean"
    by_hand = read_component(original).contract()
    shutil.copy(original / "clean.py", tmp_path)
    write_adoption(adopt(tmp_path))
    adopted = read_component(tmp_path).contract()
    facts = [
        [(p.name, p.type, p.default, p.choices, p.optional) for p in contract.parameters]
        + [item.name for item in contract.inputs]
        + [(output.key, output.path, output.placeholder) for output in contract.outputs]
        for contract in (by_hand, adopted)
    ]
    assert facts[0] == facts[1]
    assert adopted.command == by_hand.command
    assert adopted.description.startswith("Keep the districts")


@pytest.mark.parametrize("name", ["housing/components/split", "iris/components/prepare"])
def test_a_step_function_is_adopted_by_its_signature(repository, tmp_path, name):
    original = repository / "examples" / name
    shutil.copy(original / "main.py", tmp_path)
    write_adoption(adopt(tmp_path))
    assert read_component(tmp_path).contract() == read_component(original).contract()


def test_a_logged_file_is_an_output_and_a_used_artifact_stays_a_name(adopted):
    contract, remarks = adopted(WANDB.replace("{after}", "pass"))
    assert contract.outputs == (
        Output(
            name="{output_artifact}",
            type="{output_type}",
            description="Clean rows",
            key="clean_sample",
            path="clean_sample.csv",
            placeholder=False,
        ),
    )
    assert contract.inputs == ()
    assert contract.parameters[0] == Parameter("input_artifact")
    assert any("--input_artifact names an artifact, which the script handles itself" in remark for remark in remarks)


def test_a_logged_file_that_is_deleted_cannot_be_collected(adopted):
    contract, remarks = adopted(WANDB.replace("{after}", 'os.remove("clean_sample.csv")'))
    assert contract.outputs == ()
    assert any("clean_sample.csv is deleted before the script ends" in remark for remark in remarks)


def test_a_written_file_that_nobody_names_is_a_remark(adopted):
    contract, remarks = adopted('import pandas as pd\npd.DataFrame().to_csv("a.csv")\n')
    assert contract.outputs == ()
    assert remarks == ["main.py:2: a.csv is written: state it under outputs to keep it"]


@pytest.mark.parametrize("after", ["pass", 'os.remove("clean_sample.csv")'])
def test_check_finds_no_error_in_what_was_adopted(script, after):
    file = script(WANDB.replace("{after}", after))
    write_adoption(adopt(file))
    found = [finding for finding in check_paths([file.parent]).findings if finding.rule.severity is Severity.ERROR]
    assert [(finding.code, finding.message) for finding in found if finding.place.file != str(file)] == []


def test_a_script_that_is_not_python_is_refused(script):
    with pytest.raises(ContractError, match="not Python"):
        adopt(script("def broken(:\n"))


def test_the_script_is_not_touched(script):
    file = script("print('here')\n")
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    write_adoption(adopt(file))
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
