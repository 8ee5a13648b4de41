"""`artifactflow artifacts …`: each command for people and for machines."""

import fcntl
from pathlib import Path

import pytest

from artifactflow.store import Store


@pytest.fixture
def stored(cli, tmp_path: Path) -> Path:
    """A store with two versions of `notes`, and a folder `pages`."""
    file = tmp_path / "notes.txt"
    file.write_text("one")
    cli("artifacts", "put", file, "--type", "text", "--description", "What we know")
    file.write_text("one and two")
    cli("artifacts", "put", file, "--type", "text", "--alias", "best", "--alias", "newest")
    (tmp_path / "pages" / "sub").mkdir(parents=True)
    (tmp_path / "pages" / "a.txt").write_text("a")
    (tmp_path / "pages" / "sub" / "b.txt").write_text("bb")
    cli("artifacts", "put", tmp_path / "pages")
    return tmp_path


def test_ls_shows_the_latest_version_of_each(cli, stored):
    header, *rows = cli("artifacts", "ls").out.splitlines()
    assert header.split() == [
        "name", "version", "type", "size", "files", "digest", "aliases", "created", "description",
    ]  # fmt: skip
    assert [row.split()[:3] for row in rows] == [["notes", "v2", "text"], ["pages", "v1", "artifact"]]


def test_ls_of_a_name_shows_all_its_versions(cli, stored):
    assert [row["version"] for row in cli("artifacts", "ls", "notes", "--json").json] == [1, 2]


def test_ls_by_type(cli, stored):
    assert {row["name"] for row in cli("artifacts", "ls", "--type", "text", "--json").json} == {"notes"}
    assert cli("artifacts", "ls", "--type", "model").out == "no artifacts of this type in .artifactflow\n"


def test_ls_where_nothing_is_stored_names_the_store_and_makes_none(cli, tmp_path):
    assert cli("artifacts", "ls").out == "no artifacts yet in .artifactflow\n"
    assert cli("artifacts", "ls", "--json").json == []
    assert not (tmp_path / ".artifactflow").exists()


def test_show_json_says_everything_that_is_known(cli, stored):
    shown = cli("artifacts", "show", "notes:v1", "--json").json
    assert {key: shown[key] for key in ("name", "version", "type", "description", "aliases", "metadata", "run")} == {
        "name": "notes",
        "version": 1,
        "type": "text",
        "description": "What we know",
        "aliases": [],
        "metadata": {},
        "run": None,
    }
    assert shown["digest"].startswith("sha256:")
    (file,) = shown["files"]
    assert (file["path"], file["size"], file["executable"]) == ("notes.txt", 3, False)
    assert file["digest"].startswith("sha256:")


def test_show_for_people(cli, stored):
    shown = cli("artifacts", "show", "pages").out
    assert "artifact  pages:v1" in shown
    assert "3 B in 2 files" in shown
    assert "sub/b.txt" in shown
    assert "(put by hand)" in shown


@pytest.mark.parametrize(
    ("ref", "version"),
    [("notes", 2), ("notes:latest", 2), ("notes:v1", 1), ("notes:best", 2), ("artifactflow:/notes/v1", 1)],
)
def test_a_version_is_named_by_number_alias_or_nothing(cli, stored, ref, version):
    assert cli("artifacts", "show", ref, "--json").json["version"] == version


def test_get_writes_a_file_under_its_own_name(cli, stored):
    assert cli("artifacts", "get", "notes:v1", "--to", "out").out == "out/notes.txt\n"
    assert (stored / "out" / "notes.txt").read_text() == "one"


def test_get_writes_a_folder_under_the_artifacts_name(cli, stored):
    assert cli("artifacts", "get", "pages", "--to", "out", "--json").json == {
        "version": "pages:v1",
        "path": "out/pages",
    }
    assert (stored / "out" / "pages" / "sub" / "b.txt").read_text() == "bb"


def test_get_never_writes_over_a_file(cli, stored):
    assert "notes.txt exists already" in cli("artifacts", "get", "notes", code=2).err


def test_put_says_that_content_is_known_already(cli, stored):
    again = cli("artifacts", "put", stored / "notes.txt", "--type", "text").out
    assert again.startswith("the same content as before: notes:v2")
    assert len(cli("artifacts", "ls", "notes", "--json").json) == 2


def test_put_keeps_the_collector_out_until_the_version_is_registered(cli, stored, monkeypatch):
    free = []

    def begun(store):
        with (store.root / "locks" / "gc").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                free.append(False)
            else:
                free.append(True)
                fcntl.flock(lock, fcntl.LOCK_UN)
        return transaction(store)

    transaction = Store.transaction
    monkeypatch.setattr(Store, "transaction", begun)
    cli("artifacts", "put", stored / "notes.txt")
    assert free == [False]


def test_put_json_is_the_version(cli, stored):
    (stored / "table.csv").write_text("a\n1\n")
    put = cli("artifacts", "put", stored / "table.csv", "--name", "numbers", "--alias", "best", "--json").json
    assert (put["name"], put["version"], put["aliases"]) == ("numbers", 1, ["best", "latest"])


def test_an_alias_moves_and_says_from_where(cli, stored):
    assert cli("artifacts", "alias", "notes:v1", "best").out == "notes:best is notes:v1 (was v2)\n"
    assert cli("artifacts", "alias", "notes:v2", "champion", "--json").json == {
        "name": "notes",
        "alias": "champion",
        "version": 2,
        "before": None,
    }
    assert cli("artifacts", "show", "notes:best", "--json").json["version"] == 1


def test_lineage_of_what_was_put_by_hand_is_itself(cli, stored):
    assert cli("artifacts", "lineage", "notes").out == "notes:v2\n"
    assert cli("artifacts", "lineage", "notes", "--json").json == {
        "version": "notes:v2",
        "run": None,
        "step": None,
        "from": [],
        "used_by": [],
    }


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (["show", "note"], 4, "there is no artifact 'note'", "did you mean notes?"),
        (["show", "notes:v9"], 4, "notes has no version 'v9'", "it has v1, v2"),
        (["show", "notes:bst"], 4, "notes has no version 'bst'", "best"),
        (["get", "page"], 4, "there is no artifact 'page'", "did you mean pages?"),
        (["lineage", "note"], 4, "there is no artifact 'note'", "did you mean notes?"),
        (["ls", "note"], 4, "there is no artifact 'note'", "did you mean notes?"),
        (["show", "two words"], 2, "'two words' cannot be an artifact name", "use letters, digits"),
        (["alias", "notes:v1", "v2"], 2, "'v2' cannot be an alias: it reads as a version number", ""),
        (["alias", "notes:v1", "-x"], 2, "there is no option -x", "artifactflow artifacts alias --help"),
        (["put", "nowhere.txt"], 4, "there is no nowhere.txt", "give a file or folder that exists"),
        (["put", "notes.txt", "--name", "../x"], 2, "'../x' cannot be an artifact name", "use letters"),
        (["put", "notes.txt", "--type", "a b"], 2, "'a b' cannot be", "use letters"),
        (["show", "notes", "--store", "nowhere"], 4, "there is no store here", "--store DIR"),
        (["ls", "--store", "~nobody-here/store"], 2, "there is no such user's home folder", "--store"),
        (["ls", "--store", "pages"], 5, "is not a store of artifactflow", "--store"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(cli, stored, arguments, code, error, hint):
    before = cli("artifacts", "ls", "notes", "--json").json
    failed = cli("artifacts", *arguments, code=code).err
    assert error in failed.splitlines()[0]
    assert hint in (failed.partition("hint: ")[2] or "")
    assert cli("artifacts", "ls", "notes", "--json").json == before


def test_the_store_variable_names_the_store(cli, stored, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("ARTIFACTFLOW_STORE", str(stored))
    assert cli("artifacts", "show", "notes", "--json").json["version"] == 2
