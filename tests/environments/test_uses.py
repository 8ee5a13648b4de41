"""What nobody leads to any more is removed, and nothing else."""

from __future__ import annotations

from artifactflow.environments.build import MARKER
from artifactflow.environments.choose import choose_environment
from artifactflow.environments.uses import collect, environments, record_use


def test_an_environment_knows_the_files_that_lead_to_it(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    root = tmp_path / "environments"
    made = [component("tinylib", name=name) for name in ("one", "two")]
    for one in made:
        choose_environment(one, "uv", root)
    (listed,) = environments(root)
    assert listed.complete
    assert listed.used_by == tuple(one.environment.file for one in made)
    assert listed.facts["packages"]["tinylib"] == "1.0"
    assert listed.size > 0


def test_a_file_that_changed_frees_its_old_environment(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    wheel("otherlib", "1.0")
    root = tmp_path / "environments"
    old = choose_environment(component("tinylib"), "uv", root)
    new = choose_environment(component("otherlib"), "uv", root)
    removed = collect(root)
    assert removed.keys == (old.folder.name,)
    assert removed.bytes > 0
    assert not old.folder.exists()
    assert choose_environment(component("otherlib"), "uv", root).folder == new.folder
    assert len(list((root / "locks").iterdir())) == 1
    assert [path.name for path in (root / "bytecode").glob("*/*")] == [
        path.name for path in (root / "bytecode").glob("*/otherlib-*")
    ]


def test_a_component_that_has_gone_frees_everything(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    root = tmp_path / "environments"
    made = component("tinylib")
    choose_environment(made, "uv", root)
    made.environment.file.unlink()
    assert len(collect(root).keys) == 1
    assert environments(root) == []
    assert list((root / "locks").iterdir()) == []


def test_a_file_that_leads_to_two_environments_keeps_both(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    root = tmp_path / "environments"
    made = component("tinylib")
    chosen = choose_environment(made, "uv", root)
    record_use(root, made.environment.file, "by-conda")
    assert collect(root).keys == ()
    assert chosen.python.exists()
    assert len(list((root / "locks").iterdir())) == 1


def test_an_unfinished_environment_is_removed(component, wheel, tmp_path):
    wheel("tinylib", "1.0")
    root = tmp_path / "environments"
    chosen = choose_environment(component("tinylib"), "uv", root)
    (chosen.folder / MARKER).unlink()
    assert not environments(root)[0].complete
    assert collect(root).keys == (chosen.folder.name,)


def test_collecting_where_nothing_was_built_does_nothing(tmp_path):
    assert collect(tmp_path / "environments").keys == ()
    assert not (tmp_path / "environments").exists()
