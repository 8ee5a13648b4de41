"""A secret reaches a step by environment variable, and by no other way."""

import json
import os
import subprocess
import sys

import pytest

from artifactflow.errors import ContractError, UsageError
from artifactflow.pipeline import Given
from artifactflow.read.component import load_pipeline
from artifactflow.runner import Options, Silent, bind_pipeline, plan_pipeline, refuse_secret_options, run_pipeline

READ = """
    name: read
    entry_points:
      main:
        parameters:
          api_key: {{type: str, secret: true{more}}}
          made: {{type: str, default: made.json}}
        outputs:
          made: {{type: facts, path: made.json}}
        command: python main.py {made}
"""
READ_MAIN = """
    import json, os, sys
    found = {"argv": sys.argv, "key": os.environ.get("ARTIFACTFLOW_P_API_KEY")}
    json.dump(found, open(sys.argv[1], "w"))
"""


def manifest(more=""):
    return READ.replace("{made}\n", "{{made}}\n").format(more=more)


class Warned(Silent):
    def __init__(self):
        self.said = []

    def warned(self, message):
        self.said.append(message)


def bound(files, path=".", options=None, **variables):
    pipeline = load_pipeline(files.folder / path)
    return bind_pipeline(pipeline, Given(options or {}, variables), files.folder)


def run(files, path=".", **variables):
    observer = Warned()
    store = files.store()
    record = run_pipeline(bound(files, path, **variables), store, Options(), observer)
    return record, store, observer.said


def made(store, name="made"):
    (entry,) = store.tree(store.version(name).digest).entries
    return json.loads(store.object_path(entry.digest).read_text())


def test_a_script_reads_its_secret_from_the_variable_and_its_command_line_has_nothing_of_it(files):
    files.component("read", manifest(), READ_MAIN)
    _, store, warnings = run(files, "read", ARTIFACTFLOW_P_API_KEY="the-key")
    found = made(store)
    assert found["key"] == "the-key"
    assert not any("key" in word for word in found["argv"][1:-1])
    assert warnings == []


def test_an_optional_secret_is_not_appended_to_the_command(files):
    text = manifest().replace("parameters:\n          api_key", "optional_parameters:\n          api_key")
    text = text.replace("          made: {type: str", "        parameters:\n          made: {type: str")
    files.component("read", text, READ_MAIN)
    _, store, _ = run(files, "read", ARTIFACTFLOW_P_API_KEY="the-key")
    assert made(store)["key"] == "the-key"
    assert len(made(store)["argv"]) == 2


def test_an_absent_secret_is_absent_though_the_environment_has_one_of_that_name(files, monkeypatch):
    monkeypatch.setenv("ARTIFACTFLOW_P_API_KEY", "that of another step")
    text = manifest().replace("parameters:\n          api_key", "optional_parameters:\n          api_key")
    text = text.replace("          made: {type: str", "        parameters:\n          made: {type: str")
    files.component("read", text, READ_MAIN)
    files.pipeline("name: p\nsteps:\n  read: {component: read}")
    _, store, _ = run(files)
    assert made(store)["key"] == ""


def test_a_secret_given_by_an_option_is_refused_with_the_variable_to_use(files):
    files.component("read", manifest(), READ_MAIN)
    with pytest.raises(UsageError) as caught:
        refuse_secret_options(bound(files, "read", {"api_key": "the-key"}))
    assert "ARTIFACTFLOW_P_API_KEY=… artifactflow" in str(caught.value.hint)
    assert "the-key" not in caught.value.render()
    files.pipeline("name: p\nsteps:\n  read: {component: read}")
    with pytest.raises(UsageError) as caught:
        refuse_secret_options(bound(files, ".", {"read.api_key": "the-key"}))
    assert "ARTIFACTFLOW_P_READ_API_KEY=… artifactflow" in str(caught.value.hint)


def test_the_command_line_refuses_it_with_exit_code_2(files, artifactflow):
    files.component("read", manifest(), READ_MAIN)
    for command in ("run-pipeline", "plan"):
        done = artifactflow(command, "read", "-P", "api_key=the-key", cwd=files.folder)
        assert done.returncode == 2
        assert "api_key is secret" in done.stderr
        assert "the-key" not in done.stderr


def test_a_placeholder_of_a_secret_in_a_command_is_refused_with_the_mend(files, artifactflow):
    files.component("read", manifest().replace("main.py {made}", "main.py {made} {api_key}"), READ_MAIN)
    with pytest.raises(ContractError) as caught:
        bound(files, "read", ARTIFACTFLOW_P_API_KEY="the-key")
    assert "the secret api_key" in caught.value.message
    assert "read the environment variable ARTIFACTFLOW_P_API_KEY" in str(caught.value.hint)
    assert str(caught.value.place).endswith("MLproject:10:14")
    done = artifactflow("plan", "read", cwd=files.folder, ARTIFACTFLOW_P_API_KEY="the-key")
    assert done.returncode == 3


def test_a_secret_that_a_pipeline_binds_to_an_unmarked_placeholder_is_refused_too(files):
    files.one_value("dump")
    files.pipeline(
        """
        name: p
        parameters: {login: {type: str, secret: true}}
        steps:
          dump: {component: dump, with: {text: "as ${login}"}}
        """
    )
    with pytest.raises(ContractError, match="would show the secret text in the list of processes"):
        bound(files, ARTIFACTFLOW_P_LOGIN="the-key")


def test_a_secret_is_no_input_and_names_no_cell_of_a_matrix(files):
    files.component("read", manifest(), READ_MAIN)
    files.one_value("take", "text: {type: path, artifact: true}")
    files.pipeline("name: p\nsteps:\n  read: {component: read, matrix: {api_key: [first, second]}}")
    with pytest.raises(ContractError, match="a matrix names its cells by their values"):
        bound(files)
    files.pipeline(
        """
        name: p
        parameters: {login: {type: str, secret: true}}
        steps:
          take: {component: take, with: {text: "${login}"}}
        """
    )
    with pytest.raises(ContractError, match="inputs are recorded"):
        bound(files, ARTIFACTFLOW_P_LOGIN="the-key")


def test_a_secret_does_not_count_for_reuse_and_is_in_no_cache_key(files):
    files.component("read", manifest(), READ_MAIN)
    run(files, "read", ARTIFACTFLOW_P_API_KEY="the-first-key")
    record, store, _ = run(files, "read", ARTIFACTFLOW_P_API_KEY="the-second-key")
    assert [outcome.decision for outcome in record.steps] == ["REUSE"]
    assert "api_key" not in store.runs()[0].ingredients["parameters"]


def test_a_secret_file_does_not_count_either(files, tmp_path):
    key = tmp_path / "id_of_mine"
    key.write_text("the-key")
    files.component("read", manifest().replace("api_key: {type: str", "api_key: {type: path"), READ_MAIN)
    (planned,) = plan_pipeline(bound(files, "read", ARTIFACTFLOW_P_API_KEY=str(key)), None)
    assert "api_key" not in planned.ingredients.parameters
    assert "api_key" not in planned.ingredients.inputs


def test_what_is_secret_by_its_name_only_counts_for_reuse_by_a_digest(files):
    files.one_value("dump", "hub_token: {type: str}")
    decisions = []
    for word in ("first-token", "first-token", "second-token"):
        record, store, warnings = run(files, "dump", ARTIFACTFLOW_P_HUB_TOKEN=word)
        decisions += [outcome.decision for outcome in record.steps]
    assert decisions == ["RUN", "REUSE", "RUN"]
    assert made(store) == ["second-token"]
    assert "hub_token holds a secret" in warnings[0]
    assert "token" not in json.dumps(store.runs()[0].to_json()).replace("hub_token", "").replace("{hub_", "")


def test_a_secret_in_a_file_is_used_with_a_warning(files):
    files.component("read", manifest(), READ_MAIN)
    files.pipeline("name: p\nsteps:\n  read: {component: read, with: {api_key: written-down}}")
    _, store, warnings = run(files)
    assert made(store)["key"] == "written-down"
    assert len(warnings) == 1
    assert "api_key stands in a file" in warnings[0]
    assert "ARTIFACTFLOW_P_API_KEY=…" in warnings[0]
    assert "written-down" not in warnings[0]


def test_a_foreign_script_gets_an_address_with_a_password_as_it_asks_with_one_warning(files):
    files.one_value("dump")
    address = "https://me:word-of-honour@host/data.csv"
    record, store, warnings = run(files, "dump", ARTIFACTFLOW_P_TEXT=address)
    assert made(store) == [address]
    assert len(warnings) == 1
    assert "mark text as secret: true" in warnings[0]
    assert "word-of-honour" not in warnings[0] + json.dumps(record.to_json()) + json.dumps(store.runs()[0].to_json())


def test_an_address_without_secrets_is_not_warned_of(files):
    files.one_value("dump")
    _, store, warnings = run(files, "dump", ARTIFACTFLOW_P_TEXT="https://host/data.csv?page=2")
    assert made(store) == ["https://host/data.csv?page=2"]
    assert warnings == []


STEP_FUNCTION = """
import os, sys
from artifactflow import run

def main(api_key: str, limit: int | None = None):
    print(api_key, limit)

if __name__ == "__main__":
    run(main)
"""


def called(tmp_path, *arguments, **variables):
    script = tmp_path / "main.py"
    script.write_text(STEP_FUNCTION)
    return subprocess.run(
        [sys.executable, script, *arguments], env={**os.environ, **variables}, capture_output=True, text=True
    )


def test_a_step_function_reads_what_is_not_typed_from_the_variable_as_under_plain_mlflow(tmp_path):
    assert called(tmp_path, ARTIFACTFLOW_P_API_KEY="the-key").stdout == "the-key None\n"
    assert called(tmp_path, "--limit=3", ARTIFACTFLOW_P_API_KEY="the-key").stdout == "the-key 3\n"
    assert called(tmp_path, "--api-key=typed", ARTIFACTFLOW_P_API_KEY="the-key").stdout == "typed None\n"
    assert called(tmp_path).returncode == 2


def test_a_step_function_in_a_run_reads_only_the_variables_that_are_meant_for_it(tmp_path):
    variables = {"ARTIFACTFLOW_P_API_KEY": "the-key", "ARTIFACTFLOW_P_LIMIT": "9"}
    assert called(tmp_path, ARTIFACTFLOW_BY_VARIABLE="api_key", **variables).stdout == "the-key None\n"
    masked = called(tmp_path, "--api-key=***", ARTIFACTFLOW_BY_VARIABLE="api_key", **variables)
    assert masked.stdout == "the-key None\n"


def test_an_address_on_the_command_line_of_a_step_function_is_shown_masked_and_read_whole(tmp_path):
    whole, shown = "https://me:word@host/a?sig=1", "--api-key=https://***@host/a?sig=***"
    variables = {"ARTIFACTFLOW_BY_VARIABLE": "api_key", "ARTIFACTFLOW_P_API_KEY": whole}
    assert called(tmp_path, shown, **variables).stdout == f"{whole} None\n"
    other = "--api-key=https://***@other/a?sig=***"
    assert called(tmp_path, other, **variables).stdout == "https://***@other/a?sig=*** None\n"


def test_a_built_in_command_takes_its_address_from_the_variable(artifactflow, tmp_path):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    done = artifactflow("download", "--json", ARTIFACTFLOW_P_FILE_URL=str(tmp_path / "table.csv"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["dataset"]["name"] == "table"


def test_check_finds_a_secret_in_a_command_and_one_that_a_step_states(files, artifactflow):
    files.component("read", manifest().replace("main.py {made}", "main.py {made} {api_key}"), READ_MAIN)
    files.pipeline("name: p\nsteps:\n  read: {component: read, with: {api_key: 3f1c9a77aa01bc22}}")
    done = artifactflow("check", "--format", "json", ".", cwd=files.folder)
    assert done.returncode == 8
    assert '"C213"' in done.stdout
    assert '"L514"' in done.stdout
    assert "3f1c9a77aa01bc22" not in done.stdout
