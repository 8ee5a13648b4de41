"""Processes of steps use and log stored artifacts by themselves; what they did is recorded, and decides about reuse.

The scripts ask the runner directly, as the bridge to W&B does; so no library has to be imported.
"""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from artifactflow.artifact import ArtifactRef
from artifactflow.errors import StepFailedError
from artifactflow.lineage import upstream
from artifactflow.runner.bridge.line import Line
from artifactflow.runner.bridge.names import local_name, parse_reference
from artifactflow.runner.bridge.reach import Reach, reach_of
from artifactflow.runner.bridge.variables import step_variables
from artifactflow.trackers.choice import has_wandb_key

ASK = """
    import os, sys  # a step that mentions wandb
    from artifactflow_bridge import line

    def ask(operation, **arguments):
        return line.ask(operation, **arguments)

    def log(name, text, *aliases):
        staging = ask("hello")["staging"]
        os.makedirs(staging + "/1")
        with open(staging + "/1/" + name, "w") as file:
            file.write(text)
        given = {"name": name, "type": "raw data", "description": "", "metadata": {}, "aliases": list(aliases)}
        return ask("log_artifact", **given, staged=staging + "/1", single=name)

    def use(reference):
        version = ask("use_artifact", reference=reference)
        folder = ask("hand_out", reference=version["reference"])["folder"]
        return open(os.path.join(folder, version["name"])).read()
"""


@pytest.fixture
def bridged(project):
    """A project of two steps: `first` logs word.txt, `second` uses it and logs loud.txt."""

    def write(name: str, script: str, command: str = "python main.py") -> None:
        manifest = f"name: {name}\nentry_points: {{main: {{command: '{command}'}}}}\n"
        project.component(name, manifest, main=ASK + textwrap.indent(textwrap.dedent(script), "    "))

    project.write = write
    write("first", 'log("word.txt", "hello", "kept")')
    write("second", 'log("loud.txt", use("demo/word.txt:latest").upper())')
    project.pipeline(
        "name: words\nsteps:\n  first: {component: first}\n  second: {component: second, after: [first]}\n"
    )
    return project


def last(project, step):
    return next(run for run in project.store.runs() if run.step == step)


def alone(project, step):
    """Have the pipeline consist of one step."""
    project.pipeline(f"name: words\nsteps:\n  {step}: {{component: {step}}}\n")


def test_what_a_script_uses_and_logs_is_in_its_record(bridged):
    record = bridged.run()
    assert [outcome.outputs for outcome in record.steps] == [{"word.txt": "word.txt:v1"}, {"loud.txt": "loud.txt:v1"}]
    assert bridged.text("loud.txt") == "HELLO"
    assert last(bridged, "second").inputs == {"demo/word.txt:latest": "word.txt:v1"}
    version = bridged.store.version("word.txt:kept")
    assert (version.type, version.run_id) == ("raw_data", last(bridged, "first").id)
    store = bridged.store
    tree = upstream("loud.txt:v1", store.version, store.run)
    assert [child.ref for child in tree.children] == ["word.txt:v1"]


def test_unchanged_steps_are_reused_and_name_their_versions_again(bridged):
    bridged.run()
    other = bridged.store.put_tree(Path(__file__))
    with bridged.store.transaction() as transaction:
        transaction.register("word.txt", "text", "", other, aliases=["kept"])
    assert bridged.decisions() == {"first": "REUSE", "second": "REUSE"}
    assert bridged.store.aliases("word.txt") == {"kept": 1, "latest": 1}


def test_a_step_runs_again_when_what_it_asked_for_is_another_version_and_says_which(bridged):
    bridged.run()
    alone(bridged, "second")
    assert bridged.decisions() == {"second": "RUN"}
    other = bridged.folder / "word.txt"
    other.write_text("bye")
    tree = bridged.store.put_tree(other)
    with bridged.store.transaction() as transaction:
        transaction.register("word.txt", "text", "", tree)
    assert bridged.plan()["second"] == ("RUN", "input demo/word.txt:latest: v1 → v2")
    assert bridged.decisions() == {"second": "RUN"}
    assert bridged.text("loud.txt") == "BYE"
    bridged.store.set_alias("word.txt", 1, "latest")
    assert bridged.decisions() == {"second": "REUSE"}  # an older run with the same key asked for v1
    assert bridged.text("loud.txt") == "HELLO"


def test_that_there_was_no_such_artifact_counts_as_well(bridged):
    bridged.write("second", 'print(ask("find_artifact", reference="later.txt:latest"))')
    alone(bridged, "second")
    bridged.run()
    assert bridged.decisions() == {"second": "REUSE"}
    tree = bridged.store.put_tree(Path(__file__))
    with bridged.store.transaction() as transaction:
        transaction.register("later.txt", "text", "", tree)
    assert bridged.plan()["second"] == ("RUN", "input later.txt:latest: (none) → v1")


def test_the_list_of_versions_counts_as_well(bridged):
    bridged.write("second", 'print(ask("list_versions", name="word.txt", type="raw data"))')
    bridged.run()
    tree = bridged.store.put_tree(Path(__file__))
    with bridged.store.transaction() as transaction:
        transaction.register("word.txt", "text", "", tree)
    assert bridged.plan()["second"] == ("RUN", "input word.txt:*: v1 → v1 v2")


def test_what_a_step_logged_itself_is_no_input_of_it(bridged):
    bridged.write("first", 'log("word.txt", "hello"); use("word.txt:latest")')
    alone(bridged, "first")
    bridged.run()
    assert last(bridged, "first").inputs == {}
    assert bridged.decisions() == {"first": "REUSE"}


def test_a_missing_artifact_is_told_with_near_names_and_the_step_that_logs_it(bridged):
    bridged.write("second", 'use("wrod.txt:latest")')
    message = str(bridged.fails())
    assert "there is no artifact 'wrod.txt' in the local store ('wrod.txt:latest' was asked for)" in message
    assert "did you mean word.txt?; no step of this pipeline is known to log it" in message
    bridged.write("second", 'use("word.txt:v0")')
    assert "the store counts versions from v1, where W&B counts from v0" in str(bridged.fails())
    bridged.write("second", 'use("made.txt:latest")')
    bridged.pipeline("name: words\nsteps:\n  second: {component: second}\n  make: {component: make, after: [second]}\n")
    manifest = bridged.folder / "make" / "MLproject"
    manifest.write_text(manifest.read_text().replace("type: text,", "type: text, name: made.txt,"))
    assert "it is logged by make: run that first" in str(bridged.fails())


def test_a_failed_step_keeps_what_it_logged(bridged):
    bridged.write("first", 'log("word.txt", "hello"); sys.exit(3)')
    assert isinstance(bridged.fails(), StepFailedError)
    assert last(bridged, "first").outputs == {"word.txt": "word.txt:v1"}
    assert bridged.text("word.txt") == "hello"


def test_a_second_attempt_is_recorded_alone(bridged):
    bridged.write(
        "first",
        'log("word.txt", "hello" if os.path.exists("again") else "first"); '
        'sys.exit(0) if os.path.exists("again") else (open("again", "w").close(), sys.exit(1))',
    )
    bridged.pipeline("name: words\nsteps:\n  first: {component: first, retries: 1}\n")
    bridged.run()
    assert last(bridged, "first").outputs == {"word.txt": "word.txt:v2"}


def test_used_files_are_read_only_and_a_changed_one_forbids_reuse(bridged):
    bridged.write(
        "second",
        'version = ask("use_artifact", reference="word.txt:latest")\n'
        'file = ask("hand_out", reference=version["reference"])["files"]["word.txt"]\n'
        "print(oct(os.stat(file).st_mode & 0o777))\n"
        'open(os.path.dirname(file) + "/beside", "w").close()\n'
        'os.chmod(file, 0o644); open(file, "w").write("other")\n',
    )
    bridged.run()
    assert ("second", "0o444") in bridged.notes.printed
    assert bridged.notes.warnings == ["step second cannot be reused: it changed word.txt:v1/word.txt, which it used"]
    assert last(bridged, "second").cache_key == ""
    assert bridged.text("word.txt") == "hello"
    assert bridged.plan()["second"] == ("RUN", "it changed word.txt:v1/word.txt, which it used")


def test_a_process_that_outlives_its_step_is_refused(bridged):
    bridged.write(
        "first",
        "import subprocess\n"
        'code = "import sys, time; from artifactflow_bridge import line; sys.stdin.read(); time.sleep(0.5);"\n'
        "code += \"\\ntry: line.ask('use_artifact', reference='x')\\nexcept line.RefusedError as error: \"\n"
        f"code += \"open({str(bridged.folder / 'told')!r}, 'w').write(str(error))\"\n"
        "subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE, start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n",
    )
    bridged.write(
        "second", f"import time\nwhile not os.path.exists({str(bridged.folder / 'told')!r}): time.sleep(0.05)"
    )
    bridged.run()
    assert (bridged.folder / "told").read_text().startswith("step first has ended: artifactflow answers")


def test_who_holds_no_token_or_asks_for_no_operation_is_refused(bridged):
    bridged.write("first", 'os.environ["ARTIFACTFLOW_TOKEN"] = "0" * 32; ask("hello")')
    assert "this process belongs to no step of a run" in str(bridged.fails())
    bridged.write("first", 'ask("use_artefact")')
    assert "there is no operation 'use_artefact'; did you mean use_artifact" in str(bridged.fails())


def test_only_what_was_staged_can_be_logged(bridged):
    given = "name='n', type='t', description='', metadata={}, aliases=[], single='passwd'"
    bridged.write("first", f'ask("log_artifact", staged="/etc", {given})')
    assert "/etc is not where a step stages what it logs" in str(bridged.fails())


def test_a_step_without_wandb_is_given_nothing(bridged, monkeypatch):
    bridged.component(
        "first",
        "name: first\nentry_points: {main: {command: 'python main.py'}}\n",
        main='import os\nprint([name for name in os.environ if name in ("ARTIFACTFLOW_LINE", "WANDB_DIR")])\n',
    )
    alone(bridged, "first")
    bridged.run()
    assert bridged.notes.printed == [("first", "[]")]
    assert "wandb" not in last(bridged, "first").facts


def test_the_users_python_path_and_sitecustomize_stay_in_force(bridged, monkeypatch):
    own = bridged.folder / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text('import os; os.environ["OWN"] = "ran"')
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(own), inherited])))
    bridged.write("first", 'import sitecustomize; print(os.environ["OWN"], sitecustomize.__file__); ask("hello")')
    alone(bridged, "first")
    bridged.run()
    assert ("first", f"ran {own / 'sitecustomize.py'}") in bridged.notes.printed


def test_an_interpreter_that_the_bridge_cannot_reach_is_not_reused_and_says_why(bridged):
    bridged.component(
        "first",
        "name: first\nentry_points: {main: {command: 'python -I main.py'}}\n",
        main="if __name__ == '':\n    import wandb\n",
    )
    alone(bridged, "first")
    bridged.run()
    (warning,) = bridged.notes.warnings
    assert warning.startswith("step first cannot be reused: it imports wandb, but its interpreter was started so that")
    assert bridged.decisions() == {"first": "RUN"}


def test_the_socket_is_private_and_its_path_short_wherever_the_system_keeps_temporary_files(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    line = Line({}, long)
    assert len(os.fsencode(line.path)) <= 100
    assert oct(line.path.parent.stat().st_mode & 0o777) == "0o700"
    line.close()
    assert not line.path.parent.exists()
    assert list(long.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "reach"),
    [
        ("import wandb", Reach.YES),
        ("import helper", Reach.YES),
        ("import json", Reach.PERHAPS),  # other.py mentions it, and a process of the step may run that
        ("import mlflow", Reach.PERHAPS),
        ("def broken(:", Reach.PERHAPS),
    ],
)
def test_the_code_says_which_steps_the_bridge_has_to_reach(project, script, reach):
    project.component("step", "name: step\nentry_points: {main: {command: 'python main.py'}}\n", main=script)
    (project.folder / "step" / "helper.py").write_text("from wandb import init")
    project.pipeline("name: p\nsteps: {step: {component: step}}")
    (bound,) = project.bound().steps
    assert reach_of(bound.component, bound.contract) is reach


def test_a_step_that_never_mentions_wandb_is_left_alone(project):
    (bound, _) = project.bound().steps
    assert reach_of(bound.component, bound.contract) is Reach.NO


def test_references_are_read_as_wandb_writes_them():
    assert parse_reference("me/demo/Raw data:my alias") == ArtifactRef("Raw_data", "my_alias")
    assert parse_reference("sample.csv") == ArtifactRef("sample.csv", "latest")
    assert local_name("x" * 200) != local_name("x" * 201)
    assert len(local_name("x" * 200)) == 128


def test_without_a_key_wandb_is_offline_and_writes_into_the_store(tmp_path):
    variables = {"HOME": str(tmp_path), "PYTHONPATH": "/own"}
    given = step_variables(variables, tmp_path, tmp_path)
    assert given["WANDB_MODE"] == "offline"
    assert given["PYTHONPATH"].endswith(f"{os.pathsep}/own")
    folders = [value for name, value in given.items() if name.endswith("_DIR")]
    assert len(folders) == 5
    assert all(folder.startswith(str(tmp_path)) for folder in folders)
    assert not has_wandb_key(variables)


def test_what_the_user_has_set_is_left_and_a_key_means_online(tmp_path):
    (tmp_path / ".netrc").write_text("machine api.wandb.ai\n  login user\n  password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    variables = {"HOME": str(tmp_path), "WANDB_DIR": "/mine"}
    given = step_variables(variables, tmp_path, tmp_path)
    assert has_wandb_key(variables)
    assert not {"WANDB_MODE", "WANDB_DIR", "WANDB_CONFIG_DIR"} & set(given)
    assert has_wandb_key({"WANDB_API_KEY": "k"})


def test_an_interpreter_that_imports_nothing_of_it_loads_nothing_of_ours(tmp_path):
    code = "import sys; print([name for name in sys.modules if name.startswith('artifactflow') or name == 'socket'])"
    environment = {**os.environ, **step_variables(os.environ, tmp_path, tmp_path)}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
