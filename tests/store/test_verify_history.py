"""Verifying compares what the catalog says with the journal, and says whose word it takes where one is damaged."""

import sqlite3

import pytest

from artifactflow.store import Store


@pytest.fixture
def logged(store, root, log):
    """A store of three versions that nobody has open."""
    for content in ("a", "b", "c"):
        log(content)
    store.close()
    return root


def verify(root):
    with Store.open(root) as store:
        return store.verify()


def damage_journal(root):
    path = root / "journal" / "000001.log"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"some data", b"come data")
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM meta WHERE name = 'checksum'", "it does not say how far it has got"),
        ("UPDATE meta SET value = 'x' WHERE name = 'offset'", "it does not say how far it has got"),
        ("UPDATE meta SET value = 'another' WHERE name = 'store'", "it belongs to another store"),
        ("DROP TABLE meta", "it cannot be read"),
    ],
)
def test_a_catalog_that_does_not_say_what_it_has_seen_of_which_journal_is_a_fault(logged, statement, what):
    connection = sqlite3.connect(logged / "catalog.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    assert ("catalog", what) in [(fault.kind, fault.what) for fault in verify(logged).faults]


def test_of_a_damaged_journal_the_versions_are_those_that_the_catalog_knows(logged):
    damage_journal(logged)
    report = verify(logged)
    assert {fault.kind for fault in report.faults} == {"journal"}
    assert "the journal is damaged: the versions read are those of the catalog" in report.notes
    assert report.versions == 3


def test_without_a_catalog_they_are_those_before_the_damage(logged):
    damage_journal(logged)
    (logged / "catalog.db").unlink()
    report = verify(logged)
    assert "the journal is damaged: the versions read are those before the damage" in report.notes
    assert report.versions == 1
