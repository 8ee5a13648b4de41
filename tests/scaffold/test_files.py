"""Files are put where they belong all together or not at all, and never over others unless that was asked for."""

import errno
import stat
from pathlib import Path

import pytest

from artifactflow.errors import OutsideError, UsageError
from artifactflow.scaffold.files import write_files

TEXTS = {"main.py": "new\n", "sub/notes.txt": "é\n"}


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}


def test_a_new_folder_appears_with_its_files_and_the_folders_above_it(tmp_path: Path):
    write_files(tmp_path / "a" / "b" / "made", TEXTS)
    assert contents(tmp_path) == {f"a/b/made/{name}": text for name, text in TEXTS.items()}


def test_a_new_folder_has_the_permissions_of_any_other(tmp_path: Path):
    (tmp_path / "plain").mkdir()
    write_files(tmp_path / "made", TEXTS)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_an_existing_folder_keeps_what_else_is_in_it(tmp_path: Path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("mine\n")
    write_files(tmp_path / "made", TEXTS)
    assert contents(tmp_path / "made") == {"mine.txt": "mine\n", **TEXTS}


def test_existing_files_are_named_and_stay_as_they_are(tmp_path: Path):
    folder = tmp_path / "made"
    write_files(folder, {"main.py": "old\n"})
    with pytest.raises(UsageError, match=r"already has main\.py$") as caught:
        write_files(folder, TEXTS)
    assert "--force" in (caught.value.hint or "")
    assert contents(tmp_path) == {"made/main.py": "old\n"}


def test_force_replaces_these_files_and_touches_nothing_else(tmp_path: Path):
    folder = tmp_path / "made"
    write_files(folder, {"main.py": "old\n", "mine.txt": "mine\n"})
    outside = tmp_path / "outside.txt"
    outside.write_text("outside\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").symlink_to(outside)
    write_files(folder, TEXTS, force=True)
    assert contents(folder) == {"mine.txt": "mine\n", **TEXTS}
    assert outside.read_text() == "outside\n"


@pytest.mark.parametrize("force", [False, True])
def test_what_no_file_can_replace_is_never_replaced(tmp_path: Path, force: bool):
    (tmp_path / "file").write_text("a file\n")
    with pytest.raises(UsageError, match="it is no folder"):
        write_files(tmp_path / "file", TEXTS, force=force)
    (tmp_path / "made" / "main.py").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"holds what no file can replace: main\.py"):
        write_files(tmp_path / "made", TEXTS, force=force)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sub").write_text("a file\n")
    with pytest.raises(UsageError, match="holds what no file can replace: sub"):
        write_files(tmp_path / "other", TEXTS, force=force)
    assert contents(tmp_path) == {"file": "a file\n", "other/sub": "a file\n"}


def test_a_dangling_link_stands_in_the_way_too(tmp_path: Path):
    (tmp_path / "made").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="stands in the way"):
        write_files(tmp_path / "made", TEXTS)


@pytest.mark.parametrize("existing", [False, True])
def test_a_failure_halfway_leaves_nothing_behind(tmp_path: Path, existing: bool):
    """A name that is too long for any disk fails after the first files were written."""
    folder = tmp_path / "above" / "made"
    if existing:
        folder.mkdir(parents=True)
        (folder / "mine.txt").write_text("mine\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutsideError, match="cannot write"):
        write_files(folder, {**TEXTS, "x" * 300: ""})
    assert sorted(tmp_path.rglob("*")) == before


def test_a_parent_that_is_a_file_is_an_error_of_the_world_outside(tmp_path: Path):
    (tmp_path / "file").write_text("a file\n")
    with pytest.raises(OutsideError, match="cannot write"):
        write_files(tmp_path / "file" / "made", TEXTS)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_an_interruption_leaves_nothing_behind(tmp_path: Path):
    """What comes after the last good text is no text: whatever goes wrong then, nothing stays."""
    with pytest.raises(TypeError):
        write_files(tmp_path / "above" / "made", {**TEXTS, "z": None})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_while_files_are_moved_in_takes_them_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine\n")
    replace, moved = Path.replace, []

    def full_at_the_second(self: Path, target: Path) -> Path:
        if moved:
            raise OSError(errno.ENOSPC, "No space left on device")
        moved.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full_at_the_second)
    with pytest.raises(OutsideError, match="No space left on device"):
        write_files(folder, TEXTS)
    assert moved
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "mine.txt"]
