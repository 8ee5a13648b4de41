import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from artifactflow.errors import IntegrityError, OutsideError
from artifactflow.runs import PipelineRun, Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.gc import Freed
from artifactflow.store.locks import Turnstile


@pytest.fixture
def collect(store):
    def collect_garbage(**options) -> Freed:
        return store.collect(**{"grace": 0.0, "is_running": lambda _: False, **options})

    return collect_garbage


def refs(store):
    return [version.ref for version in store.versions()]


def record(store, run_id, inputs, outputs):
    with store.transaction() as transaction:
        transaction.record_run(Run(run_id, run_id, run_id, status=RunStatus.FINISHED, inputs=inputs, outputs=outputs))


def test_an_object_that_nothing_refers_to_goes_and_what_versions_need_stays(store, log, collect):
    log("kept")
    orphan = store.object_path(store.put_bytes(b"orphan"))
    freed = collect()
    assert (freed.objects, freed.size, freed.versions) == (1, 6, [])
    assert not orphan.exists()
    assert store.verify().faults == []


def test_a_dry_run_says_the_same_and_removes_nothing(store, root, log, collect):
    for number in range(4):
        log(str(number))
    store.put_bytes(b"orphan")
    (root / "tmp" / "put-dead").mkdir()
    said = collect(keep=2, dry_run=True)
    assert len(refs(store)) == 4
    assert (root / "tmp" / "put-dead").exists()
    done = collect(keep=2)
    assert {**said.to_json(), "dry_run": False} == done.to_json()
    assert done.versions == ["data:v1", "data:v2"]


def test_what_is_young_is_spared_because_somebody_may_be_about_to_register_it(store, write, collect):
    tree = store.put_tree(write("data.csv"))
    freed = collect(grace=60.0)
    assert (freed.objects, freed.spared) == (0, 2)
    with store.transaction() as transaction:
        transaction.register("data", "table", "", tree)
    assert store.verify().faults == []


def test_content_that_is_put_again_is_young_again(store, root, write, collect):
    digest = store.put_bytes(b"again")
    path = store.object_path(digest)
    before = path.stat().st_ctime
    time.sleep(0.02)
    store.put_bytes(b"again")
    assert path.stat().st_ctime > before


def test_nothing_is_retired_unless_asked(store, log, collect):
    for number in range(3):
        log(str(number))
    assert collect().versions == []


def test_keep_retires_all_but_the_newest_of_each_artifact_and_what_an_alias_names(store, log, collect):
    for number in range(5):
        log(str(number))
        log(str(number), name="other")
    store.set_alias("data", 2, "champion")
    assert collect(keep=2).versions == ["data:v1", "data:v3", "other:v1", "other:v2", "other:v3"]
    assert refs(store) == ["data:v2", "data:v4", "data:v5", "other:v4", "other:v5"]
    assert store.removed_version("data:v1").reason == "artifacts gc"
    assert store.verify().faults == []


def test_older_than_retires_by_age_and_together_with_keep_only_what_neither_keeps(store, log, collect):
    log("1")
    log("2")
    time.sleep(0.05)
    young = time.time()
    log("3")
    log("4")
    age = time.time() - young
    assert collect(older_than=age, keep=3, dry_run=True).versions == ["data:v1"]
    assert collect(older_than=age).versions == ["data:v1", "data:v2"]
    assert collect(older_than=3600.0).versions == []


def test_a_version_registered_within_the_grace_is_not_retired(store, log, collect):
    for number in range(3):
        log(str(number))
    assert collect(keep=1, grace=60.0).versions == []


def test_what_a_kept_version_was_made_from_is_kept_and_what_that_was_made_from_may_go(store, log, collect):
    for number in range(2):
        log(f"raw {number}", name="raw")
        log(f"clean {number}", name="clean")
        log(f"model {number}", name="model")
        record(store, f"c{number}", {"d": f"raw:v{number + 1}"}, {"o": f"clean:v{number + 1}"})
        record(store, f"m{number}", {"d": f"clean:v{number + 1}"}, {"o": f"model:v{number + 1}"})
    store.set_alias("model", 1, "champion")
    assert collect(keep=1).versions == ["raw:v1"]
    assert refs(store) == ["clean:v1", "clean:v2", "model:v1", "model:v2", "raw:v2"]


def test_a_version_that_came_to_be_needed_after_the_plan_is_not_retired(store, log, collect, monkeypatch):
    log("1")
    log("2")
    from artifactflow.store import gc

    plan = gc.plan_retirement

    def plan_and_alias(*arguments):
        found = plan(*arguments)
        with Store.open(store.root) as other:
            other.set_alias("data", 1, "champion")
        return found

    monkeypatch.setattr(gc, "plan_retirement", plan_and_alias)
    assert collect(keep=1).versions == []
    assert refs(store) == ["data:v1", "data:v2"]


def test_what_is_registered_while_the_garbage_is_collected_is_not_garbage(store, write, collect, monkeypatch):
    tree = store.put_tree(write("data.csv"))
    passed = Turnstile.collecting

    def register_first(self, **options):
        monkeypatch.setattr(Turnstile, "collecting", passed)
        with Store.open(store.root) as other, other.transaction() as transaction:
            transaction.register("data", "table", "", tree)
        return passed(self, **options)

    monkeypatch.setattr(Turnstile, "collecting", register_first)
    assert collect().objects == 0
    assert store.verify().faults == []


def test_two_collectors_at_once_do_not_trip_over_each_other(store, root, monkeypatch, eventually):
    orphans = [store.put_bytes(str(number).encode()) for number in range(20)]
    freed, errors, arrived = [], [], []
    collecting = Turnstile.collecting

    def arriving(self, **options):
        arrived.append(self)
        return collecting(self, **options)

    monkeypatch.setattr(Turnstile, "collecting", arriving)

    def collect_elsewhere():
        try:
            with Store.open(root) as other:
                freed.append(other.collect(grace=0.0, is_running=lambda _: False).objects)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=collect_elsewhere) for _ in range(2)]
    with Turnstile(root / "locks").passed():  # both have found what they want to remove before either may
        for thread in threads:
            thread.start()
        eventually(lambda: len(arrived) == 2)
    for thread in threads:
        thread.join()
    assert (errors, sum(freed)) == ([], 20)
    assert not any(store.object_path(digest).exists() for digest in orphans)


def test_where_a_list_of_files_is_damaged_nothing_is_removed(store, log, collect):
    version = log("1")
    orphan = store.object_path(store.put_bytes(b"orphan"))
    store.object_path(version.digest).unlink()
    with pytest.raises(IntegrityError, match="what data:v1 refers to is not known"):
        collect()
    assert orphan.exists()
    store.remove("data:v1", force=True)
    collect()
    assert not orphan.exists()


def test_leftovers_of_dead_processes_go_and_logs_of_runs_that_ended_stay(store, root, collect):
    ended = store.run_folder("20260101-000000-aaaaaaaa", create=True)
    (ended / "log").write_text("it worked")
    (ended / "inputs").mkdir()
    (ended / "inputs" / "data").touch()
    record(store, ended.name, {}, {})
    dead = store.run_folder("20260101-000000-bbbbbbbb", create=True)
    (dead / "running.jsonl").write_text(
        json.dumps({"started": Run(id="one", step="train", component="train").to_json()})
    )
    (root / "tmp" / "put-dead").mkdir()
    (root / "tmp" / "put-dead" / "object").write_text("half")
    (root / "tmp" / "downloads").mkdir()
    (root / "tmp" / "downloads" / "half").touch()
    (root / "loaded" / "abc").mkdir(parents=True)
    (root / "journal" / "000002.new").touch()
    (root / "catalog.sum.new").touch()
    freed = collect()
    assert sorted(freed.leftovers) == [
        "catalog.sum.new",
        "journal/000002.new",
        "loaded/abc",
        "runs/20260101-000000-aaaaaaaa/inputs",
        "runs/20260101-000000-bbbbbbbb",
        "tmp/downloads/half",
        "tmp/put-dead",
    ]
    assert [path.name for path in ended.iterdir()] == ["log"]
    assert not dead.exists()
    assert [path.name for path in (root / "tmp").iterdir()] == ["downloads"]


def test_a_run_that_runs_now_keeps_its_folder_and_its_inputs(store, log, collect):
    log("1")
    log("2")
    pipeline_run = store.run_folder("20260101-000000-aaaaaaaa", create=True)
    step = Run(id="20260101-000000-bbbbbbbb", step="train", component="train", inputs={"data": "data:v1"})
    folder = store.run_folder(step.id, create=True)
    (pipeline_run / "running.jsonl").write_text(json.dumps({"started": step.to_json()}))
    assert collect(keep=1, is_running=lambda run_id: run_id == pipeline_run.name).to_json()["leftovers"] == []
    assert folder.exists() and pipeline_run.exists()
    assert refs(store) == ["data:v1", "data:v2"]


@pytest.fixture
def pipeline_run(store, log):
    """A run of a pipeline that has made `raw:v1`, which a later step of it will need, before others made more."""
    began = PipelineRun("20260101-000000-aaaaaaaa", "flats", started="2026-01-01T00:00:00.000Z")
    step = Run("20260101-000001-bbbbbbbb", "get", "get", status=RunStatus.FINISHED, pipeline_run_id=began.id)
    log("1", name="raw")
    with store.transaction() as transaction:
        transaction.record_pipeline_run(began)
        transaction.record_run(
            replace(step, started="2026-01-01T00:00:01.000Z", inputs={"data": "other:v1"}, outputs={"raw": "raw:v1"})
        )
    for number in range(2, 4):
        log(str(number), name="raw")
    folder = store.run_folder(began.id, create=True)
    (folder / "running.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in ({"started": step.to_json()}, {"ended": step.id}))
    )
    return began.id


def test_what_a_pipeline_run_has_made_stays_as_long_as_it_runs_though_nobody_has_it_as_an_input_yet(
    store, collect, pipeline_run
):
    assert collect(keep=1, is_running=lambda run_id: run_id == pipeline_run).versions == ["raw:v2"]
    assert collect(keep=1).versions == ["raw:v1"]


def test_what_a_pipeline_run_has_reused_stays_as_long_as_it_runs(store, collect, pipeline_run):
    with (store.run_folder(pipeline_run) / "running.jsonl").open("a") as file:
        file.write(json.dumps({"kept": ["raw:v2"]}) + "\n" + '{"kept": ["raw')
    assert collect(keep=1, is_running=lambda run_id: run_id == pipeline_run).versions == []
    assert collect(keep=1).versions == ["raw:v1", "raw:v2"]


def test_what_other_pipeline_runs_have_made_is_not_kept_for_the_one_that_runs(store, collect, pipeline_run):
    with store.transaction() as transaction:
        transaction.record_run(replace(store.runs()[0], id="20260101-000002-cccccccc", pipeline_run_id="another"))
        transaction.record_run(replace(store.runs()[-1], outputs={}))
    assert collect(keep=1, is_running=lambda run_id: run_id == pipeline_run).versions == ["raw:v1", "raw:v2"]


RUNNING = """
name: slow
steps:
  make: {component: ., entry_point: make, with: {seed: 1}}
  wait: {component: ., entry_point: wait, with: {mark: "${make.mark}", sign: SIGN}}
  use:  {component: ., entry_point: use, with: {made: "${make.made}", after: "${wait.waited}"}}
"""
COMPONENT = """
name: slow
entry_points:
  make:
    parameters: {seed: {type: int}, made: {type: str, default: made.txt}, mark: {type: str, default: mark.txt}}
    outputs: {made: {type: text, path: made.txt}, mark: {type: text, path: mark.txt}}
    command: "echo {seed} > {made}; echo {seed} > {mark}"
  wait:
    parameters: {mark: {type: path, artifact: text}, sign: {type: str}, waited: {type: str, default: waited.txt}}
    outputs: {waited: {type: text, path: waited.txt}}
    command: "touch {sign}; while test -e {sign}; do sleep 0.02; done; cat {mark} > {waited}"
  use:
    parameters: {made: {type: path, artifact: text}, after: {type: path, artifact: text}}
    command: "cat {made}"
"""


def test_a_pipeline_that_runs_finds_what_it_has_made_whatever_is_collected_meanwhile(tmp_path, root, write):
    folder, sign = tmp_path / "slow", tmp_path / "sign"
    folder.mkdir()
    (folder / "MLproject").write_text(COMPONENT)
    (folder / "pipeline.yaml").write_text(RUNNING.replace("SIGN", str(sign)))
    artifactflow = [sys.executable, "-m", "artifactflow"]
    run = [*artifactflow, "run-pipeline", str(folder), "--store", str(root)]
    environment = {**os.environ, "ARTIFACTFLOW_TRACK": "none"}
    with subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        until = time.monotonic() + 60
        while not sign.exists():
            assert process.poll() is None and time.monotonic() < until, process.stdout.read()
            time.sleep(0.02)
        with Store.open(root) as store:
            for number in range(2):
                tree = store.put_tree(write("made.txt", f"newer {number}"))
                with store.transaction() as transaction:
                    transaction.register("made", "text", "", tree)
        collect = [*artifactflow, "artifacts", "gc", "--keep", "1", "--grace", "0s", "--store", str(root)]
        said = subprocess.run(collect, env=environment, capture_output=True, text=True, check=True).stdout
        sign.unlink()
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert "retired made:v2" in said
    assert "made:v1" not in said


@pytest.mark.parametrize("known", [True, False])
def test_a_link_in_the_place_of_a_leftover_is_removed_and_not_what_it_points_to(store, root, tmp_path, collect, known):
    (tmp_path / "precious").mkdir()
    for name in ("inputs", "staging"):
        (tmp_path / "precious" / name).mkdir()
    if known:
        record(store, "planted", {}, {})
    (root / "runs" / "planted").symlink_to(tmp_path / "precious")
    collect()
    assert sorted(path.name for path in (tmp_path / "precious").iterdir()) == ["inputs", "staging"]
    assert not (root / "runs" / "planted").is_symlink()


def test_a_long_put_does_not_let_others_wait_behind_the_collector(store, root, monkeypatch):
    turnstile, other = Turnstile(root / "locks"), Turnstile(root / "locks")
    monkeypatch.setattr("artifactflow.store.locks._TURNS", (0.01, 0.02))
    collected = threading.Event()

    def collector():
        with turnstile.collecting():
            collected.set()

    with other.passed():
        thread = threading.Thread(target=collector)
        thread.start()
        for _ in range(3):
            with Turnstile(root / "locks").passed():
                pass
        assert not collected.is_set()
    thread.join()
    assert collected.is_set()


def test_a_collector_gives_up_in_words(root, store, monkeypatch):
    monkeypatch.setattr("artifactflow.store.locks._TURNS", (0.01,))
    with Turnstile(root / "locks").passed(), pytest.raises(OutsideError, match="lock"):  # noqa: SIM117
        with Turnstile(root / "locks").collecting(patience=0.0):
            pass


WRITER = """
import sys, time
from pathlib import Path
from artifactflow.store import Store
folder, name, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
store = Store.open(folder)
file = folder.parent / name
longest, number, until = 0.0, 0, time.monotonic() + seconds
while time.monotonic() < until:
    file.write_text(f"{name} {number % 7}")
    began = time.monotonic()
    tree = store.put_tree(file)
    with store.transaction() as transaction:
        version = transaction.register(name, "text", "", tree).version
    longest = max(longest, time.monotonic() - began)
    assert store.intact(version.digest)
    number += 1
print(longest)
"""


@pytest.mark.parametrize("seconds", [0.4, pytest.param(30.0, marks=pytest.mark.torture)])
def test_a_collector_in_a_loop_neither_starves_six_writers_nor_removes_what_they_need(store, root, seconds):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), f"w{number}", str(seconds)],
            stdout=subprocess.PIPE,
            env=os.environ,
        )
        for number in range(6)
    ]
    rounds = 0
    try:
        while any(writer.poll() is None for writer in writers):
            store.collect(keep=2, grace=5.0, is_running=lambda _: False)
            rounds += 1
    finally:
        answers = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 6
    assert rounds > 1
    assert max(map(float, answers)) < 5
    assert store.verify().faults == []
