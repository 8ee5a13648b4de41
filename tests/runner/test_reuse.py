"""A step is reused only if nothing that matters changed, and every RUN says why."""

import re
import shutil

import pytest

from artifactflow.errors import ContractError


def test_the_second_run_reuses_every_step(project):
    assert project.decisions() == {"make": "RUN", "shout": "RUN"}
    assert project.text("loud") == "HELLOHELLO"
    assert project.decisions() == {"make": "REUSE", "shout": "REUSE"}
    assert [version.number for version in project.store.versions("loud")] == [1]


def test_a_plan_without_a_store_writes_nothing(project):
    assert project.plan() == {"make": ("RUN", "never run"), "shout": ("RUN", "follows make")}
    assert not (project.folder / ".artifactflow").exists()


def test_a_changed_parameter_reruns_what_depends_on_it_and_says_so(project):
    project.run()
    assert project.plan(word="bye") == {
        "make": ("RUN", "parameter word hello → bye"),
        "shout": ("RUN", "follows make"),
    }
    assert project.decisions(word="bye") == {"make": "RUN", "shout": "RUN"}
    assert project.text("loud:v2") == "BYEBYE"


def test_going_back_reuses_the_old_versions_and_moves_latest_back(project):
    project.run()
    project.run(word="bye")
    assert project.decisions() == {"make": "REUSE", "shout": "REUSE"}
    assert project.text("loud:latest") == "HELLOHELLO"
    assert project.store.aliases("made")["latest"] == 1


def test_a_step_that_makes_the_same_again_spares_what_follows(project):
    project.run()
    main = project.folder / "make" / "main.py"
    main.write_text(main.read_text().replace('print("making"', 'print("Making"'))
    assert project.plan()["make"] == ("RUN", "code changed: main.py")
    assert project.decisions() == {"make": "RUN", "shout": "REUSE"}


def test_comments_docstrings_and_touched_files_change_nothing(project):
    project.run()
    main = project.folder / "make" / "main.py"
    main.write_text('"""What it does."""\n' + main.read_text().replace("args =", "args   =") + "# more\n")
    assert project.decisions() == {"make": "REUSE", "shout": "REUSE"}


def test_a_new_helper_module_is_code(project):
    project.run()
    (project.folder / "make" / "helper.py").write_text("x = 1\n")
    assert project.plan()["make"] == ("RUN", "code added: helper.py")


def test_an_input_from_outside_the_store_counts_by_its_content(project):
    data = project.folder / "data.txt"
    data.write_text("one")
    project.pipeline("steps: {shout: {component: shout, with: {text: data.txt}}}")
    assert project.decisions() == {"shout": "RUN"}
    data.touch()
    assert project.decisions() == {"shout": "REUSE"}
    data.write_text("two")
    decision, reason = project.plan()["shout"]
    assert decision == "RUN"
    assert re.fullmatch(r"input text: data.txt \(\w{12}\) → data.txt \(\w{12}\)", reason)
    moved = project.folder / "elsewhere" / "data.txt"
    moved.parent.mkdir()
    shutil.copy(data, moved)
    project.run()
    project.pipeline("steps: {shout: {component: shout, with: {text: elsewhere/data.txt}}}")
    assert project.decisions() == {"shout": "REUSE"}


def test_a_lost_output_is_made_again(project):
    project.run()
    version = project.store.version("made")
    (entry,) = project.store.tree(version.digest).entries
    project.store.object_path(entry.digest).unlink()
    assert project.plan()["make"] == ("RUN", "output missing: made")
    assert project.decisions() == {"make": "RUN", "shout": "REUSE"}
    assert project.text("made") == "hellohello"


def test_a_forced_step_runs_and_what_follows_only_if_the_result_differs(project):
    project.run()
    record = project.run(force=("make",))
    make, shout = record.steps
    assert (make.decision, make.reason) == ("RUN", "forced")
    assert shout.decision == "REUSE"


def test_without_the_cache_everything_runs(project):
    project.run()
    assert project.decisions(use_cache=False) == {"make": "RUN", "shout": "RUN"}


def test_a_step_may_ask_to_run_every_time(project):
    project.pipeline("steps: {make: {component: make, cache: false}}")
    project.run()
    assert project.plan()["make"] == ("RUN", "step says cache: false")
    assert project.decisions() == {"make": "RUN"}


def test_a_failed_step_is_not_reused(project):
    main = project.folder / "make" / "main.py"
    whole = main.read_text()
    main.write_text("raise SystemExit(3)")
    project.fails()
    main.write_text(whole)
    assert project.decisions() == {"make": "RUN", "shout": "RUN"}


def test_a_declared_environment_variable_counts_and_others_do_not(project, monkeypatch):
    manifest = project.folder / "make" / "MLproject"
    manifest.write_text(manifest.read_text().replace("    command:", "    env: [SIZE]\n    command:"))
    project.run()
    monkeypatch.setenv("COLOUR", "red")
    assert project.plan()["make"][0] == "REUSE"
    monkeypatch.setenv("SIZE", "3")
    assert project.plan()["make"] == ("RUN", "environment variable SIZE changed")


def test_what_a_plain_run_left_in_the_folder_is_no_code(project):
    manifest = project.folder / "make" / "MLproject"
    manifest.write_text(manifest.read_text().replace("made.txt", "made.json"))
    project.run()
    (project.folder / "make" / "made.json").write_text("[]")
    assert project.plan()["make"][0] == "REUSE"
    (project.folder / "make" / "other.json").write_text("[]")
    assert project.plan()["make"] == ("RUN", "code added: other.json")


def test_a_changed_function_is_named(project):
    main = project.folder / "make" / "main.py"
    main.write_text("def one():\n    return 1\n\ndef two():\n    return 2\n" + main.read_text())
    project.run()
    main.write_text(main.read_text().replace("return 2", "return 3"))
    assert project.plan()["make"] == ("RUN", "code changed: main.py::two")


def test_a_step_comes_after_another_and_runs_again_whenever_that_did(project):
    data = project.folder / "data.txt"
    data.write_text("one")
    project.pipeline(
        "steps: {shout: {component: shout, with: {text: data.txt}, after: [make]}, make: {component: make}}"
    )
    assert list(project.decisions()) == ["make", "shout"]
    assert project.decisions() == {"make": "REUSE", "shout": "REUSE"}
    project.run(force=("make",))
    project.pipeline(
        "steps: {shout: {component: shout, with: {text: data.txt}, after: [make]}, "
        "make: {component: make, with: {count: 3}}}"
    )
    assert project.plan() == {"make": ("RUN", "parameter count 2 → 3"), "shout": ("RUN", "follows make")}
    assert project.decisions() == {"make": "RUN", "shout": "RUN"}


def test_a_step_that_comes_after_no_step_names_what_may_be_meant(project):
    project.pipeline("steps: {make: {component: make}, shout: {component: shout, after: [maek]}}")
    with pytest.raises(ContractError, match="comes after 'maek'") as caught:
        project.plan()
    assert caught.value.hint == "did you mean make?"


def test_included_data_files_count_as_code(project):
    manifest = project.folder / "make" / "MLproject"
    manifest.write_text(manifest.read_text().replace("    command:", "    include: ['*.csv']\n    command:"))
    (project.folder / "make" / "table.csv").write_text("a\n1\n")
    project.run()
    (project.folder / "make" / "table.csv").write_text("a\n2\n")
    assert project.plan()["make"] == ("RUN", "code changed: table.csv")
