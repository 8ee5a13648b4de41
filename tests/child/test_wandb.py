"""Scripts that hand artifacts on by W&B run offline, unchanged, with the installed W&B."""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def handed_on(tmp_path_factory: pytest.TempPathFactory, project_of: Any) -> Any:
    """The shipped scripts, run once: `log` logs everything, `use` uses it, twice so that the second is reused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("WANDB_MODE", raising=False)
        project = project_of(tmp_path_factory.mktemp("handed"))
        project.shipped("log")
        project.shipped("use", after=("log",))
        project.run()
        project.home = Path(os.environ["HOME"])
        return project


def test_everything_that_was_logged_is_stored_under_its_own_name(handed_on: Any):
    assert handed_on.last("log").outputs == {
        "one.txt": "one.txt:v2",
        "many": "many:v1",
        "album": "album:v1",
        "model": "model:v1",
        "Best_Model": "Best_Model:v1",
    }
    version = handed_on.store.version("one.txt:fresh")
    assert (version.number, version.type, version.description) == (1, "raw_data", "One file")
    assert version.metadata == {"rows": 3}
    assert handed_on.text("one.txt:v1") == "one"
    assert handed_on.store.aliases("Best_Model") == {"latest": 1, "prod": 1}


def test_an_artifact_that_was_logged_has_a_version_at_once(handed_on: Any):
    assert handed_on.printed("log") == {
        "before": "one.txt",
        "after": "one.txt:v1",
        "version": "v1",
        "aliases": ["fresh", "latest"],
        "second": "v2",
        "is_artifact": True,
        "type": "raw_data",
        "digest": handed_on.printed("use")["digest"],
        "link": "a.txt",
    }


def test_what_is_used_is_what_was_logged(handed_on: Any):
    handed_on.check_uses(handed_on.printed("use"))


def test_the_record_has_what_was_asked_for_and_who_asked(handed_on: Any):
    run = handed_on.last("use")
    assert run.inputs["demo/one.txt:latest"] == "one.txt:v2"
    assert run.inputs["me/demo/one.txt:fresh"] == "one.txt:v1"
    assert run.facts["process"] == "warm"
    facts = run.facts["wandb"]
    assert (facts["version"], len(facts["processes"])) == (facts["processes"][0]["wandb"], 1)
    assert facts["aliases"] == [["one.txt", 2, "champion"]]
    assert facts["resolved"]["demo/two.txt:v1"] == ""


def test_nothing_is_written_into_the_home_or_beside_the_script(handed_on: Any):
    assert list(handed_on.home.iterdir()) == []
    assert not (handed_on.folder / "use" / "wandb").exists()
    assert not (handed_on.folder / "use" / "artifacts").exists()


def test_uses_and_logs_are_in_the_offline_runs_of_wandb_itself(handed_on: Any):
    written = {}
    for step in ("log", "use"):
        (run,) = handed_on.last(step).facts["wandb"]["runs"]
        (file,) = Path(run["folder"]).glob("*.wandb")
        assert file.parent.parent == handed_on.store.root / "wandb"
        kept = [record.artifact for record in records(file) if record.WhichOneof("record_type") == "artifact"]
        written[step] = {(artifact.name, artifact.use_after_commit) for artifact in kept}
    assert {("one.txt", False), ("many", False), ("album", False), ("model", False)} <= written["log"]
    assert {("one.txt", True), ("many", True), ("album", True), ("copy", False)} <= written["use"]


def test_what_a_waiting_run_has_used_stays_when_the_store_removes_it(handed_on: Any):
    (run,) = handed_on.last("use").facts["wandb"]["runs"]
    (file,) = Path(run["folder"]).glob("*.wandb")
    kept = [record.artifact for record in records(file) if record.WhichOneof("record_type") == "artifact"]
    used = [entry for artifact in kept if artifact.use_after_commit for entry in artifact.manifest.contents]
    places = [Path(entry.local_path) for entry in used if entry.local_path]
    assert {place.parent for place in places} == {Path(run["folder"]) / "kept"}
    stored = {path.stat().st_ino for path in (handed_on.store.root / "objects").rglob("*")}
    assert {place.stat().st_ino for place in places} <= stored, "no byte is there twice"


def test_the_second_run_reuses_both_until_an_alias_means_another_version(handed_on: Any):
    assert {name: decision for name, (decision, _) in handed_on.plan().items()} == {"log": "REUSE", "use": "REUSE"}
    handed_on.store.set_alias("one.txt", 2, "fresh")
    try:
        assert handed_on.plan()["use"] == ("RUN", "input me/demo/one.txt:fresh: v1 → v2")
    finally:
        handed_on.store.set_alias("one.txt", 1, "fresh")


def records(file: Path) -> Iterator[Any]:
    """The records of a `.wandb` file: after seven bytes, blocks of 32 KiB with pieces of records."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, position, parts = file.read_bytes(), 7, b""
    while position + 7 <= len(content):
        left = 32 * 1024 - position % (32 * 1024)
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        parts += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


ONLINE = """
import wandb
print("login", wandb.login())
run = wandb.init(project="demo", mode="online")
print("offline", run.settings.mode, wandb.run is run)
print(run.use_artifact(wandb.Artifact("drafted", type="t")).version)
with open("weights.bin", "w") as file:
    file.write("w")
run.link_model("weights.bin", "Registered", name="weights")
print(run.use_model("weights:latest").rpartition("/")[2])
"""


def test_without_a_key_nothing_asks_for_one(wandb_project: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WANDB_MODE")
    wandb_project.step("online", ONLINE)
    wandb_project.run(cold=True)
    printed = [line for line in wandb_project.log("online").splitlines() if not line.startswith("wandb")]
    assert printed[:4] == ["login True", "offline offline True", "v1", "weights.bin"]


DEAD = """
import wandb
run = wandb.init(project="demo")
run.log_artifact(wandb.Artifact("empty", type="t"))
print("mode", run.settings.mode)
"""


def test_a_server_that_does_not_answer_costs_seconds_and_the_run_is_offline(
    wandb_project: Any, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", address)
    wandb_project.step("dead", DEAD)
    wandb_project.run(cold=True)
    log = wandb_project.log("dead")
    assert "127.0.0.1 does not answer" in log
    assert "mode offline" in log
    assert wandb_project.last("dead").outputs == {"empty": "empty:v1"}


def test_outside_a_step_wandb_is_as_it_is(tmp_path: Path):
    from artifactflow.runner.bridge.variables import SITE_FOLDER

    code = """if True:
        import wandb
        print("hooked", "exec_module" in vars(wandb.__spec__.loader))
        try:
            wandb.init(mode="offline").use_artifact("x:latest")
        except TypeError as error:
            print(error)
    """
    environment = {**os.environ, "PYTHONPATH": str(SITE_FOLDER), "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert answer.stdout.splitlines() == ["hooked False", "Cannot use artifact when in offline mode."]
