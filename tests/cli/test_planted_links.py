"""A store that came with a checkout or an archive may hold links: no command reads, writes or removes through one."""

from pathlib import Path

import pytest

from artifactflow.cli.app import main
from artifactflow.library import StoredVersion
from artifactflow.store import Store
from artifactflow.store.files import remove

WORD = "stolen"
SECRET = WORD * 100
COMMANDS = [
    "runs ls",
    "runs show make",
    "runs show RUN",
    "runs log make",
    "runs log RUN",
    "runs log RUN --json",
    "plan .",
    "artifacts ls",
    "artifacts ls made",
    "artifacts show made",
    "artifacts lineage made",
    "artifacts get made --to out",
    "artifacts diff made:v1 loud:v1",
    "artifacts verify",
    "artifacts verify made",
    "report -o page.html",
    "artifacts put new.txt --type text",
    "artifacts alias made:v1 best",
    "run-pipeline -P word=again",
    "artifacts verify --repair",
    "artifacts rebuild",
    "artifacts rebuild --journal",
    "artifacts gc --dry-run --grace 0s",
    "artifacts gc --keep 1 --grace 0s",
    "artifacts rm made --force",
    "artifacts gc --grace 0s",
    "artifacts migrate",
]


@pytest.fixture
def ran(cli, words: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """The store of a pipeline that has run, and the id of the run."""
    monkeypatch.chdir(words)
    (words / "new.txt").write_text("new")
    cli("run-pipeline")
    return words / ".artifactflow", cli("runs", "ls", "--json").json[0]["id"]


def place_of(root: Path, run_id: str, name: str) -> Path:
    with Store.open(root) as store:
        made = store.object_path(store.tree(store.version("made").digest).entries[0].digest)
    places = {
        "an object": made,
        "objects of one beginning": made.parent,
        "a run": root / "runs" / run_id,
        "logs": root / "runs" / run_id / "logs",
        "a run that nobody knows": root / "runs" / "20260101-000000-aaaaaaaa",
        "what is put": root / "tmp" / "put-dead",
    }
    return places[name] if name in places else root / name


@pytest.mark.parametrize(
    "name",
    [
        "objects", "objects/sha256", pytest.param("objects of one beginning", marks=pytest.mark.torture), "an object",
        "runs", "a run", pytest.param("logs", marks=pytest.mark.torture),
        pytest.param("a run that nobody knows", marks=pytest.mark.torture),
        "journal", "journal/000001.log", "journal/000002.log", "tmp", "what is put",
        "catalog.db", "catalog.db-journal", "catalog.sum",
    ],
)  # fmt: skip
def test_no_command_follows_a_link(ran, tmp_path, capsys, name):
    root, run_id = ran
    place = place_of(root, run_id, name)
    precious = tmp_path / "precious"
    is_folder = place.is_dir() or not (place.exists() or place.suffix)
    if is_folder:
        precious.mkdir()
        for inner in ("log", "logs", "running.jsonl", "staging/file", "inputs/file", "object"):
            (precious / inner).parent.mkdir(exist_ok=True)
            (precious / inner).write_text(SECRET)
    else:
        precious.write_text(SECRET)
    before = contents(precious)
    remove(place)
    place.symlink_to(precious, target_is_directory=is_folder)
    printed = ""
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(command.replace("RUN", run_id).split())
        said = capsys.readouterr()
        assert ended.value.code in {0, None, 4, 5, 6, 9}, f"{command}: {said.err}"
        assert "Traceback" not in said.err
        printed += said.out + said.err
        assert contents(precious) == before, command
    assert WORD not in printed
    assert not any(WORD in file.read_text(errors="replace") for file in written_by(root.parent))


def contents(path: Path) -> dict[str, bytes]:
    """A file, or everything in a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file): file.read_bytes() for file in files}


def written_by(folder: Path) -> list[Path]:
    """What commands have written for people."""
    return [file for file in (folder / "page.html", *folder.glob("out/*")) if file.is_file()]


def test_a_version_is_not_loaded_through_a_link(ran, tmp_path):
    with Store.open(ran[0]) as store:
        made = StoredVersion(store.version("made"), store)
        name = made.path().name
        copy = made.path().parent
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious" / name).write_text(SECRET)
        remove(copy)
        copy.symlink_to(tmp_path / "precious")
        assert made.path().read_text() == "hellohello"
        remove(copy / name)
        (copy / name).symlink_to(tmp_path / "precious" / name)
        assert made.path().read_text() == "hellohello"
    assert (tmp_path / "precious" / name).read_text() == SECRET
