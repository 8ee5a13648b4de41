"""Data that a component finds in its own folder counts; what its steps leave there does not, until others change it."""

import os

import pytest

from artifactflow.errors import OutsideError
from artifactflow.read.code import file_digests
from artifactflow.runner import Options
from artifactflow.runner.planning.component_folder import FolderMemory, stamps

WRITES = """
    import argparse, pathlib
    parser = argparse.ArgumentParser()
    for name in ("word", "count", "made"):
        parser.add_argument(f"--{name}")
    args = parser.parse_args()
    open(args.made, "w").write(args.word)
"""


@pytest.fixture
def make(project):
    """The folder of the component that the pipeline's only step runs."""
    project.pipeline("name: p\nsteps: {make: {component: make}}\n")
    return project.folder / "make"


def writing(project, *lines):
    main = "\n".join([WRITES, *(f"    {line}" for line in lines), ""])
    (project.folder / "make" / "main.py").write_text("")
    project.component("make", (project.folder / "make" / "MLproject").read_text(), main=main)


def test_a_changed_file_of_data_beside_the_script_is_noticed(project, make):
    (make / "data").mkdir()
    (make / "data" / "table.csv").write_text("a\n1\n")
    project.run()
    assert project.plan()["make"][0] == "REUSE"
    (make / "data" / "table.csv").write_text("a\n2\n")
    assert project.plan()["make"] == ("RUN", "code changed: data/table.csv")
    (make / "data" / "table.csv").unlink()
    assert project.plan()["make"] == ("RUN", "code removed: data/table.csv")


def test_a_large_file_is_noticed_too_and_known_again_by_its_times(project, make):
    large = make / "large.bin"
    large.write_bytes(b"0" * (1 << 20))
    os.utime(large, (1, 1))
    project.run()
    assert project.plan()["make"][0] == "REUSE"
    content = bytearray(large.read_bytes())
    content[1000] = 1
    large.write_bytes(content)
    os.utime(large, (1, 1))
    assert project.plan()["make"] == ("RUN", "code changed: large.bin")


def test_what_tools_write_or_only_people_read_does_not_count(project, make):
    project.run()
    (make / "mlruns" / "0").mkdir(parents=True)
    for name in ("mlruns/0/meta.txt", "mlflow.db", "train.log", "README.txt", ".hidden"):
        (make / name).write_text("written")
    environment = make / "venv"
    environment.mkdir()
    (environment / "pyvenv.cfg").write_text("")
    (environment / "python").write_text("")
    assert project.plan()["make"][0] == "REUSE"


@pytest.mark.parametrize("written", ["args.word", "str(__import__('time').time_ns())"])
def test_a_step_that_writes_into_its_own_folder_is_reused_all_the_same(project, make, written):
    writing(project, f"pathlib.Path('clean.csv').write_text({written})", "pathlib.Path('state.json').write_text('{}')")
    assert project.decisions() == {"make": "RUN"}
    assert project.decisions() == {"make": "REUSE"}
    assert project.decisions(make__count=3) == {"make": "RUN"}
    assert project.decisions(make__count=3) == {"make": "REUSE"}
    assert project.decisions() == {"make": "REUSE"}


def test_a_step_may_leave_code_too_as_a_saved_model_has_it(project, make):
    writing(project, "pathlib.Path('model').mkdir(exist_ok=True)", "pathlib.Path('model/copy.py').write_text('x = 1')")
    assert project.decisions() == {"make": "RUN"}
    assert project.decisions() == {"make": "REUSE"}


def test_what_a_step_has_left_counts_once_somebody_else_has_changed_it(project, make):
    writing(project, "pathlib.Path('clean.csv').write_text('made')")
    project.run()
    (make / "clean.csv").write_text("edited by hand")
    assert project.plan()["make"] == ("RUN", "code added: clean.csv")


def test_a_step_that_changes_data_which_counts_is_not_reused_and_says_why(project, make):
    (make / "rows.csv").write_text("1\n")
    writing(project, "open('rows.csv', 'a').write('2\\n')")
    project.run()
    reason = "rows.csv in its folder was changed while the pipeline ran, and no version of that is kept"
    assert project.notes.warnings == [f"step make cannot be reused: {reason}"]
    assert project.plan()["make"][0] == "RUN"
    project.run()
    assert project.plan()["make"][0] == "RUN"  # each time it finds other rows


def test_a_step_that_writes_the_same_over_data_which_counts_is_reused_from_then_on(project, make):
    (make / "rows.csv").write_text("old")
    writing(project, "pathlib.Path('rows.csv').write_text('new')")
    assert project.decisions() == {"make": "RUN"}
    assert project.decisions() == {"make": "RUN"}
    assert project.decisions() == {"make": "REUSE"}


def edit(path, content):
    """A line for a script, in whose place a person edits a file while the step runs."""
    return f"pathlib.Path({str(path)!r}).write_text({content!r})"


def test_code_that_a_person_edits_while_the_step_runs_goes_on_to_count(project, make):
    (make / "helper.py").write_text("def version():\n    return 1\n")
    writing(project, "if args.count == '1': " + edit(make / "helper.py", "def version():\n    return 2\n"))
    assert project.decisions(make__count=1) == {"make": "RUN"}
    assert project.plan(make__count=1)["make"][0] == "RUN"  # nobody knows which one it has read
    assert project.decisions(make__count=2) == {"make": "RUN"}
    (make / "helper.py").write_text("def version():\n    return 3\n")
    assert project.plan(make__count=2)["make"] == ("RUN", "code changed: helper.py::version")


def test_a_step_whose_code_was_edited_after_the_run_was_planned_is_not_reused(project, make):
    (make / "helper.py").write_text("version = 1\n")
    writing(project, "if args.count == '1': " + edit(make / "helper.py", "version = 2\n"))
    project.pipeline("name: p\nsteps: {make: {component: make, matrix: {count: [1, 2]}}}\n")
    project.run(Options(jobs=1))
    assert len(project.notes.warnings) == 2
    (make / "helper.py").write_text("version = 1\n")
    assert {decision for decision, _ in project.plan().values()} == {"RUN"}


@pytest.mark.parametrize("content", ["null", "[1]", '{"left": null}', "{", ""])
def test_a_memory_that_is_none_is_an_empty_one(tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    FolderMemory(tmp_path, folder).note("main", {"a": [1, 2, 3]}, ["main.py"])
    (file,) = (tmp_path / "cache" / "folders").iterdir()
    file.write_text(content)
    assert FolderMemory(tmp_path, folder).left("main") == set()


def test_what_cannot_be_read_is_an_error_in_words_or_not_there(make):
    with pytest.raises(OutsideError, match=r"cannot read .*gone\.csv, which counts for its step"):
        file_digests(make / "gone.csv", "gone.csv")


def test_entry_points_that_share_a_folder_see_what_was_there_before_them(project):
    project.component(
        "both",
        """
        name: both
        entry_points:
          load: {parameters: {word: str}, command: "python load.py {word}"}
          clean: {parameters: {}, command: "python clean.py"}
        """,
        load_py="import sys\nopen('raw.csv', 'w').write(sys.argv[1])\n",
        clean_py="open('clean.csv', 'w').write(open('raw.csv').read().upper())\n",
    )
    project.pipeline(
        """
        name: p
        parameters: {word: {type: str, default: a}}
        steps:
          load: {component: both, entry_point: load, with: {word: "${word}"}}
          clean: {component: both, entry_point: clean, after: [load]}
        """
    )
    assert project.decisions() == {"load": "RUN", "clean": "RUN"}
    assert project.decisions() == {"load": "REUSE", "clean": "REUSE"}
    assert project.decisions(word="b") == {"load": "RUN", "clean": "RUN"}
    assert project.decisions(word="b") == {"load": "REUSE", "clean": "REUSE"}
    (project.folder / "both" / "raw.csv").write_text("c")
    assert project.decisions(word="b")["clean"] == "RUN"


def test_what_was_left_does_not_count_while_it_stands_as_it_was_left(tmp_path):
    store, folder = tmp_path / "store", tmp_path / "folder"
    folder.mkdir()
    (folder / "made.csv").write_text("made")
    FolderMemory(store, folder).note("main", stamps(folder), ["main.py"])
    assert FolderMemory(store, folder).left("main") == {"made.csv"}
    (folder / "made.csv").write_text("changed")
    assert FolderMemory(store, folder).left("main") == set()


def test_what_another_entry_point_left_counts_where_it_was_there_or_nothing_has_run(tmp_path):
    store, folder = tmp_path / "store", tmp_path / "folder"
    folder.mkdir()
    FolderMemory(store, folder).note("before", {}, ["main.py"])
    (folder / "made.csv").write_text("made")
    FolderMemory(store, folder).note("maker", stamps(folder), ["main.py"])
    FolderMemory(store, folder).note("after", {}, ["main.py", "made.csv"])
    memory = FolderMemory(store, folder)
    assert [memory.left(name) for name in ("before", "maker", "after", "never")] == [
        {"made.csv"},
        {"made.csv"},
        set(),
        set(),
    ]


def test_without_a_store_or_with_a_broken_file_nothing_is_known(tmp_path):
    store, folder = tmp_path / "store", tmp_path / "folder"
    folder.mkdir()
    (folder / "made.csv").write_text("made")
    FolderMemory(store, folder).note("main", stamps(folder), ["main.py"])
    (kept,) = (store / "cache" / "folders").iterdir()
    kept.write_text("{")
    assert FolderMemory(store, folder).left("main") == set()
    assert FolderMemory(None, folder).left("main") == set()
