"""What of a component's folder counts as its code."""

from pathlib import Path

from artifactflow.read.code import code_digests, own_files
from artifactflow.read.component import load_component


def test_a_model_that_mlflow_saved_beside_the_script_is_data_and_no_code(tmp_path: Path):
    (tmp_path / "MLproject").write_text("name: fit\nentry_points: {main: {command: python main.py}}\n")
    (tmp_path / "main.py").write_text("import helper")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "helper.py").write_text("x = 1")
    saved = tmp_path / "model_dir"
    (saved / "code").mkdir(parents=True)
    (saved / "MLmodel").write_text("flavors: {}")
    (saved / "conda.yaml").write_text("name: model")
    (saved / "code" / "helper.py").write_text("x = 1")
    component = load_component(".", tmp_path)
    contract = component.contract("main")
    assert set(code_digests(component, contract, code_only=True)) == {"main.py", "inner/helper.py"}
    assert "model_dir/MLmodel" in code_digests(component, contract)
    assert "model_dir/MLmodel" not in code_digests(component, contract, left={"model_dir/MLmodel"})


def test_data_and_code_are_its_own_and_with_code_only_the_code(tmp_path):
    for name in ("main.py", "inner/helper.py", "inner/rows.csv", "settings.json", "model/MLmodel", "model/code.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")

    def names(**options):
        return [file.relative_to(tmp_path).as_posix() for file in own_files(tmp_path, **options)]

    assert names() == [
        "inner/helper.py",
        "inner/rows.csv",
        "main.py",
        "model/MLmodel",
        "model/code.py",
        "settings.json",
    ]
    assert names(code_only=True) == ["inner/helper.py", "main.py", "settings.json"]


def test_a_linked_file_is_its_own_and_a_linked_folder_is_not_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "rows.csv").write_text("1")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "rows.csv").symlink_to(elsewhere / "rows.csv")
    (folder / "gone.csv").symlink_to(elsewhere / "gone.csv")
    (folder / "linked").symlink_to(elsewhere)
    assert list(own_files(folder)) == [folder / "rows.csv"]


def test_an_installed_environment_and_a_folder_of_hydras_are_left_out(tmp_path):
    for name in ("env/pyvenv.cfg", "conda/conda-meta/history", "outputs/12-00/.hydra/config.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("")
        (tmp_path / name.partition("/")[0] / "beside").write_text("")
    (tmp_path / "outputs/12-00/rows.csv").write_text("")
    assert list(own_files(tmp_path)) == [tmp_path / "outputs" / "beside"]
