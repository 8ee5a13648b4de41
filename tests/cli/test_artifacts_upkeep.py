"""`artifactflow artifacts verify | rebuild | gc | rm | diff | migrate`, for people and for machines."""

import shutil
from pathlib import Path

import pytest

from artifactflow.runner.locks import RunLocks
from artifactflow.store import Store


@pytest.fixture
def stored(cli, tmp_path: Path) -> Path:
    """A store with three versions of `notes`, the first of them the best."""
    file = tmp_path / "notes.txt"
    for number, text in enumerate(["one", "two", "three"]):
        file.write_text(text)
        cli("artifacts", "put", file, "--type", "text", *(["--alias", "best"] if number == 0 else []))
    return tmp_path


@pytest.fixture
def damaged(stored: Path) -> Path:
    """The same with a changed byte; the path is that of the object."""
    with Store.open(stored / ".artifactflow") as store:
        path = store.object_path(store.tree(store.version("notes:v2").digest).entries[0].digest)
    path.chmod(0o644)
    path.write_text("twO")
    return path


def versions(cli, name: str = "notes") -> list[int]:
    return [row["version"] for row in cli("artifacts", "ls", name, "--json").json]


def test_verify_says_that_all_is_well(cli, stored):
    said = cli("artifacts", "verify").out
    assert (
        said == "read 6 objects (344 B) of 3 versions and 4 records of the journal: everything is as it was written\n"
    )
    assert (
        cli("artifacts", "verify", "notes:v1").out
        == "read 2 objects (114 B) of 1 version: everything is as it was written\n"
    )


def test_verify_ends_with_5_and_says_what_where_and_the_mend(cli, damaged):
    failed = cli("artifacts", "verify", code=5)
    assert f"{damaged}: an object has changed\n  expected sha256:" in failed.out
    assert "  hits     notes:v2\n" in failed.out
    assert "artifactflow artifacts put notes.txt --name notes --type text" in failed.out
    assert failed.err.splitlines()[0] == "error: the store has 1 fault"
    assert "verify --repair" in failed.err
    (fault,) = cli("artifacts", "verify", "--json", code=5).json["faults"]
    assert (fault["kind"], fault["path"], fault["versions"]) == ("object", str(damaged), ["notes:v2"])


def test_verify_repair_puts_aside_and_the_mend_mends(cli, damaged, stored):
    assert "put into" in cli("artifacts", "verify", "--repair", code=5).out
    (stored / "notes.txt").write_text("two")
    assert "notes:v2" in cli("artifacts", "put", "notes.txt", "--name", "notes", "--type", "text").out
    cli("artifacts", "verify")


def test_rebuild_counts_what_it_found(cli, stored):
    (stored / ".artifactflow" / "catalog.db").unlink()
    assert cli("artifacts", "rebuild", "--json").json == {"versions": 3, "runs": 0, "pipeline_runs": 0}
    assert cli("artifacts", "rebuild").out.startswith("built the catalog again: 3 versions, 0 runs of steps")


def test_rm_then_gc_frees_the_bytes(cli, stored):
    removed = cli("artifacts", "rm", "notes:v2").out
    assert removed == "removed notes:v2; the bytes go with the next artifactflow artifacts gc\n"
    assert versions(cli) == [1, 3]
    assert "2 objects too young to go, see --grace" in cli("artifacts", "gc").out
    assert cli("artifacts", "gc", "--grace", "0").out == "freed 114 B: 0 versions, 2 objects, 0 leftovers\n"
    cli("artifacts", "verify")


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["rm", "notes:v1"], 2, "notes:v1 is needed by notes:best", "--force"),
        (["rm", "notes:v3"], 2, "notes:v3 is needed by notes:latest", "--force"),
        (["rm", "notes"], 2, "notes names all of its 3 versions", "artifactflow artifacts rm notes --force"),
        (["rm", "notes:v9"], 4, "notes has no version 'v9'", "it has v1"),
        (["rm", "note", "--force"], 4, "there is no artifact 'note'", "did you mean notes?"),
        (["gc", "--older-than", "soon"], 2, "--older-than 'soon' is no duration", "30d"),
        (["gc", "--keep", "0"], 2, "", "options"),
        (["verify", "note"], 4, "there is no artifact 'note'", "did you mean notes?"),
        (["diff", "notes:v1", "notes:v9"], 4, "notes has no version 'v9'", "it has v1"),
        (["migrate", "--store", "nowhere"], 4, "there is no store at", "--store DIR"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(cli, stored, arguments, code, error, hint):
    failed = cli("artifacts", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in failed.partition("hint: ")[2]
    assert versions(cli) == [1, 2, 3]


def test_rm_force_removes_a_whole_artifact_and_its_numbers_are_not_used_again(cli, stored):
    assert cli("artifacts", "rm", "notes", "--force", "--json").json == {
        "removed": ["notes:v1", "notes:v2", "notes:v3"]
    }
    assert "there is no artifact 'notes'" in cli("artifacts", "show", "notes", code=4).err
    assert "registered notes:v4" in cli("artifacts", "put", "notes.txt").out


def test_gc_keep_retires_but_for_what_an_alias_names_and_a_dry_run_only_says_so(cli, stored):
    said = cli("artifacts", "gc", "--keep", "1", "--grace", "0s", "--dry-run").out.splitlines()
    assert said == ["would retire notes:v2", "would free 114 B: 1 version, 2 objects, 0 leftovers"]
    assert versions(cli) == [1, 2, 3]
    freed = cli("artifacts", "gc", "--keep", "1", "--older-than", "0s", "--grace", "0s", "--json").json
    assert (freed["versions"], freed["objects"], freed["bytes"], freed["dry_run"]) == (["notes:v2"], 2, 114, False)
    assert versions(cli) == [1, 3]


def test_gc_leaves_the_folder_of_a_run_whose_process_lives(cli, stored):
    root = stored / ".artifactflow"
    folder = root / "runs" / "parent"
    folder.mkdir()
    (folder / "running.jsonl").touch()
    code = "import sys; from pathlib import Path; from artifactflow.runner.locks import RunLocks\n"
    code += "locks = RunLocks(Path(sys.argv[1])); print(locks.try_acquire('parent'), flush=True); sys.stdin.read()"
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", code, root / "locks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"True\n"
        assert cli("artifacts", "gc", "--grace", "0", "--json").json["leftovers"] == []
        process.stdin.close()
    assert cli("artifacts", "gc", "--grace", "0", "--json").json["leftovers"] == [f"runs/{folder.name}"]
    with RunLocks(root / "locks") as locks:
        assert locks.try_acquire("parent")


def test_lineage_names_what_was_removed(cli, words):
    cli("run-pipeline", words)
    store = words / ".artifactflow"
    before = cli("artifacts", "lineage", "loud", "--store", store, "--json").json
    made = before["from"][0]["version"]
    assert (
        f"is needed by {made.partition(':')[0]}:latest, loud:v1"
        in cli("artifacts", "rm", made, "--store", store, code=2).err
    )
    cli("artifacts", "rm", made, "--store", store, "--force")
    lineage = cli("artifacts", "lineage", "loud", "--store", store, "--json").json
    assert lineage["from"][0] == {**before["from"][0], "removed": True}
    assert f"{made}  (removed)" in cli("artifacts", "lineage", "loud", "--store", store).out


def test_a_step_whose_output_is_gone_is_planned_to_run_again(cli, words):
    cli("run-pipeline", words)
    store = words / ".artifactflow"
    cli("artifacts", "rm", "loud", "--force", "--store", store)
    assert "output missing: loud" in cli("plan", words).out
    cli("run-pipeline", words)
    assert cli("artifacts", "show", "loud", "--json", "--store", store).json["version"] == 2


def test_diff_of_tables_tells_rows_columns_types_and_a_summary(cli, tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n1,x,2.5\n2,y,\n3,x,1\n")
    cli("artifacts", "put", file)
    file.write_text("a,b,d\n1.5,x,q\n2,y,r\n3,z,r\n4,z,r\n")
    cli("artifacts", "put", file)
    shown = cli("artifacts", "diff", "t:v1", "t:v2").out
    assert shown.splitlines()[:4] == ["~ t.csv  25 B → 32 B", "  rows 3 → 4", "  - columns c", "  + columns d"]
    (changed,) = cli("artifacts", "diff", "t:v1", "t", "--json").json["changed"]
    content = changed["content"]
    assert content["rows"] == [3, 4]
    assert content["columns"] == {"added": ["d"], "removed": ["c"], "retyped": ["a"]}
    assert content["summary"]["a"][0] == {
        "type": "int64", "count": 3, "missing": 0, "mean": 2.0, "std": 1.0, "min": 1, "max": 3,
    }  # fmt: skip


def test_diff_of_json_tells_the_changed_keys_and_of_folders_the_files(cli, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "metrics.json").write_text('{"accuracy": 0.5, "n": {"old": 1}}')
    (folder / "gone.txt").write_text("x")
    cli("artifacts", "put", folder)
    (folder / "metrics.json").write_text('{"accuracy": 0.75, "n": {"new": 2}}')
    (folder / "gone.txt").rename(folder / "new.txt")
    cli("artifacts", "put", folder)
    assert cli("artifacts", "diff", "report:v1", "report:v2").out.splitlines() == [
        "- gone.txt  1 B",
        "+ new.txt  1 B",
        "~ metrics.json  34 B → 35 B",
        "  - n.old: 1",
        "  + n.new: 2",
        "  ~ accuracy: 0.5 → 0.75",
    ]


def test_diff_with_exit_code_ends_with_8_where_they_differ(cli, stored):
    assert (
        cli("artifacts", "diff", "notes:v1", "notes:best", "--exit-code").out
        == "notes:v1 and notes:v1 have the same files\n"
    )
    assert "notes:v1 and notes:v2 differ" in cli("artifacts", "diff", "notes:v1", "notes:v2", "--exit-code", code=8).err
    cli("artifacts", "diff", "notes:v1", "notes:v2")


def test_a_table_that_is_none_is_said_and_does_not_stop_the_rest(cli, tmp_path):
    file = tmp_path / "t.csv"
    for text in ("", "a\n1\n"):
        file.write_text(text)
        cli("artifacts", "put", file)
    assert "not compared: " in cli("artifacts", "diff", "t:v1", "t:v2").out


def test_migrate_has_nothing_to_do(cli, stored):
    assert cli("artifacts", "migrate").out == ".artifactflow has format 1, the current one: nothing to do\n"
    assert cli("artifacts", "migrate", "--json").json == {"from": 1, "to": 1, "backup": None}
    (stored / ".artifactflow" / "format").write_text('{"version": 9, "hash": "sha256", "id": "x"}')
    assert "upgrade" in cli("artifacts", "migrate", code=5).err
    shutil.rmtree(stored / ".artifactflow")
