import sqlite3
import threading

import pytest

from artifactflow.errors import IntegrityError
from artifactflow.runs import Run, RunStatus
from artifactflow.store import Store
from artifactflow.store.journal import Journal, Position


@pytest.fixture
def filled(store, log):
    """A store with some of everything, and what it says of itself."""
    for content in ("a", "b", "a", "c"):
        log(content)
    log("x", name="other")
    store.set_alias("data", 2, "champion")
    with store.transaction() as transaction:
        transaction.record_run(Run("r1", "train", "train", status=RunStatus.FINISHED, inputs={"data": "data:v1"}))
    return everything(store)


def everything(store):
    return (store.versions(), store.list_artifacts(), store.runs(), store.runs_using("data:v1"))


def test_a_lost_catalog_is_rebuilt_from_the_journal(store, root, filled):
    store.close()
    (root / "catalog.db").unlink()
    with Store.open(root) as again:
        assert everything(again) == filled


def test_a_catalog_that_is_deleted_under_an_open_store_is_rebuilt_and_goes_on(store, root, filled, log):
    (root / "catalog.db").unlink()
    assert everything(store) == filled
    (root / "catalog.db").unlink()
    assert log("d").number == 4


@pytest.mark.parametrize("damage", ["empty", "text", "another database", "no meta", "beginning zeroed", "end zeroed"])
def test_a_damaged_catalog_is_rebuilt(store, root, filled, damage):
    store.close()
    path = root / "catalog.db"
    size = path.stat().st_size
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("no database\n" * 1000)
        case "another database":
            path.unlink()
            connection = sqlite3.connect(path)
            connection.execute("CREATE TABLE cats (name)")
            connection.close()
        case "no meta":
            connection = sqlite3.connect(path)
            connection.execute("DELETE FROM meta WHERE name = 'offset'")
            connection.commit()
            connection.close()
        case _:
            with path.open("r+b") as stream:
                stream.seek(100 if damage == "beginning zeroed" else size - 6 * 4096)
                stream.write(bytes(6 * 4096))
    with Store.open(root) as again:
        assert everything(again) == filled


@pytest.mark.parametrize("name, value", [("schema", 0), ("boot", "before the power cut"), ("store", "another")])
def test_a_catalog_of_other_tables_another_start_or_another_store_is_rebuilt(store, root, filled, name, value):
    store.close()
    change(root, f"UPDATE meta SET value = '{value}' WHERE name = '{name}'", "DELETE FROM versions")
    with Store.open(root) as again:
        assert everything(again) == filled


def change(root, *statements):
    connection = sqlite3.connect(root / "catalog.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_record_that_cannot_be_read_is_taken_from_the_journal_again(store, root, filled):
    store.close()
    change(root, "UPDATE versions SET record = substr(record, 2)")
    with Store.open(root) as again:
        assert everything(again) == filled


def test_a_transaction_over_a_damaged_catalog_stores_nothing_and_the_next_one_goes_on(store, root, filled, log):
    size = (root / "journal" / "000001.log").stat().st_size
    change(root, "DROP TABLE versions")
    with pytest.raises(IntegrityError, match=r"the catalog was damaged .* has been rebuilt from the") as caught:
        log("d")
    assert caught.value.hint == "nothing was stored: do it again"
    assert (root / "journal" / "000001.log").stat().st_size == size
    assert everything(store) == filled
    assert log("d").number == 4


def test_a_journal_that_is_ahead_of_the_catalog_is_replayed(store, root, log):
    """As after a crash between the append and the commit."""
    log("a")
    behind = (root / "catalog.db").read_bytes()
    log("b")
    store.close()
    (root / "catalog.db").write_bytes(behind)
    with Store.open(root) as again:
        assert [version.number for version in again.versions("data")] == [1, 2]


def test_one_store_sees_what_another_one_did(store, root, log):
    log("a")
    with Store.open(root) as other:
        assert other.version("data").number == 1
        log("b")
        assert other.version("data").number == 2


@pytest.mark.parametrize("restarted", [False, True])
def test_a_journal_cut_by_hand_is_found_because_the_catalog_has_seen_more(store, root, log, restarted):
    log("a")
    log("b")
    store.close()
    if restarted:
        change(root, "UPDATE meta SET value = 'before the restart' WHERE name = 'boot'")
    path = root / "journal" / "000001.log"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    for _ in range(2):
        with Store.open(root) as again, pytest.raises(IntegrityError, match="cut short"):
            again.versions()


def test_a_flipped_byte_in_the_journal_is_found_with_its_line_when_it_is_replayed(store, root, filled):
    store.close()
    path = root / "journal" / "000001.log"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"size":1', b'"size":2')
    path.write_bytes(b"".join(lines))
    (root / "catalog.db").unlink()
    with Store.open(root) as again, pytest.raises(IntegrityError, match=r"000001\.log:3"):
        again.versions()


def test_a_torn_tail_is_not_seen_and_the_next_transaction_cuts_it_off(store, root, log):
    log("a")
    with (root / "journal" / "000001.log").open("ab") as stream:
        stream.write(b"0123456789abcdef torn")
    assert [version.number for version in store.versions()] == [1]
    assert log("b").number == 2
    (root / "catalog.db").unlink()
    assert [version.number for version in store.versions()] == [1, 2]


def test_a_record_of_a_newer_artifactflow_is_refused_in_words(store, root, log):
    log("a")
    journal = Journal(root / "journal", store.id)
    *_, (_, end) = journal.records(Position())
    journal.append(end, {"time": "", "events": [{"teleport": {}}]})
    with pytest.raises(IntegrityError, match="does not know: teleport"):
        store.versions()


def test_segments_of_the_journal_are_replayed_in_order(root, write):
    with Store.open(root, segment_bytes=1000) as store:
        tree = store.put_tree(write("a"))
        for number in range(20):
            with store.transaction() as transaction:
                transaction.register(f"data{number:02}", "table", "", tree)
        assert len(list((root / "journal").iterdir())) > 3
        before = store.versions()
        (root / "catalog.db").unlink()
        assert store.versions() == before
        assert len(before) == 20


def test_threads_share_a_store(store, write):
    trees = [store.put_tree(write(f"{number}", str(number))) for number in range(8)]

    def work(tree):
        for _ in range(5):
            with store.transaction() as transaction:
                transaction.register(f"data{tree.entries[0].path}", "table", "", tree)
            assert store.versions()

    threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.versions()) == 8
